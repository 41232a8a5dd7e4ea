"""The working directory is not searched for modules: neither plugins nor packages that a library would like to have."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from small_sweep import study_text

OPTIONAL = (
    "dask", "datasets", "dill", "fire", "IPython", "ipywidgets", "jax", "lightning", "mkl", "modin", "numexpr", "onnx",
    "pandas", "polars", "psutil", "pyarrow", "ray", "tensorboard", "tensorflow", "wandb", "webdataset",
)  # fmt: skip
"""What the libraries under the program import where it is there."""

OWN = ("prunescope_evil", "multiprocessing_helper", "sitecustomize", "usercustomize")

PLANT = "import pathlib\npathlib.Path(__file__ + '.ran').touch()\n"

METADATA = "Metadata-Version: 2.1\nName: evil\nVersion: 1.0\n"

ENTRY_POINTS = "".join(
    f"[prunescope.{group}]\nevil = prunescope_evil:Evil\n"
    for group in ("trainers", "pruners", "probes", "rules", "datasets", "executors")
)

ORIGIN = '{"url": "file:///nowhere/evil", "dir_info": {"editable": true}}'
"""Of a distribution that is installed from a folder (PEP 610)."""

WAYS = ([str(Path(sys.executable).with_name("prunescope"))], [sys.executable, "-m", "prunescope"])

TRAIN = ("train", "sgd", "--model", "preresnet8", "--model-option", "width=0.25", "--epochs", "1")

DATA = ("--data", "patches:images=60,test_images=60")

SWEEP = study_text(train={"plugin": "sgd", "epochs": 1}, axes={"epochs": [1], "density": [0.5]})


@pytest.fixture
def planted(tmp_path):
    """Return a folder with every module in it that somebody might import, and a distribution of plugins."""
    for name in (*OPTIONAL, *OWN, *(name for name in sorted(sys.stdlib_module_names) if is_late(name))):
        (tmp_path / f"{name}.py").write_text(PLANT)
    information = tmp_path / "evil-1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text(METADATA)
    (information / "entry_points.txt").write_text(ENTRY_POINTS)
    (information / "direct_url.json").write_text(ORIGIN)
    (tmp_path / "evil.pth").write_text("import prunescope_evil\n")
    (tmp_path / "evil.egg-info").mkdir()
    (tmp_path / "evil.egg-info" / "PKG-INFO").write_text(METADATA)
    (tmp_path / "evil.egg-info" / "entry_points.txt").write_text(ENTRY_POINTS)
    (tmp_path / "study.toml").write_text(SWEEP)
    return tmp_path


def is_late(name):
    """Whether a module of Python's own is loaded after the program began: of those before, Python decides."""
    return name in {"csv", "multiprocessing", "pickletools", "sqlite3", "tomllib", "uuid", "wave", "xml", "zipapp"}


@pytest.mark.parametrize("way", WAYS, ids=["prunescope", "python -m prunescope"])
@pytest.mark.parametrize(
    "words",
    [("plugins",), ("--help",), ("train", "--help"), (*TRAIN, *DATA), ("sweep", "study.toml", "--workers", "2")],
    ids=lambda words: " ".join(words[:2]),
)
def test_nothing_that_lies_here_is_imported(planted, way, words):
    if not Path(way[0]).exists():
        pytest.skip("the program is not installed beside this Python")
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONSAFEPATH"}
    done = subprocess.run([*way, *words], cwd=planted, capture_output=True, text=True, timeout=280, check=False,
                          env=environment | {"OMP_NUM_THREADS": "1"})  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in planted.rglob("*.ran")) == []
    assert "evil" not in done.stdout + done.stderr
