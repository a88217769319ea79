"""What is made once, before the services start: databases, schemas, keys, rings."""

import subprocess
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.real.openstack.layout import PASSWORD, Layout, Region
from tests.real.openstack.services import environment

_MOST_S = 300.0
_SHARED = ("keystone", "glance", "octavia", "heat")
_REGIONAL = {
    "nova": ("nova_api", "nova_cell0", "nova_cell1"),
    "neutron": ("neutron",),
    "placement": ("placement",),
}
"""Each service's databases in a region, without the region's key."""
Command = Sequence[str | Path]


def prepare_folders(layout: Layout) -> None:
    """Make the folders, MariaDB's own tables, Octavia's certificates and Swift's rings."""
    for name in ("keystone/fernet", "keystone/credential", "octavia", "swift/d1", "rabbitmq"):
        (layout.var / name).mkdir(parents=True, exist_ok=True)
    for name in ("images", "lock", "staging", "tasks"):
        (layout.var / "glance" / name).mkdir(parents=True, exist_ok=True)
    for name in ("fernet", "credential"):
        (layout.var / "keystone" / name).chmod(0o700)
    mysql = layout.var / "mysql"
    if not (mysql / "mysql").exists():
        _run(
            layout,
            "mariadb-install-db",
            [
                "mariadb-install-db",
                f"--defaults-file={layout.etc / 'my.cnf'}",
                f"--datadir={mysql}",
                "--auth-root-authentication-method=normal",
                "--skip-test-db",
            ],
        )
    _certificates(layout)
    for kind in ("account", "container", "object"):
        _ring(layout, kind)


def make_schemas(layout: Layout) -> None:
    """Make the databases and bring every schema to its newest version, several at a time.

    What each region has of its own is made for the first one and copied for the others, instead of
    going through all migrations again.

    Raises:
        RuntimeError: a program failed; the message names its log.
    """
    regional = [name for databases in _REGIONAL.values() for name in databases]
    names = [*_SHARED, *(f"{r.key}_{name}" for r in layout.regions for name in regional)]
    statements = [f"CREATE DATABASE IF NOT EXISTS {name};" for name in names]
    statements += [
        f"CREATE USER IF NOT EXISTS 'openstack'@'127.0.0.1' IDENTIFIED BY '{PASSWORD}';",
        "GRANT ALL ON *.* TO 'openstack'@'127.0.0.1';",
    ]
    _run(layout, "databases", _client(layout), given="\n".join(statements))
    first, *others = layout.regions
    jobs = [("keystone", _keystone(layout))]
    for name, steps in _regional(layout, first):
        copies = [step for other in others for step in _copies(layout, name, first, other)]
        jobs.append((name, [*steps, *copies]))
    glance, octavia = layout.etc / "glance-api.conf", layout.etc / "octavia.conf"
    jobs.append(("glance", [["glance-manage", "--config-file", glance, "db_sync"]]))
    jobs.append(("octavia", [["octavia-db-manage", "--config-file", octavia, "upgrade", "head"]]))
    with ThreadPoolExecutor(max_workers=4) as pool:
        for done in [pool.submit(_run_all, layout, f"schema-{n}", s) for n, s in jobs]:
            done.result()


def _keystone(layout: Layout) -> list[Command]:
    program = ["keystone-manage", "--config-file", layout.etc / "keystone.conf"]
    door = next(port for kind, _, port, _ in layout.doors() if kind == "identity")
    public, internal = (f"http://127.0.0.1:{p}/v3" for p in (door, layout.internal("keystone")))
    owner = ["--keystone-user", "root", "--keystone-group", "root"]
    return [
        [*program, "fernet_setup", *owner],
        [*program, "credential_setup", *owner],
        [*program, "db_sync"],
        [
            *(*program, "bootstrap", "--bootstrap-password", PASSWORD),
            *("--bootstrap-region-id", layout.regions[0].name),
            *("--bootstrap-public-url", public, "--bootstrap-internal-url", internal),
            *("--bootstrap-admin-url", internal),
        ],
    ]


