"""A cloud's entry in clouds.yaml, opened: its credentials have been tried when it is there."""

from pathlib import Path
from typing import Any

from keystoneauth1.exceptions import ClientException
from keystoneauth1.session import Session, TCPKeepAliveAdapter
from openstack.config import OpenStackConfig
from openstack.exceptions import ConfigException

from springtide.clouds.openstack.translation import translate_exception
from springtide.errors import Misconfigured

_CONNECTIONS = 64
"""Kept open to one host: regions may share it, and each deletes by several threads."""


def open_cloud(cloud: str, region_name: str, *, timeout_s: float, clouds_yaml: Path | None) -> Any:  # noqa: ANN401 - the SDK has no types
    """The SDK's configuration of that region, whose session has a token.

    With `clouds_yaml` that file alone is read, and nothing of the environment.

    Raises:
        Misconfigured: there is no such entry, or Keystone refuses the credentials.
        Retryable: Keystone does not answer.
    """
    try:
        known = _configuration(clouds_yaml)
        if cloud not in known.get_cloud_names():
            raise _unknown(cloud, known)
        region: Any = known.get_one(cloud=cloud, region_name=region_name)
        region.config["api_timeout"] = timeout_s
        session: Session = region.get_session()
        for scheme in ("http://", "https://"):
            session.session.mount(scheme, TCPKeepAliveAdapter(pool_maxsize=_CONNECTIONS))
        session.get_token()
    except ConfigException as error:
        raise Misconfigured(f"cloud {cloud}: {error}", field="cloud") from error
    except ClientException as error:
        what = f"cloud {cloud}: token"
        raise translate_exception(error, what=what, changing=False) from error
    return region


def _unknown(cloud: str, known: OpenStackConfig) -> Misconfigured:
    if known.config_filename is None:
        where = "OS_CLIENT_CONFIG_FILE names one, else it stands in ~/.config/openstack"
        return Misconfigured(
            f"no clouds.yaml found for the cloud {cloud!r}: {where}", field="cloud"
        )
    names = ", ".join(sorted(known.get_cloud_names())) or "none is there"
    told = f"{known.config_filename} has no cloud {cloud!r}"
    return Misconfigured(told, field="cloud", allowed=names)


def _configuration(clouds_yaml: Path | None) -> OpenStackConfig:
    if clouds_yaml is None:
        return OpenStackConfig()
    return OpenStackConfig(config_files=[str(clouds_yaml)], secure_files=[], load_envvars=False)
