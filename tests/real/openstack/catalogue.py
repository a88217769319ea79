"""Keystone's content: service users, the project and its user, regions, endpoints."""

from pathlib import Path

import yaml
from openstack.config import OpenStackConfig
from openstack.connection import Connection

from tests.real.openstack.configuration import SERVICE_USERS
from tests.real.openstack.layout import PASSWORD, PROJECT, Layout

_ROLES = ("member", "reader", "service", "load-balancer_member", "heat_stack_user")
_MEMBER_ROLES = ("member", "load-balancer_member")
_PATHS = {
    "identity": "/v3",
    "compute": "/v2.1",
    "object-store": "/v1/AUTH_%(tenant_id)s",
    "orchestration": "/v1/%(tenant_id)s",
}


def write_clouds(layout: Layout) -> Path:
    """Write clouds.yaml: `admin`, and `springtide`, which is the project's member.

    Both sign in at the front door.
    """
    door = next(port for kind, _, port, _ in layout.doors() if kind == "identity")
    clouds = {
        name: {
            "auth": {
                "auth_url": f"http://127.0.0.1:{door}/v3",
                "username": name,
                "password": PASSWORD,
                "project_name": name,
                "user_domain_name": "Default",
                "project_domain_name": "Default",
            },
            "regions": [region.name for region in layout.regions],
            "interface": "public",
            "identity_api_version": 3,
        }
        for name in ("admin", PROJECT)
    }
    path = layout.folder / "clouds.yaml"
    path.write_text(yaml.safe_dump({"clouds": clouds}, sort_keys=False), "utf-8")
    return path


def connect(layout: Layout, cloud: str, region: str) -> Connection:
    """A connection of openstacksdk to one region of the test bed."""
    known = OpenStackConfig(config_files=[str(layout.folder / "clouds.yaml")], load_envvars=False)
    return Connection(config=known.get_one(cloud, region_name=region))


def fill_catalogue(layout: Layout) -> None:
    """Make roles, users, projects, regions and endpoints; what is there already stays."""
    identity = connect(layout, "admin", layout.regions[0].name).identity
    roles = {role.name: role for role in identity.roles()}
    for name in _ROLES:
        roles.setdefault(name, None)
        roles[name] = roles[name] or identity.create_role(name=name)
    projects = {project.name: project for project in identity.projects()}
    for name in ("service", PROJECT):
        if name not in projects:
            projects[name] = identity.create_project(name=name, domain_id="default")
    users = {user.name: user for user in identity.users()}
    for name in (*SERVICE_USERS, PROJECT):
        home, granted = ("service", ("admin", "service"))
        if name == PROJECT:
            home, granted = (PROJECT, _MEMBER_ROLES)
        if name not in users:
            users[name] = identity.create_user(name=name, password=PASSWORD, domain_id="default")
        for role in granted:
            identity.assign_project_role_to_user(projects[home], users[name], roles[role])
    _endpoints(layout, identity)


def _endpoints(layout: Layout, identity) -> None:  # noqa: ANN001 - the SDK's proxy, untyped
    services = {service.type: service for service in identity.services()}
    regions = {region.id for region in identity.regions()}
    known = {(e.service_id, e.region_id, e.interface) for e in identity.endpoints()}
    for region in layout.regions:
        if region.name not in regions:
            identity.create_region(id=region.name)
    for kind, region, door, port in layout.doors():
        if kind == "orchestration" and not layout.heat:
            continue
        if kind not in services:
            services[kind] = identity.create_service(type=kind, name=kind)
        for interface, number in (("public", door), ("internal", port)):
            if (services[kind].id, region.name, interface) not in known:
                identity.create_endpoint(
                    service_id=services[kind].id,
                    region_id=region.name,
                    interface=interface,
                    url=f"http://127.0.0.1:{number}{_PATHS.get(kind, '')}",
                )
