"""What every test starts from."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

PROGRAMS = ("sbatch", "srun", "squeue", "scontrol", "scancel")


@pytest.fixture(autouse=True)
def _pilots_find_the_tests(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


@pytest.fixture
def slurm(tmp_path, monkeypatch):
    """Put the programs of a Slurm of this machine on the path; return the folder of its state."""
    home, programs = tmp_path / "slurm", tmp_path / "bin"
    home.mkdir()
    programs.mkdir()
    for name in PROGRAMS:
        script = programs / name
        script.write_text(f'#!/bin/sh\nexec {sys.executable} {Path(__file__).with_name("fake_slurm.py")} {name} "$@"\n')
        script.chmod(0o755)
    monkeypatch.setenv("FAKE_SLURM", str(home))
    monkeypatch.setenv("PATH", str(programs), prepend=":")
    return home
