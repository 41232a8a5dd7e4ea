"""What a user installs: the version, the entry points and the content of the wheel."""

from __future__ import annotations

import importlib
import re
import shutil
import subprocess
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest
import yaml
from hatchling.builders.sdist import SdistBuilder
from hatchling.builders.wheel import WheelBuilder

import prunescope

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
ENTRY_POINTS = {
    f"{group}:{name}": target for group, entries in PROJECT["entry-points"].items() for name, target in entries.items()
} | PROJECT["scripts"]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    (path,) = WheelBuilder(str(ROOT)).build(directory=str(tmp_path_factory.mktemp("wheel")))
    with zipfile.ZipFile(path) as archive:
        yield archive


@pytest.mark.parametrize(
    ("file", "pattern"), [("CHANGELOG.md", r"^## (\d\S*)"), ("CITATION.cff", r"^version: (\S+)$")], ids=str
)
def test_version_agrees(file, pattern):
    assert re.search(pattern, (ROOT / file).read_text(), re.MULTILINE).group(1) == prunescope.__version__


@pytest.mark.parametrize("name", sorted(ENTRY_POINTS))
def test_entry_point_resolves(name):
    module, _, attribute = ENTRY_POINTS[name].partition(":")
    assert callable(getattr(importlib.import_module(module), attribute))


def test_wheel_holds_the_package_alone(wheel):
    top = {name.split("/")[0] for name in wheel.namelist()}
    assert top == {"prunescope", f"prunescope-{prunescope.__version__}.dist-info"}


def test_wheel_holds_every_module_and_template(wheel):
    sources = {path.relative_to(ROOT).as_posix() for path in (ROOT / "prunescope").rglob("*.*")}
    sources = {path for path in sources if not path.endswith(".pyc")}
    assert sources <= set(wheel.namelist())


def test_wheel_holds_the_licence(wheel):
    (licence,) = [name for name in wheel.namelist() if name.endswith("LICENSE")]
    assert wheel.read(licence).decode() == (ROOT / "LICENSE").read_text()


def test_wheel_declares_the_entry_points(wheel):
    (declared,) = [name for name in wheel.namelist() if name.endswith("entry_points.txt")]
    text = wheel.read(declared).decode()
    assert all(f"{name.rpartition(':')[2]} = {target}" in text for name, target in ENTRY_POINTS.items())


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    (path,) = SdistBuilder(str(ROOT)).build(directory=str(tmp_path_factory.mktemp("sdist")))
    with tarfile.open(path) as archive:
        yield [name.partition("/")[2] for name in archive.getnames()]


def test_the_source_distribution_holds_the_package_and_its_papers_alone(source):
    beside = {name for name in source if not name.startswith("prunescope/")}
    assert beside == {
        ".gitignore", "CHANGELOG.md", "CITATION.cff", "CONTRIBUTING.md", "LICENSE", "LICENSE-DIGITS", "PKG-INFO",
        "README.md", "SECURITY.md", "pyproject.toml",
    }  # fmt: skip
    assert not [name for name in source if name.endswith((".pyc", ".h5", ".pt"))]


def test_the_wheel_holds_the_digits_and_their_licence(wheel):
    assert "prunescope/data/digits.npz" in wheel.namelist()
    assert [name for name in wheel.namelist() if name.endswith("LICENSE-DIGITS")]


def test_the_core_needs_no_scikit_learn(wheel):
    (metadata,) = [name for name in wheel.namelist() if name.endswith("METADATA")]
    needed = [line for line in wheel.read(metadata).decode().splitlines() if line.startswith("Requires-Dist:")]
    assert len(needed) > 10
    assert not [line for line in needed if "scikit" in line]
    sources = [
        path
        for path in (ROOT / "prunescope").rglob("*.py")
        if re.search(r"^\s*(from|import) sklearn", path.read_text(), re.MULTILINE)
    ]
    assert not sources


def test_a_release_is_published_without_a_password_and_with_attestations():
    flow = yaml.safe_load((ROOT / ".github/workflows/release.yml").read_text())
    assert flow["permissions"] == {}
    used = {step["uses"].partition("@")[0] for job in flow["jobs"].values() for step in job["steps"] if "uses" in step}
    assert {"pypa/gh-action-pypi-publish", "actions/attest-build-provenance", "actions/attest-sbom"} <= used
    assert flow["jobs"]["publish"]["permissions"] == {"id-token": "write"}
    assert flow["jobs"]["publish"]["environment"]["name"] == "pypi"
    assert "secrets." not in (ROOT / ".github/workflows/release.yml").read_text()
    actions = [step["uses"] for job in flow["jobs"].values() for step in job["steps"] if "uses" in step]
    assert [one for one in actions if not re.fullmatch(r"[\w/-]+@[0-9a-f]{40}", one)] == []


def test_one_command_replaces_every_placeholder_of_the_addresses(tmp_path):
    flow = yaml.safe_load((ROOT / ".github/workflows/release.yml").read_text())
    (check,) = [
        step["run"].splitlines()[-1] for step in flow["jobs"]["build"]["steps"] if "OWNER" in step.get("run", "")
    ]
    (command,) = re.findall(r"^sed -i .*", (ROOT / "CONTRIBUTING.md").read_text(), re.MULTILINE)
    (tmp_path / "docs").mkdir()
    for name in ("pyproject.toml", "docs/ci.md"):
        shutil.copy(ROOT / name, tmp_path / name)
    with pytest.raises(subprocess.CalledProcessError):
        subprocess.run(["sh", "-ec", check], cwd=tmp_path, check=True)
    subprocess.run(["sh", "-ec", command], cwd=tmp_path, check=True)
    subprocess.run(["sh", "-ec", check], cwd=tmp_path, check=True)
    assert "github.com/acme/prunescope" in (tmp_path / "pyproject.toml").read_text()
    other = [
        path
        for folder in ("docs", "prunescope", "ci")
        for path in (ROOT / folder).rglob("*.*")
        if path.suffix in {".md", ".py", ".sh", ".toml"} and "OWNER/prunescope" in path.read_text()
    ]
    assert other == [ROOT / "docs/ci.md"]


def test_the_documented_workflow_gives_the_action_its_own_inputs():
    blocks = re.findall(r"```yaml\n(.*?)```", (ROOT / "docs/ci.md").read_text(), re.DOTALL)
    flow = yaml.safe_load(next(block for block in blocks if "runs-on" in block))
    (job,) = flow["jobs"].values()
    (ours,) = [step for step in job["steps"] if step.get("uses", "").startswith("OWNER/prunescope@")]
    action = yaml.safe_load((ROOT / "action.yml").read_text())
    assert set(ours["with"]) <= set(action["inputs"])
    assert [name for name, given in action["inputs"].items() if given.get("required")] == ["checkpoint"]
    script = (ROOT / "ci/diagnose.sh").read_text()
    assert [name for name in action["runs"]["steps"][1]["env"] if name not in script] == []


def test_the_documentation_is_built_as_here():
    hosted = yaml.safe_load((ROOT / ".readthedocs.yaml").read_text())
    assert "sphinx --fail-on-warning --nitpicky" in hosted["build"]["jobs"]["build"]["html"][0]
