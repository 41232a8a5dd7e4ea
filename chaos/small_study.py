"""A study of 42 steps, each of which takes a few hundredths of a second, and the command that runs it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from prunescope.runs.store import Store

STUDY = """
[model]
name = "preresnet8"
width = 0.25
[data]
name = "patches"
images = 64
test_images = 32
[train]
plugin = "sgd"
epochs = 3
batch_size = 16
[prune]
plugin = "magnitude"
[retrain]
plugin = "sgd"
epochs = 1
batch_size = 16
[[probes]]
plugin = "errors"
[[probes]]
plugin = "lmc"
points = 3
[axes]
epochs = [1, 3]
density = [0.2, 0.5]
[seeds]
dense = [0, 1]
replicas = 2
"""

FEW = STUDY.replace("density = [0.2, 0.5]", "density = [0.5]").replace("dense = [0, 1]", "dense = [0]")
"""The same of 11 steps: one whose workers end at every other step takes minutes."""

STEPS = 2 + 8 * (1 + 2 + 2)

DONE, FULL, FAILED, KILLED = 0, 2, 4, -9
"""Exit codes of the command."""

READINGS = 8 * (3 + 5)


def sweep(file: Path, store: Store, *more: str, workers: int = 1) -> list[str]:
    """Return the command; one worker is its own process."""
    where = ["--workers", str(workers)] if workers > 1 else ["--executor-option", "in_process=true"]
    return ["sweep", str(file), "--study", str(store.study), *where, *more]
