"""Opens a store by a cloud's entry in clouds.yaml."""

from collections.abc import Collection
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from keystoneauth1.exceptions import ClientException, HttpError

from springtide.clouds.openstack.session import open_cloud
from springtide.clouds.openstack.translation import translate_exception
from springtide.clouds.swift.backoff import StorePolicy, advised_s
from springtide.clouds.swift.store import SwiftStore
from springtide.clouds.swift.token import Authenticate
from springtide.errors import Misconfigured, Retryable
from springtide.model.object_storage import StorePlace

_SERVICE = "object-store"
_DEFAULT_POLICY = StorePolicy()


def open_swift_store(
    cloud: str,
    place: StorePlace,
    *,
    residency: Collection[str],
    clouds_yaml: Path | None = None,
    policy: StorePolicy = _DEFAULT_POLICY,
) -> SwiftStore:
    """The store at that place, with the credentials of that cloud.

    They are read when the first call asks for a token. With `clouds_yaml` that file alone is read,
    and nothing of the environment.

    Raises:
        Misconfigured: the place's region is outside the residency; nothing was read.
    """
    asking = _asking(cloud, place.region, policy.timeout_s, clouds_yaml)
    return SwiftStore(place, asking, residency=residency, policy=policy)


def _asking(
    cloud: str, region_name: str, timeout_s: float, clouds_yaml: Path | None
) -> Authenticate:
    opened: list[Any] = []

    def authenticate() -> tuple[str, str]:
        if not opened:
            opened.append(
                open_cloud(cloud, region_name, timeout_s=timeout_s, clouds_yaml=clouds_yaml)
            )
        else:
            opened[0].get_session().invalidate()
        try:
            url = opened[0].get_session_endpoint(_SERVICE)
            token = opened[0].get_session().get_token()
        except ClientException as error:
            raise _refusal(error, cloud) from error
        if not url:
            raise Misconfigured(
                f"the cloud's catalogue has no {_SERVICE} in region {region_name}", field="region"
            )
        return str(url), str(token)

    return authenticate


def _refusal(error: ClientException, cloud: str) -> Exception:
    refusal = translate_exception(error, what=f"cloud {cloud}: token", changing=False)
    answer = getattr(error, "response", None)
    if isinstance(error, HttpError) and isinstance(refusal, Retryable) and answer is not None:
        refusal.retry_after_s = advised_s(answer.headers, datetime.now(UTC))
    return refusal
