"""Nova's microversions: which one a request asks for, and how a reply names it."""

from typing import TypeAlias

from starlette.requests import Request
from starlette.responses import Response

from springtide.sandbox.protocol import Handler, Refused

Microversion: TypeAlias = tuple[int, int]

OLDEST: Microversion = (2, 1)
NEWEST: Microversion = (2, 96)


def microversion_of(request: Request) -> Microversion:
    """The microversion that a request asks for; 2.1 if none.

    Raises:
        Refused: 400 where it is no version, 406 where it is out of range.
    """
    asked = request.headers.get("X-OpenStack-Nova-API-Version")
    for part in request.headers.get("OpenStack-API-Version", "").split(","):
        service, _, version = part.strip().partition(" ")
        if service == "compute":
            asked = version
    if asked is None:
        return OLDEST
    if asked == "latest":
        return NEWEST
    major, _, minor = asked.partition(".")
    if not (major.isdecimal() and minor.isdecimal()):
        message = f"API Version String {asked} is of invalid format. Must be of format MajorNum."
        raise Refused(400, message + "MinorNum.")
    if not OLDEST <= (int(major), int(minor)) <= NEWEST:
        limits = f"Minimum is {written(OLDEST)} and maximum is {written(NEWEST)}."
        raise Refused(406, f"Version {asked} is not supported by the API. {limits}")
    return int(major), int(minor)


def written(version: Microversion) -> str:
    """A microversion as the API writes it."""
    return f"{version[0]}.{version[1]}"


def versioned(handler: Handler) -> Handler:
    """The same handler, its replies naming the microversion that they follow."""

    async def answer(request: Request) -> Response:
        version = written(microversion_of(request))
        reply = await handler(request)
        reply.headers["OpenStack-API-Version"] = f"compute {version}"
        reply.headers["X-OpenStack-Nova-API-Version"] = version
        reply.headers["Vary"] = "OpenStack-API-Version, X-OpenStack-Nova-API-Version"
        return reply

    return answer