def _regional(layout: Layout, region: Region) -> list[tuple[str, list[Command]]]:
    folder = layout.etc / region.key
    nova: list[str | Path] = ["nova-manage"]
    for name in ("nova-compute.conf", "nova-databases.conf"):
        nova += ["--config-file", folder / name]
    address = f"mysql+pymysql://openstack:{PASSWORD}@127.0.0.1:{layout.internal('mariadb')}"
    cell0 = f"{address}/{region.key}_nova_cell0?charset=utf8"
    cells: list[Command] = [
        [*nova, "api_db", "sync"],
        [*nova, "cell_v2", "map_cell0", "--database_connection", cell0],
        [*nova, "cell_v2", "create_cell", "--name", "cell1"],
        [*nova, "db", "sync"],
    ]
    neutron: Command = [
        *("neutron-db-manage", "--config-file", folder / "neutron.conf"),
        *("--config-file", folder / "ml2.ini", "upgrade", "heads"),
    ]
    placement: Command = [
        "placement-manage",
        "--config-file",
        folder / "placement.conf",
        "db",
        "sync",
    ]
    return [("nova", cells), ("neutron", [neutron]), ("placement", [placement])]


def _copies(layout: Layout, service: str, first: Region, other: Region) -> list[Command]:
    """What copies the service's databases of the first region to another's."""
    options = f"--socket={layout.run / 'mysql.sock'} -uroot"
    copy = f'mariadb-dump {options} "$0" | mariadb {options} "$1"'
    steps: list[Command] = [
        ["bash", "-o", "pipefail", "-c", copy, f"{first.key}_{name}", f"{other.key}_{name}"]
        for name in _REGIONAL[service]
    ]
    if service == "nova":
        # A cell says where its own database and its own messages are.
        moved = ", ".join(
            f"{column} = REPLACE({column}, '/{first.key}', '/{other.key}')"
            for column in ("database_connection", "transport_url")
        )
        mapping = f"UPDATE {other.key}_nova_api.cell_mappings SET {moved}"  # noqa: S608 - our names
        steps.append([*_client(layout), "--execute", mapping])
    return steps


def _client(layout: Layout) -> list[str | Path]:
    return ["mariadb", f"--socket={layout.run / 'mysql.sock'}", "-uroot"]


def _certificates(layout: Layout) -> None:
    folder = layout.var / "octavia"
    if (folder / "client.pem").exists():
        return
    new = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-sha256", "-days", "3650"]
    authority = ["-subj", "/CN=testbed-ca", "-keyout", folder / "ca.key", "-out", folder / "ca.pem"]
    client = [
        "-nodes",
        "-subj",
        "/CN=client",
        "-keyout",
        folder / "c.key",
        "-out",
        folder / "c.pem",
    ]
    _run(layout, "certificates", [*new, *authority, "-passout", f"pass:{PASSWORD}"])
    _run(layout, "certificates", [*new, *client])
    both = (folder / "c.pem").read_text() + (folder / "c.key").read_text()
    (folder / "client.pem").write_text(both)


def _ring(layout: Layout, kind: str) -> None:
    if (layout.etc / f"{kind}.ring.gz").exists():
        return
    builder = ["swift-ring-builder", layout.etc / f"{kind}.builder"]
    device = f"r1z1-127.0.0.1:{layout.internal(f'swift_{kind}')}/d1"
    for step in (["create", "4", "1", "0"], ["add", device, "1"], ["rebalance"]):
        _run(layout, "rings", [*builder, *step])


def _run_all(layout: Layout, name: str, commands: Sequence[Command]) -> None:
    for command in commands:
        _run(layout, name, command)


def _run(layout: Layout, name: str, command: Command, *, given: str = "") -> None:
    """Run a program; its output goes to a log of that name."""
    log = layout.run / f"{name}.log"
    with log.open("ab") as out:
        done = subprocess.run(
            [str(word) for word in command],
            input=given.encode(),
            stdout=out,
            stderr=subprocess.STDOUT,
            env=environment(),
            timeout=_MOST_S,
            check=False,
        )
    if done.returncode:
        raise RuntimeError(f"{name} failed with {done.returncode}: see {log}")
