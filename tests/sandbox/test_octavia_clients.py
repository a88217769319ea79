"""The clients that operators use, unmodified, on the sandbox's Octavia."""

from pathlib import Path

from openstack.config import OpenStackConfig
from openstack.connection import Connection

from springtide.sandbox.config import SandboxConfig
from springtide.sandbox.process import Sandbox
from springtide.sandbox.records import Document
from tests.sandbox.balancing import own_cidr
from tests.sandbox.command_line import openstack


def the(index: int, **fields: object) -> Document:
    """Member number `index`."""
    return {"address": f"127.9.0.{index}", "protocol_port": 80, **fields}


def test_sdk_and_command_line(tmp_path: Path) -> None:
    """The SDK and the command line work unmodified, names and ids alike."""
    region = SandboxConfig().regions[0].model_copy(update={"cidr": own_cidr()})
    config = SandboxConfig(regions=(region,), data_plane=False, balancer_update_s=0)
    with Sandbox(config) as sandbox:
        clouds = sandbox.clouds_yaml(tmp_path / "clouds.yaml")
        cloud = OpenStackConfig(config_files=[str(clouds)]).get_one(
            "sandbox", region_name=region.name
        )
        balancing = Connection(config=cloud).load_balancer
        pool = balancing.find_pool("api", ignore_missing=False)
        path = f"/lbaas/pools/{pool.id}/members"
        for body in ([the(1, name="a", tags=["x"])], [the(2, name="b", weight=0)]):
            answer = balancing.put(path, params={"additive_only": True}, json={"members": body})
            assert answer.status_code == 202
            balancing.wait_for_load_balancer(pool.loadbalancers[0]["id"], interval=1)
        assert [("a", ["x"], 1), ("b", [], 0)] == [
            (m.name, m.tags, m.weight) for m in balancing.members(pool)
        ]
        member = balancing.find_member("b", pool, ignore_missing=False)
        assert 5 == balancing.update_member(member, pool, weight=5).weight

        listings = openstack(
            clouds,
            region.name,
            "loadbalancer list -f json",
            "loadbalancer member list api -f json",
            f"loadbalancer member list {pool.id} -f json",
        )
        assert [["api"], ["a", "b"], ["a", "b"]] == [
            [row["name"] for row in rows] for rows in listings
        ]
