"""What a user installs: the version, the entry points and the content of the wheel."""

from __future__ import annotations

import importlib
import re
import tomllib
import zipfile
from pathlib import Path

import pytest
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
