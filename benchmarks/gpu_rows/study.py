"""A whole study on a GPU, by the clock: trainings in wide groups, and probes, in a few processes that share it."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from gpu_rows.row import GpuRow

from prunescope.api.wording import count_text

if TYPE_CHECKING:
    from collections.abc import Callable

    from gpu_rows.row import Scale

STUDY = Path(__file__).parents[2] / "studies" / "patches-epochs.toml"
LEAST, AIM = 75.0, 30.0
"""Seconds to reach."""

WORKERS = 4
"""Processes that share the GPU, where there are four cores for each: files and small probes keep a core busy."""


def rows(scale: Scale) -> dict[str, Callable[[], list[GpuRow]]]:
    """Return what measures each workload, by a name of it."""
    return {"study-patches-epochs": lambda: [_row(scale)]}


def _row(scale: Scale) -> GpuRow:
    with tempfile.TemporaryDirectory() as folder:
        study = _study(Path(folder), tiny=scale.tiny)
        workers = str(max(1, min(WORKERS, (os.cpu_count() or 1) // 4)))
        command = [sys.executable, "-m", "prunescope", "sweep", str(study), "--device", scale.device.type]
        command += ["--workers", workers, "--study", f"{folder}/runs"]
        seconds = scale.clock(lambda: subprocess.run(command, check=True))  # noqa: S603 - ourselves
        finished = len(list(Path(folder).glob("runs/runs/*.h5")))
    return GpuRow(
        workload=f"the study patches-epochs{' (tiny)' if scale.tiny else ''} whole, {finished} steps, by the clock",
        against=f"{LEAST:g} seconds",
        ratios=(LEAST / seconds,),
        seconds=(seconds,),
        checked=f"{finished} steps finished",
        least=1,
        aim=LEAST / AIM,
        note=f"{count_text(int(workers), 'worker')}; start of the program and loading of the libraries included",
    )


def _study(folder: Path, *, tiny: bool) -> Path:
    """Return the study file; a tiny one in place of it where the logic alone is tested."""
    if not tiny:
        return STUDY
    text = STUDY.read_text()
    shorter = {
        "epochs = 60": "epochs = 2",
        "epochs = 8\n": "epochs = 1\n",
        "[8, 15, 22, 30, 45, 52, 60]": "[1, 2]",
        "[0.04, 0.06, 0.1, 0.25, 0.6]": "[0.25]",
        "test_images = 10000": "images = 64\ntest_images = 32",
        "[0, 1, 2, 3, 4]": "[0, 1]",
        "replicas = 3": "replicas = 2",
    }
    for before, after in shorter.items():
        text = text.replace(before, after)
    short = folder / "short.toml"
    short.write_text(text)
    return short
