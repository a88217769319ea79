"""The services' configuration files, from the templates beside this module."""

import getpass
import json
from pathlib import Path
from string import Template

from tests.real.openstack.layout import HERE, PASSWORD, Layout, Region

SERVICE_USERS = ("placement", "nova", "neutron", "glance", "octavia", "swift", "heat")
_TEMPLATES = HERE / "templates"
_DATABASE_POOL = "max_pool_size = 20\nmax_overflow = 40\nmysql_wsrep_sync_wait =\n"
_SHARED = {
    "my.cnf": "my.cnf",
    "rabbitmq.conf": "rabbitmq.conf",
    "keystone.conf": "keystone.conf",
    "glance-api.conf": "glance-api.conf",
    "octavia.conf": "octavia.conf",
    "swift.conf": "swift.conf",
    "proxy-server.conf": "swift-proxy.conf",
}
_REGIONAL = ("placement.conf", "neutron.conf", "ml2.ini", "nova-compute.conf")


def render(template: str, values: dict[str, object]) -> str:
    """The template's text with every `$name` replaced.

    Raises:
        KeyError: a name has no value.
    """
    return Template((_TEMPLATES / template).read_text("utf-8")).substitute(values)


def write_configuration(layout: Layout) -> None:
    """Write every configuration file of the test bed."""
    values = shared_values(layout)
    for name, template in _SHARED.items():
        _write(layout.etc / name, render(template, values))
    for kind in ("account", "container", "object"):
        more = {"kind": kind, "port": layout.internal(f"swift_{kind}")}
        _write(layout.etc / f"{kind}-server.conf", render("swift-storage.conf", values | more))
    _write(layout.etc / "rabbitmq-definitions.json", _definitions(layout))
    _write(layout.etc / "rabbitmq-plugins", "[].\n")
    for region in layout.regions:
        _write_region(layout, region, values)


def shared_values(layout: Layout) -> dict[str, object]:
    """What the templates of services that all regions share may name."""
    ports = ("keystone", "glance", "octavia", "octavia_health", "heat", "swift")
    values: dict[str, object] = {name: layout.internal(name) for name in ports}
    values |= {name: layout.internal(name) for name in ("mariadb", "rabbitmq", "memcached")}
    values |= {"etc": layout.etc, "var": layout.var, "run": layout.run}
    values |= {
        "password": PASSWORD,
        "unix_user": getpass.getuser(),
        "octavia_passphrase": "exactly-thirty-two-ASCII-letters",
        "database": f"mysql+pymysql://openstack:{PASSWORD}@127.0.0.1:{values['mariadb']}",
        "messages": f"rabbit://openstack:{PASSWORD}@127.0.0.1:{values['rabbitmq']}",
        "database_pool": _DATABASE_POOL,
    }
    return _with_clients(values, layout.regions[0])


def _write_region(layout: Layout, region: Region, shared: dict[str, object]) -> None:
    values = _with_clients(
        shared
        | {
            "region": region.name,
            "region_key": region.key,
            "nova": layout.internal_of(region, "compute"),
            "neutron": layout.internal_of(region, "network"),
            # Somewhat more than servers: a port outlives its server for a moment.
            "port_quota": 400,
        },
        region,
    )
    folder = layout.etc / region.key
    for name in _REGIONAL:
        _write(folder / name, render(name, values))
    _write(folder / "nova-databases.conf", render("nova-databases.conf", values))


def _with_clients(values: dict[str, object], region: Region) -> dict[str, object]:
    """The values, and beside them how each service signs in at Keystone."""
    sections = {
        f"{user}_client": render(
            "keystone-client.conf", values | {"user": user, "region": region.name}
        )
        for user in SERVICE_USERS
    }
    sections["middleware"] = render("keystone-middleware.conf", values)
    sections["messaging"] = render("messaging.conf", values)
    return values | sections


def _definitions(layout: Layout) -> str:
    hosts = ["/", *(region.key for region in layout.regions)]
    everything = {"user": "openstack", "configure": ".*", "write": ".*", "read": ".*"}
    return json.dumps(
        {
            "users": [{"name": "openstack", "password": PASSWORD, "tags": "administrator"}],
            "vhosts": [{"name": host} for host in hosts],
            "permissions": [everything | {"vhost": host} for host in hosts],
        }
    )


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
