"""The configuration files of the sandbox's Swift: one replica, one device, nothing but loopback.

Time-outs are far above Swift's own: a busy machine must not make a server of its own look dead, nor
a container's listing late, as nobody runs the updaters that would complete it afterwards.
"""

import os
import pwd
from collections.abc import Mapping
from pathlib import Path

PIPELINE = (
    "catch_errors",
    "gatekeeper",
    "healthcheck",
    "listing_formats",
    "bulk",
    "tempurl",
    "auth",
    "copy",
    "slo",
    "dlo",
    "versioned_writes",
    "symlink",
)
_SETTINGS = {
    "versioned_writes": {"allow_object_versioning": "true", "allow_versioned_writes": "true"},
}
_PATIENCE = {"conn_timeout": "20", "node_timeout": "60"}


def swift_files(
    folder: Path, ports: Mapping[str, int], *, token: str, keystone_url: str | None
) -> dict[str, str]:
    """Each file's text by its name in `folder`; `ports` by kind: proxy, account, container, object.

    The objects lie in `devices` beside `folder`.
    """
    suffix = {"swift_hash_path_prefix": "springtide", "swift_hash_path_suffix": "sandbox"}
    policy = {"name": "Policy-0", "default": "yes"}
    files = {"swift.conf": _text({"swift-hash": suffix, "storage-policy:0": policy})}
    for kind, port in ports.items():
        default = {
            "bind_ip": "127.0.0.1",
            "bind_port": str(port),
            "workers": "0",
            "user": pwd.getpwuid(os.geteuid()).pw_name,
            "swift_dir": str(folder),
            "devices": str(folder.parent / "devices"),
            "mount_check": "false",
            "disable_fallocate": "true",
            "client_timeout": "120",
            "log_level": "WARNING",
            "log_address": "/dev/null",
        }
        served = _proxy(token, keystone_url) if kind == "proxy" else _storage(kind)
        files[f"{kind}-server.conf"] = _text({"DEFAULT": default} | served)
    return files


def _proxy(token: str, keystone_url: str | None) -> dict[str, dict[str, str]]:
    auth = {
        "paste.filter_factory": "springtide.sandbox.swift_auth:filter_factory",
        "token": token,
        "keystone_url": keystone_url or "",
    }
    served = {
        "use": "egg:swift#proxy",
        "account_autocreate": "true",
        "recoverable_node_timeout": "60",
        # The only server of a kind must never be left alone for a minute after some mistakes.
        "error_suppression_limit": "1000000000",
    }
    filters = {
        f"filter:{name}": {"use": f"egg:swift#{name}"} | _SETTINGS.get(name, {})
        for name in PIPELINE
        if name != "auth"
    }
    return {
        "pipeline:main": {"pipeline": " ".join((*PIPELINE, "proxy-server"))},
        "app:proxy-server": served | _PATIENCE,
        "filter:auth": auth,
        **filters,
    }


def _storage(kind: str) -> dict[str, dict[str, str]]:
    late = {"container_update_timeout": "60"} if kind == "object" else {}
    return {
        "pipeline:main": {"pipeline": f"healthcheck {kind}-server"},
        f"app:{kind}-server": {"use": f"egg:swift#{kind}"} | _PATIENCE | late,
        "filter:healthcheck": {"use": "egg:swift#healthcheck"},
    }


def _text(sections: Mapping[str, Mapping[str, str]]) -> str:
    # A percent sign would begin a reference to another setting.
    return "".join(
        f"[{name}]\n" + "".join(f"{key} = {value.replace('%', '%%')}\n" for key, value in s.items())
        for name, s in sections.items()
    )
