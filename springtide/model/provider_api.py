"""How the provider's own API is reached, and what is read from it."""

from typing import Annotated

from pydantic import Field

from springtide.model.base import EnvironmentVariable, Model


class ProviderApi(Model):
    """The API, and the worker's environment variables that hold its credentials."""

    endpoint: Annotated[str, Field(pattern=r"^[a-z0-9-]{1,40}$")] = "ovh-eu"
    """The provider's API, by the name that its Python client has for it."""
    application_key_env: EnvironmentVariable = "SPRINGTIDE_OVH_APPLICATION_KEY"
    application_secret_env: EnvironmentVariable = "SPRINGTIDE_OVH_APPLICATION_SECRET"  # noqa: S105 - its variable
    consumer_key_env: EnvironmentVariable = "SPRINGTIDE_OVH_CONSUMER_KEY"
    """These three: environment variables of the worker that hold the API's credentials."""


class BillSource(ProviderApi):
    """Where the provider's bill of a calendar month is read; its credential need only read it."""

    project: Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{1,64}$")]
    """Id of the Public Cloud project at the provider."""
    timeout_s: Annotated[float, Field(gt=0, le=120)] = 20.0
    """How long one call may take, in seconds."""
