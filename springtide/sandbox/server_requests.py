"""The body of POST /servers: what it may hold, and what the region must know of it."""

import base64
import binascii
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    PositiveInt,
    StringConstraints,
    ValidationError,
)

from springtide.model.base import Model
from springtide.sandbox.flavors import FLAVORS
from springtide.sandbox.microversions import Microversion
from springtide.sandbox.protocol import Refused
from springtide.sandbox.records import Document, Flavor, Launch
from springtide.sandbox.regions import RegionState

TAGS_SINCE = (2, 52)
NETWORKS_SINCE = (2, 37)
METADATA_LIMIT = 128

Tag = Annotated[str, StringConstraints(min_length=1, max_length=60, pattern=r"^[^,/]*$")]
MetadataKey = Annotated[
    str, StringConstraints(min_length=1, max_length=255, pattern=r"^[a-zA-Z0-9\-_:. ]{1,255}$")
]
MetadataValue = Annotated[str, StringConstraints(max_length=255)]
Metadata = dict[MetadataKey, MetadataValue]
ServerName = Annotated[str, StringConstraints(min_length=1, max_length=255, strip_whitespace=True)]


def _is_base64(text: str) -> str:
    try:
        base64.b64decode("".join(text.split()), validate=True)
    except binascii.Error as error:
        raise ValueError("Userdata content cannot be decoded") from error
    return text


class _Network(Model):
    uuid: UUID
    tag: str | None = None


class _GroupName(Model):
    name: str


class ServerCreate(Model):
    """The fields of a create that the sandbox heeds, and those it takes but does not need."""

    model_config = ConfigDict(populate_by_name=True)

    name: ServerName
    flavor_ref: Annotated[str, BeforeValidator(str), Field(alias="flavorRef")]
    image_ref: Annotated[UUID | Literal[""], Field(alias="imageRef")] = ""
    min_count: PositiveInt = 1
    max_count: PositiveInt | None = None
    return_reservation_id: bool = False
    networks: tuple[_Network, ...] | Literal["auto", "none"] | None = None
    key_name: str | None = None
    security_groups: tuple[_GroupName, ...] = (_GroupName(name="default"),)
    metadata: Metadata = Field(default_factory=dict)
    tags: Annotated[tuple[Tag, ...], Field(max_length=50)] | None = None
    user_data: Annotated[str, Field(max_length=65535), AfterValidator(_is_base64)] | None = None
    config_drive: bool | Literal[""] | None = None
    availability_zone: str | None = None
    description: str | None = None
    block_device_mapping_v2: tuple[dict[str, Any], ...] = ()
    admin_password: Annotated[str | None, Field(alias="adminPass")] = None
    disk_config: Annotated[str | None, Field(alias="OS-DCF:diskConfig")] = None
    hostname: str | None = None


def parse_create(body: Document, version: Microversion) -> ServerCreate:
    """The create that a body asks for.

    Raises:
        Refused: 400 where it breaks Nova's schema of that microversion.
    """
    if version < TAGS_SINCE and "tags" in body:
        message = "Additional properties are not allowed ('tags' was unexpected)"
        raise Refused(400, f"Invalid input for field/attribute server. {message}")
    if version >= NETWORKS_SINCE and "networks" not in body:
        message = "'networks' is a required property"
        raise Refused(400, f"Invalid input for field/attribute server. {message}")
    try:
        create = ServerCreate.model_validate(body)
    except ValidationError as error:
        raise refused_input(error) from error
    if create.max_count is not None and create.min_count > create.max_count:
        raise Refused(400, "min_count must be <= max_count")
    return create


def refused_input(error: ValidationError) -> Refused:
    """The 400 that says which field of a body is wrong."""
    first = error.errors()[0]
    field = first["loc"][0] if first["loc"] else "body"
    message = f"Invalid input for field/attribute {field}. Value: {first['input']!r:.200}."
    return Refused(400, f"{message} {first['msg']}")


def resolve_launch(create: ServerCreate, region: RegionState, group_id: str | None) -> Launch:
    """What is to be launched, every name in it known to the region.

    Raises:
        Refused: 400 for what the region does not know, 403 for too much metadata.
    """
    if len(create.metadata) > METADATA_LIMIT:
        raise Refused(403, f"Maximum number of metadata items exceeds {METADATA_LIMIT}")
    if create.key_name is not None and create.key_name not in region.key_pairs:
        raise Refused(400, "Invalid key_name provided.")
    if create.availability_zone not in {None, *region.config.zones}:
        raise Refused(400, "The requested availability zone is not available")
    if group_id is not None and group_id not in region.server_groups:
        raise Refused(400, f"Instance group {group_id} could not be found.")
    return Launch(
        name=create.name,
        flavor=_flavor(create.flavor_ref),
        image_id=_image_id(create, region),
        network_ids=_network_ids(create, region),
        zone=create.availability_zone,
        key_name=create.key_name,
        description=create.description,
        user_data=create.user_data,
        config_drive=bool(create.config_drive),
        security_groups=_security_groups(create, region),
        group_id=group_id,
        metadata=tuple(create.metadata.items()),
        tags=tuple(dict.fromkeys(create.tags or ())),
    )


def _flavor(flavor_ref: str) -> Flavor:
    key = flavor_ref.rsplit("/", 1)[-1]
    if key not in FLAVORS:
        raise Refused(400, f"Flavor {key} could not be found.")
    return FLAVORS[key]


def _image_id(create: ServerCreate, region: RegionState) -> str | None:
    if not create.image_ref:
        if not create.block_device_mapping_v2:
            raise Refused(400, "Invalid imageRef provided.")
        return None
    image = region.images.get(str(create.image_ref))
    if image is None:
        raise Refused(400, "Can not find requested image")
    if image["status"] != "active":
        raise Refused(400, f"Image {image['id']} is not active.")
    return str(image["id"])


def _network_ids(create: ServerCreate, region: RegionState) -> tuple[str, ...]:
    if create.networks == "none":
        return ()
    if create.networks is None or create.networks == "auto":
        return tuple(region.networks)[:1]
    wanted = tuple(str(network.uuid) for network in create.networks)
    for network_id in wanted:
        if network_id not in region.networks:
            raise Refused(400, f"Network {network_id} could not be found.")
    return wanted


def _security_groups(create: ServerCreate, region: RegionState) -> tuple[str, ...]:
    known = {key: group["name"] for key, group in region.security_groups.items()}
    names = set(known.values())
    wanted = tuple(known.get(group.name, group.name) for group in create.security_groups)
    for name in wanted:
        if name not in names:
            raise Refused(400, f"Security group {name} not found for project {region.project_id}.")
    return wanted
