"""The functions of the package: documented, light to import, and what they return shows itself."""

from __future__ import annotations

import inspect
import subprocess
import sys
from importlib import import_module

import pytest

import prunescope
from prunescope.report.common.finding import Finding


def test_a_finding_is_its_text_at_the_prompt():
    for module in prunescope.FUNCTIONS.values():
        import_module(module)
    kinds, found = [Finding], set()
    while kinds:
        found.add(kinds[-1])
        kinds += kinds.pop().__subclasses__()
    assert len(found) > 15
    assert {kind.__repr__ for kind in found} == {Finding.__repr__}


def test_importing_the_package_loads_nothing_heavy_and_names_every_function():
    code = """
import sys, prunescope
assert set(prunescope.FUNCTIONS) <= set(dir(prunescope)) & set(prunescope.__all__)
heavy = ("torch", "timm", "numpy", "h5py", "scipy", "sklearn", "matplotlib", "pandas", "typer", "rich")
loaded = [name for name in heavy if name in sys.modules]
assert not loaded, loaded
"""
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 0, ended.stderr


@pytest.mark.parametrize("name", prunescope.FUNCTIONS)
def test_every_argument_is_documented(name):
    function = getattr(prunescope, name)
    helped = dict(line.strip().split(": ", 1) for line in function.__doc__.partition("Args:")[2].strip().splitlines())
    assert all(helped[parameter] for parameter in inspect.signature(function).parameters)
