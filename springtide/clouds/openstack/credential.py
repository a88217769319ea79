"""Whether the credentials work, and until when: what the identity service says of them."""

from datetime import UTC, datetime
from typing import Any

from keystoneauth1.exceptions import ClientException
from keystoneauth1.session import Session

from springtide.clouds.openstack.moments import moment_of
from springtide.clouds.openstack.translation import translate_exception
from springtide.errors import SpringtideError
from springtide.model.readiness import CredentialReport


def inspect_credential(session: Session) -> CredentialReport:
    """What is known of the credentials, by a token that is asked for anew; nothing is raised.

    An application credential may read itself, its expiry with it. Of a user's password nothing is
    read: Keystone shows its expiry to nobody but in the token's body.
    """
    auth: Any = session.auth
    asked_at = datetime.now(UTC)
    try:
        access = auth.get_auth_ref(session)
    except ClientException as error:
        refused = translate_exception(error, what="token", changing=False)
        return CredentialReport(refused=str(refused))
    offset_s = _ahead_s(access.issued, asked_at)
    credential_id = access.application_credential_id
    if credential_id is None:
        return CredentialReport(offset_s=offset_s)
    try:
        expires_at = _expiry(session, access.user_id, credential_id)
    except SpringtideError as error:
        return CredentialReport(application=True, unread=str(error), offset_s=offset_s)
    return CredentialReport(application=True, expires_at=expires_at, offset_s=offset_s)


def _expiry(session: Session, user_id: str, credential_id: str) -> datetime | None:
    path = f"/users/{user_id}/application_credentials/{credential_id}"
    try:
        answer = session.get(
            _identity(session) + path, headers={"Accept": "application/json"}, log=False
        )
        found = answer.json()["application_credential"]["expires_at"]
    except ClientException as error:
        what = "identity GET application credential"
        raise translate_exception(error, what=what, changing=False) from error
    except (ValueError, KeyError) as error:
        raise SpringtideError("the identity service tells no expiry") from error
    return None if found is None else moment_of(found)


def _ahead_s(issued: datetime, asked_at: datetime) -> float:
    """How far the token's moment is outside the time of the call; 0 inside."""
    # Keystone cuts the fractions off: any moment of that second may be meant.
    early = (issued - asked_at).total_seconds() + 1
    late = (issued - datetime.now(UTC)).total_seconds()
    return min(early, 0.0) + max(late, 0.0)


def _identity(session: Session) -> str:
    """Where the credentials were shown; version 3 of it."""
    auth: Any = session.auth
    url = str(auth.auth_url).rstrip("/")
    return url if url.endswith("/v3") else f"{url}/v3"
