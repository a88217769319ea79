"""The provider's API client, opened with credentials from the worker's environment."""

import os
from collections.abc import Mapping

from ovh import Client
from ovh.exceptions import APIError

from springtide.clouds.ovhcloud.translation import translate
from springtide.errors import Misconfigured
from springtide.model.provider_api import ProviderApi


def open_client(
    api: ProviderApi,
    *,
    timeout_s: float,
    field: str,
    environment: Mapping[str, str] = os.environ,
) -> Client:
    """The client of that API; `field` is where the estate names it.

    Raises:
        Misconfigured: a credential is not in the environment, or the endpoint is unknown.
    """
    names = ("application_key", "application_secret", "consumer_key")
    said = {name: environment.get(getattr(api, f"{name}_env")) for name in names}
    for name, value in said.items():
        if not value:
            variable = getattr(api, f"{name}_env")
            raise Misconfigured(
                f"{variable} is not set in the worker's environment", field=f"{field}.{name}_env"
            )
    try:
        return Client(endpoint=api.endpoint, timeout=timeout_s, **said)
    except APIError as error:
        raise translate(error, what="open", changing=False) from error
