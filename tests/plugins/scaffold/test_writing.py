"""What `plugins new` writes works as it stands; `nox -s lint` checks its style and types."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from typing import get_args

import pytest

from prunescope.api.errors import UsageError
from prunescope.plugins import scaffold

KINDS = get_args(scaffold.Kind)


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """Write a plugin of each kind; return kind -> folder."""
    parent = tmp_path_factory.mktemp("new")
    return {kind: scaffold.write_plugin(scaffold.names(f"toy-{kind}", kind), parent) for kind in KINDS}


@pytest.fixture(scope="module")
def environment(written):
    """Return an environment in which all of them are installed: on the path, with their metadata."""
    for folder in written.values():
        project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
        info = folder / "src" / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
        )
        ((group, entries),) = project["entry-points"].items()
        declared = "".join(f"{name} = {target}\n" for name, target in entries.items())
        (info / "entry_points.txt").write_text(f"[{group}]\n{declared}")
    return os.environ | {"PYTHONPATH": os.pathsep.join(str(folder / "src") for folder in written.values())}


def test_their_own_tests_pass(written, environment):
    folders = [str(folder / "tests") for folder in written.values()]
    options = ["-p", "no:cacheprovider", "-W", "error", "--import-mode=importlib", "-q"]
    ended = subprocess.run(
        [sys.executable, "-m", "pytest", *options, *folders],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
        cwd=written["probe"].parent,
    )
    assert ended.returncode == 0, ended.stdout
    assert "23 passed" in ended.stdout


def test_prunescope_finds_them(environment):
    command = [sys.executable, "-m", "prunescope", "plugins", "--json"]
    listed = json.loads(subprocess.run(command, capture_output=True, check=True, env=environment).stdout)
    found = {
        (plugin["group"], plugin["name"])
        for plugin in listed
        if plugin["distribution"].startswith("prunescope-toy") and plugin["help"] and not plugin["problem"]
    }
    assert found == {(f"{kind}s", f"toy-{kind}") for kind in KINDS}


@pytest.mark.parametrize("kind", KINDS)
def test_every_file_is_there(kind, written):
    found = {path.relative_to(written[kind]).as_posix() for path in written[kind].rglob("*") if path.is_file()}
    package = f"prunescope_toy_{kind}"
    wanted = {"README.md", "pyproject.toml"} | {
        f"src/{package}/__init__.py",
        f"src/{package}/py.typed",
        f"tests/test_{package}.py",
    }
    if kind != "executor":
        wanted.add(f"src/{package}/references.bib")
    assert wanted <= found


def test_an_existing_folder_is_refused_and_left_alone(tmp_path):
    folder = tmp_path / "prunescope-mine"
    folder.mkdir()
    (folder / "work.py").write_text("years of it")
    with pytest.raises(UsageError, match="exists already"):
        scaffold.write_plugin(scaffold.names("mine", "probe"), tmp_path)
    assert [path.name for path in folder.iterdir()] == ["work.py"]


def test_a_place_that_cannot_be_made_is_refused(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="cannot make"):
        scaffold.write_plugin(scaffold.names("mine", "probe"), tmp_path / "file")
