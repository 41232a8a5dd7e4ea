"""Plugins found through real distributions on a path."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from prunescope.api.errors import PluginError, UsageError
from prunescope.plugins import registry

if TYPE_CHECKING:
    from pathlib import Path

PROBE = '''
from dataclasses import dataclass
from prunescope.api import Probe, Reading

@dataclass(frozen=True, kw_only=True)
class Seven(Probe):
    """Always seven."""
    replicas = 1
    def measure(self, replicas, data, *, seed):
        return {"seven": Reading(7.0, unit="1")}

class Unfinished(Probe):
    pass
'''


def install(folder: Path, name: str, entries: str, source: str = "") -> None:
    """Lay a distribution out as pip does."""
    package = name.replace("-", "_")
    metadata = folder / f"{package}-1.2.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.2\n")
    (metadata / "entry_points.txt").write_text(entries)
    (folder / f"{package}.py").write_text(source)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder on sys.path for test distributions."""
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def test_our_own_plugins_are_declared_like_anyones() -> None:
    found = {(plugin.group, plugin.name) for group in registry.INTERFACES for plugin in registry.find_plugins(group)}
    assert {("trainers", "sgd"), ("pruners", "magnitude"), ("probes", "lmc"), ("rules", "three-regime")} <= found


def test_finding_plugins_imports_none_of_them() -> None:
    code = (
        "import sys; from prunescope.plugins import registry;"
        "[registry.find_plugins(group) for group in registry.INTERFACES];"
        "rooms = ('prunescope.training', 'prunescope.landscape', 'prunescope.pruning');"
        "print([name for name in sys.modules if name.startswith(rooms)"
        " or name in ('torch', 'numpy', 'h5py', 'timm')])"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"


def test_a_third_partys_plugin_is_found_loaded_and_built(site: Path) -> None:
    install(site, "seven-probe", "[prunescope.probes]\nseven = seven_probe:Seven\n", PROBE)
    plugin = registry.get("probes", "seven")
    assert (plugin.distribution, plugin.version) == ("seven-probe", "1.2")
    loaded = registry.make("probes", "seven", {})
    assert registry.summary(type(loaded.instance)) == "Always seven."


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ("broken_probe:Missing", "AttributeError"),
        ("no_such_module:Probe", "ModuleNotFoundError"),
        ("broken_probe:Unfinished", "is not a Probe"),
        ("broken_probe:Reading", "is not a Probe"),
    ],
)
def test_a_plugin_that_fails_to_load_names_its_distribution(site: Path, target: str, reason: str) -> None:
    install(site, "broken-probe", f"[prunescope.probes]\nbroken = {target}\n", PROBE)
    with pytest.raises(PluginError, match=reason) as caught:
        registry.get("probes", "broken").load()
    assert "broken-probe" in str(caught.value)
    assert registry.get("probes", "lmc").name == "lmc"


def test_two_plugins_of_one_name_are_an_error_that_names_both(site: Path) -> None:
    install(site / "a", "first-dist", "[prunescope.probes]\nsame = first_dist:Seven\n", PROBE)
    install(site / "b", "second-dist", "[prunescope.probes]\nsame = second_dist:Seven\n", PROBE)
    path = [str(site / "a"), str(site / "b")]
    with pytest.raises(PluginError, match=r"first-dist.*second-dist"):
        registry.get("probes", "same", path=path)


def test_an_unknown_name_gets_the_nearest() -> None:
    with pytest.raises(UsageError, match="no probe 'lcm'") as caught:
        registry.get("probes", "lcm")
    assert "'lmc'" in caught.value.fix
