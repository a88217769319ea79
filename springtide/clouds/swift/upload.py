"""One object on its way to the store, however many tries that takes."""

import hashlib
from http import HTTPStatus

from swiftclient.client import (  # type: ignore[import-untyped]  # it has no types
    ClientException,
    Connection,
)

from springtide.errors import Damaged, Retryable

_PIECE_BYTES = 256 * 1024
BYTES = "application/octet-stream"
"""What an object is, unless its writer knows better."""


class Upload:
    """A write that knows whether an earlier try of it may have been carried out."""

    def __init__(
        self, container: str, base: str, name: str, data: bytes, *, content_type: str = BYTES
    ) -> None:
        """`base` stands before the name; both together are the object's name in the container."""
        self._at = (container, base + name)
        self._name = name
        self._data = data
        self._content_type = content_type
        self._md5 = hashlib.md5(data, usedforsecurity=False).hexdigest()
        self.in_doubt = False
        """Whether a try of it may have been carried out, or may be yet."""

    def attempt(self, connection: Connection) -> None:
        """One try; on return the store has confirmed the checksum.

        Raises:
            Damaged: something else stands there.
            Retryable: the store confirmed something else, or contradicts itself.
        """
        if self.in_doubt and self._stands(connection):
            return
        before, self.in_doubt = self.in_doubt, True
        try:
            confirmed = connection.put_object(
                *self._at,
                _Pieces(self._data) if self._data else b"",
                content_length=len(self._data),
                etag=self._md5,
                content_type=self._content_type,
                headers={"If-None-Match": "*"},
            )
        except ClientException as error:
            if error.http_status != HTTPStatus.PRECONDITION_FAILED:
                # Refused by a word of its own: not carried out; an earlier try may be yet.
                failed = (error.http_status or 0) >= HTTPStatus.INTERNAL_SERVER_ERROR
                self.in_doubt = before or failed
                raise
            if not self._stands(connection):
                raise Retryable("object store: PUT: there already, and not to be seen") from error
            return
        if confirmed != self._md5:
            raise Retryable("object store: PUT: another checksum was confirmed")

    def _stands(self, connection: Connection) -> bool:
        try:
            found = connection.head_object(*self._at)
        except ClientException as error:
            if error.http_status == HTTPStatus.NOT_FOUND:
                return False
            raise
        size, md5 = int(found["content-length"]), found.get("etag", "").strip('"')
        if size != len(self._data):
            raise Damaged(f"{self._name} stands already, with another size", objects=(self._name,))
        if md5 != self._md5:
            raise Damaged(
                f"{self._name} stands already, with another checksum", objects=(self._name,)
            )
        return True


class _Pieces:
    """A body that is sent in pieces.

    As one piece it would have to leave within the time-out for connecting, and in the 16 KiB that
    urllib3 asks for it would take a second of processor time for each GiB.
    """

    def __init__(self, data: bytes) -> None:
        self._data = memoryview(data)
        self._sent = 0

    def read(self, _size: int = -1) -> memoryview:
        piece = self._data[self._sent : self._sent + _PIECE_BYTES]
        self._sent += len(piece)
        return piece
