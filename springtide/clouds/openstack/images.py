"""Images in Glance: what is there, and copies from one region to another, unseen until whole.

A copy is made hidden (`os_hidden`) and with the hash of what it is to become in its property
`springtide_source_hash`; its content is streamed, and only when Glance has hashed the same content
is it shown. So a run that is killed leaves a hidden image, which no launch finds, and which a later
run shows or removes.
"""

import logging
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, suppress
from datetime import datetime
from fnmatch import fnmatchcase

from springtide.clouds.openstack.service import Body, Service
from springtide.errors import GuardRefused, NotFound, ReplyLost, Retryable, SpringtideError
from springtide.model.image import StoredImage

log = logging.getLogger(__name__)

COPY_OF = "springtide_source_hash"
"""Property of our copies."""
LONGEST_TRANSFER_S = 50 * 60.0
"""What is on its way for longer than an hour is nobody's any more: no transfer takes so long."""
_PAGE = 500
_FORMATS = ("disk_format", "container_format", "min_disk", "min_ram")
_CARRIED = (
    "hw_",
    "os_",
    "trait:",
    "architecture",
    "hypervisor_type",
    "vm_mode",
    "img_config_drive",
)
"""Beginnings of the properties that say how a server starts; others tell where an image is from."""
_OWN_TO_A_REGION = ("os_hash", "os_hidden", "os_glance")
_SETTLE_POLL_S = 2.0
_SETTLE_S = 120.0
_UNSETTLED = ("saving", "importing", "uploading")


class ImageStore:
    """The image service of one region."""

    def __init__(self, region: str, service: Service) -> None:
        """Nothing is called yet."""
        self.region = region
        self._service = service

    def list_images(self, pattern: str) -> tuple[StoredImage, ...]:
        """Active images whose name matches, and copies of ours that are still hidden."""
        shown = self._service.pages("/images", "images", limit=_PAGE, status="active")
        hidden = self._service.pages("/images", "images", limit=_PAGE, os_hidden="true")
        found = [_stored(body) for body in shown if fnmatchcase(body.get("name") or "", pattern)]
        return (*found, *(_stored(body) for body in hidden if body.get(COPY_OF)))

    def show_image(self, image_id: str) -> StoredImage:
        """The image as it stands.

        Raises:
            NotFound: there is none of that id.
        """
        return _stored(self._read(image_id))

    def copy_image(self, image: StoredImage, source: "ImageStore") -> StoredImage:
        """A copy of the source's image, whole, verified and shown; nothing of it stays otherwise.

        Raises:
            Retryable: it broke off, or what arrived is something else; it was removed again.
            SpringtideError: as the table of translations says.
        """
        size, why = image.size, f"a copy of {image.name} in {source.region}"
        if size is None or image.hash_value is None:
            raise GuardRefused(f"{source.region}: nothing tells what {image.name} consists of")
        body = source.template(image)
        made: str = self._service.change("POST", "/images", body, why=why)["id"]
        try:
            with suppress(ReplyLost), source.content(image.id) as chunks:
                # A lost reply is no verdict: what is there now is.
                path = f"/images/{made}/file"
                self._service.upload(path, _measured(chunks, size), size=size, why=why)
            copy = self._settled(made)
            if copy.status != "active" or copy.content != image.content:
                raise Retryable(f"{self.region}: {_difference(copy, image)}")
        except SpringtideError:
            with suppress(SpringtideError):
                self.remove_copy(made, f"{why} failed")
            raise
        return self.reveal_copy(made)

    def reveal_copy(self, image_id: str) -> StoredImage:
        """The copy, shown to all launches from now on."""
        shown: list[Body] = [{"op": "replace", "path": "/os_hidden", "value": False}]
        why = "its content is verified"
        return _stored(self._service.patch(f"/images/{image_id}", shown, why=why))

    def remove_copy(self, image_id: str, why: str) -> None:
        """Delete a copy of ours that is still hidden; one that is gone is a success.

        Raises:
            GuardRefused: it is none of ours, or servers may start from it.
        """
        with suppress(NotFound):
            found = self.show_image(image_id)
            if found.copy_of is None or not found.hidden:
                raise GuardRefused(f"{self.region}: image {image_id} is no hidden copy of ours")
            self._service.change("DELETE", f"/images/{image_id}", why=why)

    def content(self, image_id: str) -> AbstractContextManager[Iterator[bytes]]:
        """The image's content in chunks, as it comes."""
        return self._service.download(f"/images/{image_id}/file")

    def template(self, image: StoredImage) -> Body:
        """What a copy of the image is made of, beside its content."""
        body = self._read(image.id)
        carried = {name: value for name, value in body.items() if _is_carried(name, value)}
        formats = {name: body[name] for name in _FORMATS}
        own = {"name": image.name, "visibility": "private", "os_hidden": True}
        return carried | formats | own | {COPY_OF: image.hash_value}

    def _read(self, image_id: str) -> Body:
        return self._service.get(f"/images/{image_id}")

    def _settled(self, image_id: str) -> StoredImage:
        """The image once Glance has put its content away, or after two minutes as it is then."""
        deadline = time.monotonic() + _SETTLE_S
        while True:
            found = self.show_image(image_id)
            if found.status not in _UNSETTLED or time.monotonic() > deadline:
                return found
            time.sleep(_SETTLE_POLL_S)


def _is_carried(name: str, value: object) -> bool:
    return (
        isinstance(value, str)
        and name.startswith(_CARRIED)
        and not name.startswith(_OWN_TO_A_REGION)
    )


def _measured(chunks: Iterator[bytes], size: int) -> Iterator[bytes]:
    """The chunks, if they are so many bytes and come in time.

    Raises:
        OSError: they are not, or do not; the upload that takes them breaks off.
    """
    deadline, sent = time.monotonic() + LONGEST_TRANSFER_S, 0
    for chunk in chunks:
        sent += len(chunk)
        if sent > size:
            break
        if time.monotonic() > deadline:
            raise TimeoutError(f"the transfer takes longer than {LONGEST_TRANSFER_S:.0f} s")
        yield chunk
    if sent != size:
        # An end before the announced one would leave the service waiting for the rest.
        raise OSError(f"the source gives {sent} bytes of {size}")


def _difference(copy: StoredImage, image: StoredImage) -> str:
    got = f"{copy.status}, {copy.size} bytes, {copy.hash_algo} {str(copy.hash_value)[:12]}"
    wanted = f"{image.size} bytes, {image.hash_algo} {str(image.hash_value)[:12]}"
    return f"the copy of {image.name} arrived as {got} instead of {wanted}"


def _stored(body: Body) -> StoredImage:
    return StoredImage(
        id=body["id"],
        name=body.get("name") or "",
        status=body["status"],
        hidden=bool(body.get("os_hidden")),
        size=body.get("size"),
        hash_algo=body.get("os_hash_algo"),
        hash_value=body.get("os_hash_value"),
        created_at=datetime.fromisoformat(body["created_at"]),
        copy_of=body.get(COPY_OF),
    )
