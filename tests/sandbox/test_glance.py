"""The image API: filters, order, checksums, uploads."""

import hashlib
import socket
from collections.abc import Iterator

import pytest

from springtide.sandbox.process import Sandbox
from tests.sandbox.running import Api, a_config
from tests.waiting import wait_until

OLD, NEW = "api-iis-2026-11-01", "api-iis-2026-11-16"


@pytest.fixture(scope="module")
def started() -> Iterator[Sandbox]:
    """A sandbox for this module."""
    with Sandbox(a_config()) as sandbox:
        yield sandbox


@pytest.fixture
def api(started: Sandbox) -> Api:
    """A client of an untouched sandbox."""
    started.reset()
    return Api(started)


def names(api: Api, query: str = "") -> list[str]:
    """The names of the images of a listing."""
    return [image["name"] for image in api.image("GET", f"/v2/images{query}").json()["images"]]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        pytest.param("", [NEW, OLD], id="the newest first"),
        pytest.param("?sort=name:asc", [OLD, NEW], id="by name"),
        pytest.param("?sort_key=name&sort_dir=desc", [NEW, OLD], id="by name, backwards"),
        pytest.param(f"?name={OLD}", [OLD], id="a name"),
        pytest.param("?name=api", [], id="a part of a name"),
        pytest.param("?status=queued", [], id="a status"),
        pytest.param("?visibility=private&os_hidden=false", [NEW, OLD], id="visibility"),
        pytest.param("?visibility=all", [NEW, OLD], id="any visibility"),
        pytest.param("?tag=gold", [], id="a tag"),
        pytest.param("?limit=1", [NEW], id="one"),
    ],
)
def test_listings(api: Api, query: str, expected: list[str]) -> None:
    """A listing shows what its filters let through, in its order."""
    assert expected == names(api, query)


def test_several_identifiers_at_once(api: Api) -> None:
    """`id=in:` lists the images named, and no other."""
    ids = [image["id"] for image in api.image("GET", "/v2/images").json()["images"]]
    assert [NEW, OLD] == names(api, f"?id=in:{','.join(ids)}")
    assert [OLD] == names(api, f"?id=in:{ids[1]}")


def test_pages_follow_one_another(api: Api) -> None:
    """The next link continues after the last image."""
    first = api.image("GET", "/v2/images?limit=1").json()
    second = api.image("GET", first["next"]).json()
    assert [NEW, OLD] == [page["images"][0]["name"] for page in (first, second)]


def test_an_image_has_the_same_content_in_each_region(api: Api) -> None:
    """Checksums agree between regions for the same name, and differ between names."""
    hashes = {}
    for region in ("GRA11", "SBG5"):
        api.region = region
        for image in api.image("GET", "/v2/images").json()["images"]:
            hashes[region, image["name"]] = (image["os_hash_algo"], image["os_hash_value"])
    assert hashes["GRA11", OLD] == hashes["SBG5", OLD]
    assert hashes["GRA11", OLD] != hashes["GRA11", NEW]


def test_an_upload_is_hashed(api: Api) -> None:
    """An image is queued, then active with its content's size and hashes; content comes once."""
    body = {"name": "new", "disk_format": "raw", "container_format": "bare", "build": "17"}
    image = api.image("POST", "/v2/images", body).json()
    content = b"x" * 100_000
    path = f"/v2/images/{image['id']}"
    upload = [api.image("PUT", f"{path}/file", content).status_code for _ in range(2)]
    shown = api.image("GET", path).json()
    assert ("queued", [204, 409]) == (image["status"], upload)
    assert ("active", 100_000, "17") == (shown["status"], shown["size"], shown["build"])
    assert hashlib.sha512(content).hexdigest() == shown["os_hash_value"]


def test_content_is_given_back(api: Api) -> None:
    """What was uploaded comes back with its MD5; an image that waits for its content has none."""
    path = f"/v2/images/{api.image('POST', '/v2/images', {'name': 'new'}).json()['id']}"
    assert 204 == api.image("GET", f"{path}/file").status_code
    api.image("PUT", f"{path}/file", b"content")
    answer = api.image("GET", f"{path}/file")
    md5 = hashlib.md5(b"content", usedforsecurity=False).hexdigest()
    assert (200, b"content") == (answer.status_code, answer.content)
    assert (md5, "7") == (answer.headers["Content-MD5"], answer.headers["Content-Length"])
    api.image("DELETE", path)
    assert 404 == api.image("GET", f"{path}/file").status_code


