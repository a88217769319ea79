"""The structure that the code promises: slices, sizes, names, links, the lock, the wheel."""

import ast
import os
import re
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path
from urllib.parse import unquote

import pytest
import yaml

from deployments.rehearsal import write_rehearsal
from springtide.estate import load_estate

ROOT = Path(__file__).resolve().parent.parent
NO_LIFECYCLES = {"fleet_orders", "notices"}
"""Deployed flows about every fleet, and about every run."""
CODE = ("springtide", "tasks", "flows", "deployments")
MOST_MODULE_LINES = 400
MOST_FUNCTION_LINES = 50
VAGUE_NAMES = {"util", "utils", "helper", "helpers", "common", "misc"}

# Put together from parts, so that this file does not name them itself.
REGISTRY_HOSTS = (
    *("pypi" + end for end in (".org", ".io", "hosted")),
    "python" + "hosted.org",
    "npm" + "js.org",
    "crates" + ".io",
    "docker" + ".io",
    "gh" + "cr.io",
    "quay" + ".io",
    "/simple" + "/",
    "--index" + "-url",
    "--extra-index" + "-url",
    "--find" + "-links",
)
DEVELOPERS_PATH = re.compile(r"(?<![\w.$}-])/(?:root|work|Users/\w+|home/\w+)/")


def in_git(*patterns: str) -> list[Path]:
    """Files that git knows or would add, by path pattern."""
    command = ["git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others"]
    listing = subprocess.run(
        [*command, "--exclude-standard", "--", *patterns],
        cwd=ROOT,
        capture_output=True,
        check=True,
        text=True,
    ).stdout
    return sorted(p for name in listing.split("\0") if name and (p := ROOT / name).is_file())


def relative(path: Path) -> str:
    """The path as seen from the root of the repository."""
    return path.relative_to(ROOT).as_posix()


def entrypoints() -> list[str]:
    """Entrypoints of all deployments."""
    text = (ROOT / "deployments" / "prefect.yaml").read_text(encoding="utf-8")
    return sorted({d["entrypoint"] for d in yaml.safe_load(text)["deployments"]})


LIFECYCLES = sorted({Path(e.partition(":")[0]).stem for e in entrypoints()} - NO_LIFECYCLES)


@pytest.mark.parametrize("stem", LIFECYCLES)
@pytest.mark.parametrize("place", ["flows/{}.py", "tests/*/test_{}*.py", "docs/lifecycles/{}.md"])
def test_a_lifecycle_has_a_file_of_its_stem_in(stem: str, place: str) -> None:
    """One listing by the stem shows a lifecycle's flow, tests and page."""
    found = [relative(path) for path in in_git(place.format(stem))]
    # The sandbox's tests are about the cloud, whatever they are called.
    assert [name for name in found if not name.startswith("tests/sandbox/")]


@pytest.mark.parametrize("stem", LIFECYCLES)
@pytest.mark.parametrize(
    "place",
    ["springtide/planning/*.py springtide/convergence.py", "deployments/prefect.yaml"],
)
def test_a_lifecycle_is_spoken_of_in(stem: str, place: str) -> None:
    """The library and the deployments name the lifecycle by its stem."""
    assert [
        relative(path)
        for path in in_git(*place.split())
        if stem in f"{relative(path)}\n{path.read_text(encoding='utf-8')}"
    ]


@pytest.mark.parametrize("stem", LIFECYCLES)
def test_the_changelog_tells_of_a_lifecycle(stem: str) -> None:
    """An operator finds every lifecycle in the changelog."""
    assert stem in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


LOAD = """
import sys
from prefect.flows import load_flow_from_entrypoint
for entrypoint in sys.argv[1:]:
    print(load_flow_from_entrypoint(entrypoint, use_placeholder_flow=False).name)
"""


def test_every_entrypoint_loads() -> None:
    """A worker's child, started in the root, loads each deployed flow and not its placeholder."""
    loaded = subprocess.run(
        [sys.executable, "-c", LOAD, *entrypoints()],
        cwd=ROOT,
        env={**os.environ, "DO_NOT_TRACK": "1", "PREFECT_SERVER_ANALYTICS_ENABLED": "false"},
        capture_output=True,
        check=False,
        text=True,
        timeout=120,
    )
    assert loaded.returncode == 0, loaded.stderr
    assert len(entrypoints()) == len(loaded.stdout.split())


@pytest.mark.parametrize("folder", ["flows", "tasks"])
def test_no_name_shadows_another_module(folder: str) -> None:
    """Prefect puts flows/ first on sys.path: a file named like a package would hide it."""
    names = {path.stem for path in (ROOT / folder).glob("*.py")} - {"__init__"}
    taken = sys.stdlib_module_names | packages_distributions().keys() | {*CODE, "tests"}
    assert set() == names & taken


