"""What a worker's process is before its first job; no cluster is needed to see it."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path

import pytest
from prunescope_ray.worker import Terms, prepare_process


def test_no_working_directory_is_searched_however_the_machine_was_started(tmp_path, monkeypatch):
    for name in ("PYTHONSAFEPATH", "CUDA_VISIBLE_DEVICES"):
        monkeypatch.setenv(name, "")  # what it sets is restored
    monkeypatch.setattr(sys, "path", ["", ".", "here", *sys.path])
    monkeypatch.chdir(Path.cwd())
    (tmp_path / "stranger.py").write_text("open('canary', 'w')\n")
    prepare_process(Terms(token="", versions="{}", directory=str(tmp_path)))
    assert Path.cwd() == tmp_path
    with pytest.raises(ImportError):
        importlib.import_module("stranger")
    asked = subprocess.run([sys.executable, "-c", "import stranger"], capture_output=True, text=True, check=False)
    assert "No module named 'stranger'" in asked.stderr
    assert not (tmp_path / "canary").exists()
