from __future__ import annotations

import json

import pytest


def test_every_group_is_listed(invoke):
    text = invoke("plugins").stdout
    for group, name in (("pruners", "magnitude"), ("trainers", "sgd"), ("probes", "lmc"), ("rules", "md-tree")):
        assert any(line.split()[:3] == [group, name, "prunescope"] for line in text.splitlines()), name


def test_as_json(invoke):
    listed = json.loads(invoke("plugins", "--json").stdout)
    (lmc,) = [plugin for plugin in listed if plugin["name"] == "lmc"]
    assert lmc["help"]
    assert not lmc["problem"]


@pytest.fixture
def foreign(tmp_path, monkeypatch):
    """Install a distribution with a plugin that fails to import and one whose name clashes."""
    info = tmp_path / "acme_tools-3.1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-tools\nVersion: 3.1\n")
    (info / "entry_points.txt").write_text(
        "[prunescope.probes]\nbroken = acme_tools_missing:Broken\nlmc = acme_tools_missing:Lmc\n"
    )
    monkeypatch.syspath_prepend(tmp_path)


@pytest.mark.usefixtures("foreign")
def test_what_cannot_be_used_is_listed_with_the_reason(invoke):
    result = invoke("plugins")
    assert result.exit_code == 0
    lines = {tuple(line.split()[1:3]): line for line in result.stdout.splitlines()}
    assert "CANNOT BE USED" in lines["broken", "acme-tools"]
    assert "ModuleNotFoundError" in lines["broken", "acme-tools"]
    assert "two plugins are called 'lmc'" in lines["lmc", "acme-tools"]
    assert "two plugins are called 'lmc'" in lines["lmc", "prunescope"]


@pytest.mark.usefixtures("foreign")
def test_the_others_go_on_working(invoke):
    text = invoke("probe", "--help").stdout
    assert "errors" in text
    result = invoke("probe", "broken", "x")
    assert result.exit_code == 2
    assert "acme-tools 3.1" in result.stderr
