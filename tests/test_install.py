"""What the lock files, the workflow and the Dockerfile promise to whoever installs the project."""

import re
import tomllib
from collections import deque
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
LOCKS = ("requirements.lock", "requirements-dev.lock")


def read_lock(name: str) -> list[Requirement]:
    lines = (ROOT / name).read_text().splitlines()
    return [Requirement(line.split("\\")[0]) for line in lines if re.match(r"\w", line)]


def extras_here(requirements: Iterable[Requirement], extra: str = "") -> dict[str, set[str]]:
    """Collect the extras with which packages are wanted on this machine."""
    wanted: dict[str, set[str]] = {}
    for requirement in requirements:
        if requirement.marker is None or requirement.marker.evaluate({"extra": extra}):
            wanted.setdefault(canonicalize_name(requirement.name), set()).update(requirement.extras)
    return wanted


def follow(wanted: dict[str, set[str]]) -> dict[str, set[str]]:
    """Add what the wanted packages themselves want, by the metadata of the installed ones."""
    queue = deque((name, extra) for name, extras in wanted.items() for extra in ("", *extras))
    seen = set(queue)
    while queue:
        name, extra = queue.popleft()
        try:
            needs = [Requirement(text) for text in requires(name) or ()]
        except PackageNotFoundError:
            continue
        for needed, extras in extras_here(needs, extra).items():
            if needed == canonicalize_name(name):
                continue  # extras made of others of the same package: pip has its version by then
            wanted.setdefault(needed, set()).update(extras)
            new = {(needed, one) for one in ("", *extras)} - seen
            seen |= new
            queue.extend(new)
    return wanted


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_keeps_the_extras_that_its_packages_want(name: str):
    """In hash mode, pip looks for the newest release of what is wanted with an extra that no pin has."""
    locked = extras_here(read_lock(name))
    wanted = follow({package: set(extras) for package, extras in locked.items()})
    lost = {package: extras - locked[package] for package, extras in wanted.items() if package in locked}
    assert {package: extras for package, extras in lost.items() if extras} == {}
    assert any(locked.values())


@pytest.mark.parametrize("name", LOCKS)
def test_every_pin_is_exact_and_hashed(name: str):
    blocks = re.split(r"\n(?=\w)", (ROOT / name).read_text().strip())
    assert all(re.match(r"[\w.-]+(\[[\w, -]+\])?==[^ ]+ ", block) and "--hash=sha256:" in block for block in blocks)
    assert "://" not in (ROOT / name).read_text()


def test_running_installs_no_tool_of_development_and_the_same_versions():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    run, dev = ({(r.name, str(r.specifier), str(r.marker)) for r in read_lock(name)} for name in LOCKS)
    assert {(name, version) for name, version, _ in run} <= {(name, version) for name, version, _ in dev}
    tools = {
        Requirement(text).name for group in ("test", "lint", "docs") for text in project["dependency-groups"][group]
    }
    assert tools & {name for name, *_ in run} == set()
    wanted = {Requirement(text).name for text in project["project"]["dependencies"]}
    assert wanted | {"tensorflow", "keras"} <= {name for name, *_ in run}


def test_the_workflow_pins_its_actions():
    used = re.findall(r"uses: (\S+)", "".join(path.read_text() for path in (ROOT / ".github/workflows").iterdir()))
    assert used
    assert all(re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", action) for action in used)


def test_the_dockerfile_copies_what_is_there_and_starts_the_console_command():
    text = (ROOT / "Dockerfile").read_text()
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    sources = [source for line in re.findall(r"^COPY (.+) \S+$", text, re.MULTILINE) for source in line.split()]
    let_in = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert set(sources) == let_in
    assert all((ROOT / source).exists() for source in sources)
    assert re.findall(r'ENTRYPOINT \["(\w+)"\]', text) == list(scripts)
