"""Help and the list of plugins load no heavy package."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = ("torch", "timm", "h5py", "numpy", "sklearn", "matplotlib", "torchvision")

CHILD = """
import sys
sys.argv = ["prunescope", *{words!r}]
from prunescope.cli import main
try:
    main()
except SystemExit as end:
    assert not end.code, end.code
loaded = [name for name in {heavy!r} if name in sys.modules]
assert not loaded, loaded
"""


@pytest.mark.parametrize(
    "words",
    [
        ["--help"],
        ["--version"],
        ["plugins"],
        ["probe", "--help"],
        ["train", "sgd", "--help"],
        ["diagnose", "--help"],
        ["results", "list", "--help"],
    ],
    ids=" ".join,
)
def test_light(words):
    code = CHILD.format(words=words, heavy=HEAVY)
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout


def test_the_front_page_imports_no_plugin():
    code = CHILD.format(words=["--help"], heavy=["rich", "prunescope.training", "prunescope.plugins.options.fields"])
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 0, ended.stderr
