"""The identity API, version 3: tokens with a catalogue of all regions, projects, credentials."""

from datetime import UTC, datetime
from uuid import NAMESPACE_URL, uuid5

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from springtide.sandbox.config import SandboxIdentity
from springtide.sandbox.protocol import Endpoint, Refused, base_url, read_json, routes_of
from springtide.sandbox.records import Document
from springtide.sandbox.tokens import Token
from springtide.sandbox.world import World

DOMAIN = {"id": "default", "name": "Default"}
ROLES = [{"id": uuid5(NAMESPACE_URL, f"role/{name}").hex, "name": name} for name in ("member",)]
DENIED = "The request you have made requires authentication."


class Keystone:
    """The identity service, one for all regions."""

    def __init__(self, world: World) -> None:
        """Let in the user and the application credential of the world's configuration."""
        self._world = world

    def routes(self) -> list[Route]:
        """Every route below the endpoint `/identity`."""
        table: list[Endpoint] = [
            ("GET", "/", self._versions),
            ("GET", "/v3", self._version),
            ("POST", "/v3/auth/tokens", self._issue),
            ("GET", "/v3/auth/tokens", self._validate),
            ("DELETE", "/v3/auth/tokens", self._revoke),
            ("GET", "/v3/auth/catalog", self._show_catalog),
            ("GET", "/v3/auth/projects", self._list_projects),
            ("GET", "/v3/projects", self._list_projects),
            ("GET", "/v3/projects/{project_id}", self._show_project),
            ("GET", "/v3/regions", self._list_regions),
            ("GET", "/v3/users", self._list_users),
            ("GET", "/v3/users/{user_id}", self._show_user),
            ("GET", "/v3/users/{user_id}/application_credentials", self._list_credentials),
            ("GET", "/v3/users/{user_id}/application_credentials/{key}", self._show_credential),
        ]
        return routes_of(table)

    async def _versions(self, request: Request) -> Response:
        return JSONResponse({"versions": {"values": [_version(request)]}}, 300)

    async def _version(self, request: Request) -> Response:
        return JSONResponse({"version": _version(request)})

    async def _issue(self, request: Request) -> Response:
        try:
            identity = (await read_json(request))["auth"]["identity"]
            methods = list(identity["methods"])
        except (KeyError, TypeError) as error:
            message = "Expecting to find auth in request body."
            raise Refused(400, message) from error
        checks = {
            "password": self._check_password,
            "application_credential": self._check_credential,
            "token": self._check_token,
        }
        if not methods or any(method not in checks for method in methods):
            raise Refused(401, DENIED)
        for method in methods:
            given = identity.get(method)
            if not isinstance(given, dict) or not checks[method](given):
                raise Refused(401, DENIED)
        token = self._world.tokens.issue(self._world.new_id().replace("-", ""), methods[0])
        body = {"token": self._shown(token, request)}
        return JSONResponse(body, 201, {"X-Subject-Token": token.id})

    def _check_password(self, given: Document) -> bool:
        user, identity = given.get("user", {}), self._world.config.identity
        known = user.get("id") == self._world.user_id or user.get("name") == identity.username
        return bool(known) and user.get("password") == identity.password.get_secret_value()

    def _check_credential(self, given: Document) -> bool:
        identity, credential = self._world.config.identity, self._credential()
        user = given.get("user", {})
        named = given.get("name") == credential["name"] and {user.get("id"), user.get("name")} & {
            self._world.user_id,
            identity.username,
        }
        expires_at = identity.credential_expires_at
        expired = expires_at is not None and expires_at <= self._world.clock.now()
        right = given.get("secret") == identity.credential_secret.get_secret_value()
        return bool(given.get("id") == credential["id"] or named) and right and not expired

    def _check_token(self, given: Document) -> bool:
        return self._world.tokens.find(str(given.get("id"))) is not None

    async def _validate(self, request: Request) -> Response:
        token = self._subject(request)
        return JSONResponse(
            {"token": self._shown(token, request)}, headers={"X-Subject-Token": token.id}
        )

    async def _revoke(self, request: Request) -> Response:
        self._world.tokens.revoke(self._subject(request).id)
        return Response(status_code=204)

    def _subject(self, request: Request) -> Token:
        token = self._world.tokens.find(request.headers.get("X-Subject-Token"))
        if token is None:
            raise Refused(404, "Could not find token.")
        return token

    def _shown(self, token: Token, request: Request) -> Document:
        shown = {
            "methods": [token.method],
            "user": self._user(),
            "project": {"id": self._world.project_id, "name": self._world.project_name}
            | {"domain": DOMAIN},
            "is_domain": False,
            "roles": ROLES,
            "catalog": self._catalog(request),
            "audit_ids": [token.id[:22]],
            "issued_at": _precise(token.issued_at),
            "expires_at": _precise(token.expires_at),
        }
        if token.method == "application_credential":
            credential = self._credential()
            shown["application_credential"] = {
                key: credential[key] for key in ("id", "name", "unrestricted")
            } | {"restricted": not credential["unrestricted"]}
        return shown

    def _catalog(self, request: Request) -> list[Document]:
        """Every service with its public endpoint in each region, as a client reaches it."""
        base = base_url(request)
        found: dict[str, Document] = {}
        for region in self._world.regions:
            here = {"identity": ("keystone", "/identity/v3")} | self._world.services_for(region)
            served = {kind: (name, base + path) for kind, (name, path) in here.items()}
            for kind, (name, url) in (served | self._world.elsewhere).items():
                service_id = uuid5(NAMESPACE_URL, f"service/{kind}").hex
                service = {"id": service_id, "type": kind, "name": name, "endpoints": []}
                endpoint = {
                    "id": uuid5(NAMESPACE_URL, f"endpoint/{region}/{kind}").hex,
                    "interface": "public",
                    "region": region,
                    "region_id": region,
                    "url": url,
                }
                found.setdefault(kind, service)["endpoints"].append(endpoint)
        return list(found.values())

    async def _show_catalog(self, request: Request) -> Response:
        return JSONResponse({"catalog": self._catalog(request), "links": {}})

    def _project(self) -> Document:
        return {
            "id": self._world.project_id,
            "name": self._world.project_name,
            "domain_id": DOMAIN["id"],
            "parent_id": DOMAIN["id"],
            "description": "",
            "enabled": True,
            "is_domain": False,
            "tags": [],
            "options": {},
            "links": {},
        }

    async def _list_projects(self, request: Request) -> Response:
        return _listed("projects", [self._project()], request)

    async def _show_project(self, request: Request) -> Response:
        return _one("project", self._project(), request.path_params["project_id"])

    async def _list_regions(self, request: Request) -> Response:
        regions: list[Document] = [
            {"id": name, "description": "", "parent_region_id": None, "links": {}}
            for name in self._world.regions
        ]
        return _listed("regions", regions, request)

    def _user(self) -> Document:
        name = self._world.config.identity.username
        user = {"id": self._world.user_id, "name": name, "domain": DOMAIN}
        return user | {"password_expires_at": None}

    async def _list_users(self, request: Request) -> Response:
        return _listed("users", [self._user() | {"enabled": True}], request)

    async def _show_user(self, request: Request) -> Response:
        return _one("user", self._user() | {"enabled": True}, request.path_params["user_id"])

    def _credential(self) -> Document:
        identity = self._world.config.identity
        expires_at = identity.credential_expires_at
        return {
            "id": credential_id(identity),
            "name": identity.credential_name,
            "description": None,
            "project_id": self._world.project_id,
            "roles": ROLES,
            "expires_at": _precise(expires_at).removesuffix("Z") if expires_at else None,
            "unrestricted": False,
            "links": {},
        }

    async def _list_credentials(self, request: Request) -> Response:
        self._check_user(request)
        return _listed("application_credentials", [self._credential()], request)

    async def _show_credential(self, request: Request) -> Response:
        self._check_user(request)
        return _one("application_credential", self._credential(), request.path_params["key"])

    def _check_user(self, request: Request) -> None:
        if request.path_params["user_id"] != self._world.user_id:
            message = "You are not authorized to perform the requested action."
            raise Refused(403, message)


def credential_id(identity: SandboxIdentity) -> str:
    """The identifier of the application credential; it follows from its name."""
    return uuid5(NAMESPACE_URL, f"credential/{identity.credential_name}").hex


def _version(request: Request) -> Document:
    return {
        "id": "v3.14",
        "status": "stable",
        "updated": "2020-04-07T00:00:00Z",
        "links": [{"rel": "self", "href": f"{base_url(request)}/identity/v3/"}],
        "media-types": [],
    }


def _listed(name: str, items: list[Document], request: Request) -> Response:
    wanted = request.query_params.get("name")
    shown = [item for item in items if wanted in {None, item.get("name", item["id"])}]
    return JSONResponse({name: shown, "links": {"next": None, "previous": None}})


def _one(name: str, item: Document, key: str) -> Response:
    if item["id"] != key:
        raise Refused(404, f"Could not find {name}: {key}.")
    return JSONResponse({name: item})


def _precise(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
