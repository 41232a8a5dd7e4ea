"""The benchmark on a GPU, at sizes that test its logic on a CPU."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "bench_gpu.py"


def run(*options):
    return subprocess.run(
        [sys.executable, str(SCRIPT), *options],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""},
    )


def test_every_row_of_measurements_runs_on_a_cpu_checks_and_reports(tmp_path):
    done = run("--tiny", "--only", "lmc", "hessian", "resnet50", "--out", str(tmp_path))
    assert done.returncode == 0, done.stdout + done.stderr
    part = json.loads((tmp_path / "gpu.json").read_text())
    assert part["title"] == "GPU"
    assert len(part["rows"]) == 9
    assert len(part["headlines"]) == 5
    assert all(ratio > 0 for row in part["rows"] for ratio in row["ratios"])
    assert "equal: errors of 9 points" in (tmp_path / "gpu.md").read_text()


def test_without_a_gpu_it_says_so_and_measures_nothing(tmp_path):
    done = run("--out", str(tmp_path))
    assert done.returncode == 0
    assert "no GPU here" in done.stdout
    assert not list(tmp_path.iterdir())