def test_an_image_of_the_start_has_the_content_that_its_hash_says(api: Api) -> None:
    """So that it can be copied to other regions and verified there."""
    image = api.image("GET", "/v2/images").json()["images"][0]
    content = api.image("GET", f"/v2/images/{image['id']}/file").content
    assert (image["size"], image["os_hash_value"]) == (
        len(content),
        hashlib.sha512(content).hexdigest(),
    )


def test_hidden_images_are_listed_on_demand_only(api: Api) -> None:
    """Whoever does not ask for hidden ones does not see them; whoever does sees no others."""
    api.image("POST", "/v2/images", {"name": "new", "os_hidden": True})
    assert [NEW, OLD] == names(api)
    assert ["new"] == names(api, "?os_hidden=true")


@pytest.mark.parametrize(
    ("method", "path"), [("PUT", "/file"), ("PATCH", "")], ids=["content", "patch"]
)
def test_another_media_type_is_refused(api: Api, method: str, path: str) -> None:
    """415, as Glance reads content and patches by their media types alone."""
    image_id = api.image("POST", "/v2/images", {"name": "new"}).json()["id"]
    url = f"/GRA11/image/v2/images/{image_id}{path}"
    assert 415 == api.http.request(method, url, json=[]).status_code


def test_an_upload_that_breaks_off_leaves_an_image_without_content(api: Api) -> None:
    """The image is queued again, as if nothing had been sent."""
    image_id = api.image("POST", "/v2/images", {"name": "new"}).json()["id"]
    path = f"/v2/images/{image_id}"
    with socket.create_connection(("127.0.0.1", api.sandbox.port)) as connection:
        token = api.http.headers["X-Auth-Token"]
        head = f"PUT /GRA11/image{path}/file HTTP/1.1\r\nHost: sandbox\r\nX-Auth-Token: {token}\r\n"
        body = "Content-Type: application/octet-stream\r\nContent-Length: 100\r\n\r\nbegun"
        connection.sendall(f"{head}{body}".encode())
        wait_until(lambda: api.image("GET", path).json()["status"] == "saving")
    wait_until(lambda: api.image("GET", path).json()["status"] == "queued")
    assert api.image("GET", path).json()["size"] is None


def test_an_image_is_changed_and_deleted(api: Api) -> None:
    """A patch changes and removes fields, tags come and go, a protected image stays."""
    image_id = api.image("GET", "/v2/images").json()["images"][0]["id"]
    path = f"/v2/images/{image_id}"
    changes = [
        {"op": "add", "path": "/proven", "value": "yes"},
        {"op": "replace", "path": "/protected", "value": True},
    ]
    assert api.image("PATCH", path, changes).json()["proven"] == "yes"
    assert api.image("PUT", f"{path}/tags/gold").status_code == 204
    assert [NEW] == names(api, "?tag=gold")
    assert [204, 404] == [api.image("DELETE", f"{path}/tags/gold").status_code for _ in range(2)]
    assert api.image("DELETE", path).status_code == 403
    api.image("PATCH", path, [{"op": "replace", "path": "/protected", "value": False}])
    assert "proven" not in api.image("PATCH", path, [{"op": "remove", "path": "/proven"}]).json()
    assert [204, 404] == [api.image("DELETE", path).status_code for _ in range(2)]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        pytest.param({"status": "active"}, 403, id="a read-only field"),
        pytest.param([], 400, id="no object"),
    ],
)
def test_wrong_images_are_refused(api: Api, body: object, status: int) -> None:
    """What Glance decides itself can't be asked for."""
    assert api.image("POST", "/v2/images", body).status_code == status


def test_an_image_without_content_boots_no_server(api: Api) -> None:
    """A queued image is 400 in a create."""
    image_id = api.image("POST", "/v2/images", {"name": "empty"}).json()["id"]
    answer = api.create(imageRef=image_id)
    message = answer.json()["badRequest"]["message"]
    assert (400, f"Image {image_id} is not active.") == (answer.status_code, message)