def test_no_file_names_a_registry_or_a_developers_machine() -> None:
    """A clone works with whatever package index its machine is set up for."""
    found = [
        f"{relative(path)}:{number}: {line.strip()}"
        for path in in_git()
        if path.suffix not in {".png", ".svg"}
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if DEVELOPERS_PATH.search(line) or any(host in line for host in REGISTRY_HOSTS)
    ]
    assert [] == found


@pytest.mark.parametrize(
    ("line", "is_one"),
    [
        pytest.param("see /home/" + "ada/src", True, id="a home"),
        pytest.param("cd /root" + "/x", True, id="the home of root"),
        pytest.param("/opt/springtide/bin", False, id="an installed path"),
        pytest.param("docs/work/plan.md", False, id="a relative path"),
        pytest.param("/rooted/", False, id="a longer word"),
    ],
)
def test_a_developers_path_is_recognised(*, line: str, is_one: bool) -> None:
    """The search finds home directories and leaves installed and relative paths alone."""
    assert is_one == bool(DEVELOPERS_PATH.search(line))


def code_files() -> list[Path]:
    """All Python files outside the tests."""
    return in_git(*(f"{folder}/**.py" for folder in CODE))


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """All functions of a file, nested ones too."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def test_modules_are_small_and_named_for_a_concept() -> None:
    """No module is longer than 400 lines, and none is a drawer for leftovers."""
    sizes = {relative(p): len(p.read_text(encoding="utf-8").splitlines()) for p in code_files()}
    assert {} == {name: size for name, size in sizes.items() if size > MOST_MODULE_LINES}
    assert [] == [name for name in sizes if Path(name).stem.strip("_") in VAGUE_NAMES]


def test_functions_are_small() -> None:
    """No function is longer than 50 lines."""
    lengths = {
        f"{relative(path)}:{node.lineno} {node.name}": node.end_lineno - node.lineno + 1
        for path in code_files()
        for node in functions(path)
        if node.end_lineno is not None
    }
    assert lengths
    assert {} == {name: size for name, size in lengths.items() if size > MOST_FUNCTION_LINES}


def test_the_wheel_ships_the_library_only(tmp_path: Path) -> None:
    """What others install is springtide: flows, tasks and deployments are run from a checkout."""
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        tops = {name.split("/")[0] for name in archive.namelist()}
        assert "springtide/py.typed" in archive.namelist()
    version = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    assert {"springtide", f"springtide-{version}.dist-info"} == tops


def test_the_lock_pins_every_requirement_by_hash_and_names_no_address() -> None:
    """An installation takes the very files that were resolved, wherever they come from."""
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    logical = text.replace("\\\n", " ").splitlines()
    requirements = [line for line in logical if re.match(r"[A-Za-z0-9]", line)]
    assert requirements
    assert [] == [line for line in requirements if "==" not in line or "--hash=sha256:" not in line]
    assert [] == re.findall(r".*(?:://|\s@\s|^-).*", text, re.MULTILINE)


def anchors(page: str) -> set[str]:
    """The anchors of a page's headings, as they are made where the docs are read."""
    outside_code = re.sub(r"^```.*?^```", "", page, flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ (.+)$", outside_code, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in headings}


def dead_links(page: Path) -> Iterator[str]:
    """Links of a page to files or headings that do not exist."""
    text = re.sub(
        r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL
    )
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", link):
            continue
        name, _, anchor = unquote(link).partition("#")
        target = (page.parent / name).resolve() if name else page
        if not target.exists():
            yield f"{relative(page)}: {link}"
        elif anchor and anchor not in anchors(target.read_text(encoding="utf-8")):
            yield f"{relative(page)}: {link} (no such heading)"


def test_every_link_between_documents_resolves() -> None:
    """No page sends its reader to a file or a heading that is not there."""
    pages = in_git("*.md")
    assert pages
    assert [] == [link for page in pages for link in dead_links(page)]


@pytest.mark.parametrize("folder", ["docs/runbooks", "docs/decisions", "docs/lifecycles"])
def test_every_page_is_reachable_from_the_documents_index(folder: str) -> None:
    """A page that nothing links to is never read."""
    index = (ROOT / "docs" / "README.md").read_text(encoding="utf-8")
    pages = [path.relative_to(ROOT / "docs").as_posix() for path in in_git(f"{folder}/*.md")]
    assert pages
    assert [] == [page for page in pages if f"({page})" not in index]


def test_the_estate_of_the_guide_is_valid(tmp_path: Path) -> None:
    """A reader who copies the guide's estate file has one that loads, and can be rehearsed."""
    guide = (ROOT / "docs" / "getting-started.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```yaml\n(cloud:.*?)^```", guide, re.MULTILINE | re.DOTALL)
    assert len(blocks) == 1
    path = tmp_path / "estate.yaml"
    path.write_text(blocks[0], encoding="utf-8")
    estate = load_estate(path)
    assert ("GRA11", "SBG5") == tuple(r.name for r in estate.fleets[0].regions)
    to = write_rehearsal(
        path, tmp_path / "rehearsal.yaml", sandbox_url="http://127.0.0.1:1", server_port=2
    )
    assert estate.windows == load_estate(to).windows
