"""Who is let in by the identity service, and what a token tells."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from springtide.sandbox.config import SandboxIdentity
from springtide.sandbox.keystone import credential_id
from springtide.sandbox.process import Sandbox
from tests.sandbox.running import Api, a_config, password_auth

EXPIRES_AT = datetime.now(UTC).replace(microsecond=0) + timedelta(days=3)
IDENTITY = SandboxIdentity(credential_expires_at=EXPIRES_AT)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    """A sandbox whose application credential expires in three days."""
    with Sandbox(a_config(identity=IDENTITY)) as sandbox:
        yield sandbox


def credential_auth(**changes: object) -> dict[str, Any]:
    """The body of a request for a token by application credential; None takes a field out."""
    given = {"id": credential_id(IDENTITY), "secret": "rehearsal"} | changes
    given = {name: value for name, value in given.items() if value is not None}
    methods = ["application_credential"]
    return {"auth": {"identity": {"methods": methods, "application_credential": given}}}


def issue(sandbox: Sandbox, body: object) -> httpx.Response:
    """The answer to a request for a token."""
    return httpx.post(f"{sandbox.url}/identity/v3/auth/tokens", json=body)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        pytest.param(password_auth(), 201, id="password"),
        pytest.param(password_auth(password="wrong"), 401, id="wrong password"),  # noqa: S106 - wrong
        pytest.param(password_auth(name="nobody"), 401, id="unknown user"),
        pytest.param(credential_auth(), 201, id="application credential"),
        pytest.param(credential_auth(secret="wrong"), 401, id="wrong secret"),  # noqa: S106 - wrong
        pytest.param(credential_auth(id="unknown"), 401, id="unknown credential"),
        pytest.param(
            credential_auth(id=None, name="springtide-worker", user={"name": "springtide"}),
            201,
            id="credential by name and user",
        ),
        pytest.param(
            credential_auth(id=None, name="springtide-worker"), 401, id="credential by name alone"
        ),
        pytest.param({"auth": {"identity": {"methods": ["totp"]}}}, 401, id="another method"),
        pytest.param({"auth": {}}, 400, id="no identity"),
        pytest.param([], 400, id="no object"),
    ],
)
def test_who_is_let_in(sandbox: Sandbox, body: object, status: int) -> None:
    """A token is given to those who know the secret; the others get Keystone's error."""
    answer = issue(sandbox, body)
    assert answer.status_code == status
    assert ("X-Subject-Token" in answer.headers) == (status == 201)
    if status != 201:
        assert answer.json()["error"]["code"] == status


def test_an_expired_credential_is_refused(sandbox: Sandbox) -> None:
    """By the sandbox's clock the credential works up to its expiry, and not from then on."""
    sandbox.set_clock(EXPIRES_AT - timedelta(seconds=60))
    before = issue(sandbox, credential_auth()).status_code
    sandbox.set_clock(EXPIRES_AT)
    after = issue(sandbox, credential_auth()).status_code
    sandbox.set_clock(datetime.now(UTC))
    assert (before, after) == (201, 401)


def test_credentials_are_listed_with_their_expiry(sandbox: Sandbox) -> None:
    """The user can read when the application credential expires."""
    api = Api(sandbox)
    user_id = api.http.get("/identity/v3/users").json()["users"][0]["id"]
    path = f"/identity/v3/users/{user_id}/application_credentials"
    listed = api.http.get(path).json()["application_credentials"]
    expected = EXPIRES_AT.strftime("%Y-%m-%dT%H:%M:%S.000000")
    assert [expected] == [credential["expires_at"] for credential in listed]
    assert api.http.get(f"{path}/{credential_id(IDENTITY)}").status_code == 200
    assert api.http.get("/identity/v3/users/other/application_credentials").status_code == 403


def test_the_catalogue_lists_each_service_in_each_region(sandbox: Sandbox) -> None:
    """Every service is public in both regions; the identity service has one address."""
    catalog = issue(sandbox, password_auth()).json()["token"]["catalog"]
    found = {
        service["type"]: [endpoint["url"] for endpoint in service["endpoints"]]
        for service in catalog
    }
    regions = ("GRA11", "SBG5")
    expected = {"identity": [f"{sandbox.url}/identity/v3"] * 2} | {
        kind: [f"{sandbox.url}/{region}{path}" for region in regions]
        for kind, path in {
            "compute": "/compute/v2.1",
            "image": "/image",
            "network": "/network",
            "load-balancer": "/load-balancer",
        }.items()
    }
    assert expected == found


def test_a_token_lasts_a_day_of_real_time(sandbox: Sandbox) -> None:
    """Shifting the sandbox's clock ends no token: clients judge its expiry by their own."""
    api = Api(sandbox)
    token = issue(sandbox, password_auth()).json()["token"]
    issued, expires = (datetime.fromisoformat(token[key]) for key in ("issued_at", "expires_at"))
    sandbox.advance_clock(3 * 24 * 3600)
    status = api.compute("GET", "/flavors").status_code
    sandbox.set_clock(datetime.now(UTC))
    assert (timedelta(hours=24), 200) == (expires - issued, status)


def test_a_token_can_be_validated_and_revoked(sandbox: Sandbox) -> None:
    """A token is known until it is revoked, by its owner or all at once."""
    one, other = Api(sandbox), Api(sandbox)
    subject = {"X-Subject-Token": one.http.headers["X-Auth-Token"]}
    tokens = "/identity/v3/auth/tokens"
    assert other.http.get(tokens, headers=subject).status_code == 200
    assert other.http.delete(tokens, headers=subject).status_code == 204
    assert other.http.get(tokens, headers=subject).status_code == 404
    assert one.compute("GET", "/flavors").status_code == 401
    assert sandbox.revoke_tokens() >= 1
    assert other.compute("GET", "/flavors").status_code == 401


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/projects?name=springtide", 200),
        ("/auth/projects", 200),
        ("/projects/unknown", 404),
        ("/regions", 200),
    ],
)
def test_lookups(sandbox: Sandbox, path: str, status: int) -> None:
    """What the command line looks up is there, and what is unknown is 404."""
    assert Api(sandbox).http.get(f"/identity/v3{path}").status_code == status
