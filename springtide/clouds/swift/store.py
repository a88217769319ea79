"""A store in a Swift container: what the vault asks for, with checksums both ways.

Rule: an object is written once. Each write carries the data's MD5, which the store compares, and
asks for nothing to stand there yet. Where an answer was lost, or something stands there, the object
itself is asked: what it says of its size and checksum decides, and never a listing.

Example: the answer to a write of 32 MiB is lost. The next try asks for the object first, finds it
with the right checksum, and sends nothing again.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any, Self

from swiftclient.client import (  # type: ignore[import-untyped]  # it has no types
    ClientException,
    Connection,
)

from springtide.clouds.swift.backoff import StorePolicy
from springtide.clouds.swift.connections import Connections
from springtide.clouds.swift.token import Access, Authenticate
from springtide.clouds.swift.translation import ShortBody
from springtide.clouds.swift.upload import BYTES, Upload
from springtide.errors import Damaged, Misconfigured, NotFound, ReplyLost, Retryable
from springtide.model.object_storage import StoredObject, StorePlace

_MOST_PAGES = 1_000_000
_LINK_KEY = "X-Container-Meta-Temp-URL-Key"
_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+)")
_DEFAULT_POLICY = StorePolicy()


class SwiftStore:
    """A `Store` over one container; safe to be called by several threads at once."""

    def __init__(
        self,
        place: StorePlace,
        authenticate: Authenticate,
        *,
        residency: Collection[str],
        policy: StorePolicy = _DEFAULT_POLICY,
    ) -> None:
        """Nothing is asked before the first call; `authenticate` is called by one thread at a time.

        `residency` is the estate's: the regions in which anything may stand.

        Raises:
            Misconfigured: the place's region is not among them; no call was made.
        """
        if place.region not in residency:
            allowed = ", ".join(residency)
            raise Misconfigured(
                f"region {place.region} is outside the residency", field="region", allowed=allowed
            )
        self.place = place
        self._container = place.container
        self._base = f"{place.prefix}/" if place.prefix else ""
        self._page_size = policy.page_size
        self._connections = Connections(authenticate, policy)

    def __enter__(self) -> Self:
        """As it is."""
        return self

    def __exit__(self, *_: object) -> None:
        """Let go of its connections."""
        self.close()

    def close(self) -> None:
        """Let go of its connections; a later call opens new ones."""
        self._connections.close()

    def access(self) -> Access:
        """The account's address and a token, for another program that reads the container.

        Raises:
            Retryable, Misconfigured: there is no token to be had.
        """
        return self._connections.access()

    def make_container(self) -> None:
        """Make the container; there already is success.

        Raises:
            Misconfigured: the credential may not.
        """
        self._connections.call(
            "PUT container", lambda connection: connection.put_container(self._container)
        )

    def set_link_key(self, key: str) -> None:
        """Have the container know the key with which links to its objects are signed.

        Raises:
            Misconfigured: the credential may not, or there is no such container.
        """
        self._connections.call(
            "POST container",
            lambda connection: connection.post_container(self._container, {_LINK_KEY: key}),
        )

    def put(self, name: str, data: bytes, *, content_type: str = BYTES) -> None:
        """As `Store.put`; what stands already must have the same checksum, too."""
        upload = Upload(self._container, self._base, name, data, content_type=content_type)
        try:
            self._connections.call("PUT", upload.attempt)
        except NotFound as error:
            raise self._no_container() from error
        except Retryable as error:
            if not upload.in_doubt:
                raise
            lost = ReplyLost(str(error), retry_after_s=error.retry_after_s)
            raise lost from error.__cause__ or error

    def get(self, name: str, *, start: int = 0, length: int | None = None) -> bytes:
        """As `Store.get`."""
        if length == 0:
            if self.size(name) is None:
                raise NotFound(name)
            return b""  # HTTP has no range for it

        def attempt(connection: Connection) -> bytes:
            return self._fetched(connection, name, start, length)

        try:
            return self._connections.call("GET", attempt)
        except ShortBody as error:
            raise Damaged(f"{name}: fewer bytes came than are there", objects=(name,)) from error

    def size(self, name: str) -> int | None:
        """As `Store.size`."""

        def attempt(connection: Connection) -> int | None:
            try:
                found = connection.head_object(self._container, self._base + name)
            except ClientException as error:
                if error.http_status == HTTPStatus.NOT_FOUND:
                    return None
                raise
            return int(found["content-length"])

        return self._connections.call("HEAD", attempt)

    def listing(self, prefix: str) -> Iterator[StoredObject]:
        """As `Store.listing`, page after page until one is empty."""
        marker = ""
        for _ in range(_MOST_PAGES):
            page = self._page(self._base + prefix, marker)
            if not page:
                return
            for line in page:
                yield StoredObject(line["name"].removeprefix(self._base), line["bytes"])
            if page[-1]["name"] <= marker:
                break
            marker = page[-1]["name"]
        raise Retryable("object store: the listing does not end")

    def delete(self, name: str) -> None:
        """As `Store.delete`."""

        def attempt(connection: Connection) -> None:
            try:
                connection.delete_object(self._container, self._base + name)
            except ClientException as error:
                if error.http_status != HTTPStatus.NOT_FOUND:
                    raise

        self._connections.call("DELETE", attempt)

    def stored_bytes(self) -> int:
        """The bytes of all objects in the container, by its own count, which may be late.

        Raises:
            Misconfigured: there is no such container.
        """

        def attempt(connection: Connection) -> int:
            found = connection.head_container(self._container)
            return int(found["x-container-bytes-used"])

        try:
            return self._connections.call("HEAD container", attempt)
        except NotFound as error:
            raise self._no_container() from error

    def now(self) -> datetime:
        """As `Store.now`, by the Date of an answer.

        Raises:
            Misconfigured: there is no such container.
        """

        def attempt(connection: Connection) -> datetime:
            try:
                return parsedate_to_datetime(connection.head_container(self._container)["date"])
            except (KeyError, ValueError) as error:
                raise Retryable("object store: the answer has no date") from error

        try:
            return self._connections.call("HEAD container", attempt)
        except NotFound as error:
            raise self._no_container() from error

    def _fetched(self, connection: Connection, name: str, start: int, length: int | None) -> bytes:
        # Asked for by a range even where it is the whole: the answer then says how much there is.
        end = "" if length is None else start + length - 1
        headers = {"Range": f"bytes={start}-{end}"}
        try:
            told, body = connection.get_object(self._container, self._base + name, headers=headers)
        except ClientException as error:
            if error.http_status == HTTPStatus.NOT_FOUND:
                raise NotFound(name) from error
            if error.http_status != HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
                raise
            if length is None:
                return b""
            raise _shorter(name) from error
        return _part(name, told, body, start, length)

    def _page(self, prefix: str, marker: str) -> list[dict[str, Any]]:
        def attempt(connection: Connection) -> list[dict[str, Any]]:
            page: list[dict[str, Any]]
            try:
                _, page = connection.get_container(
                    self._container, marker=marker, prefix=prefix, limit=self._page_size
                )
            except ValueError as error:
                raise Retryable("object store: a listing is no JSON") from error
            return page

        try:
            return self._connections.call("GET container", attempt)
        except NotFound as error:
            raise self._no_container() from error

    def _no_container(self) -> Misconfigured:
        return Misconfigured("the store has no such container", field="container")


def _part(name: str, told: Mapping[str, str], body: bytes, start: int, length: int | None) -> bytes:
    """The body of an answer to a question for a part, when it is all of that part."""
    match = _RANGE.fullmatch(told.get("content-range", ""))
    if match is None:  # the whole object came
        total, body = len(body), body[start:]
        body = body if length is None else body[:length]
    elif int(match[1]) == start:
        total = int(match[2])
    else:
        raise ShortBody("object store: GET: another part came")
    if length is not None and start + length > total:
        raise _shorter(name)
    if len(body) != (total - start if length is None else length):
        raise ShortBody("object store: GET: fewer bytes came than were asked for")
    return body


def _shorter(name: str) -> Damaged:
    return Damaged(f"{name} is shorter than its index says", objects=(name,))
