"""The end of a step: what was made becomes a run of the study. The clock is read for provenance only."""

from __future__ import annotations

import platform
from datetime import UTC, datetime
from functools import lru_cache
from importlib.metadata import version
from typing import TYPE_CHECKING

import torch

from prunescope.runs.files.runfile import Run

if TYPE_CHECKING:
    from collections.abc import Mapping

    from prunescope.runs.recipe import Recipe
    from prunescope.runs.steps.result import StepResult
    from prunescope.runs.store import Store

REPORTED_PACKAGES = ("prunescope", "torch", "timm", "numpy", "h5py")


def finish_run(recipe: Recipe, made: StepResult, store: Store, *, device: str, seconds: float) -> str:
    """Write what a step made, and return the id of its run; `seconds` is what it took by the clock."""
    run = Run(
        recipe=recipe,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        wall_seconds=round(seconds, 3),
        device=describe_device(device),
        versions=versions_here(),
        engine=made.engine,
        facts=made.facts,
        history=made.history,
        mask=made.mask,
        readings=made.readings,
        verdicts=made.verdicts,
    )
    store.forget_progress(recipe.id)
    return store.write(run, made.weights)


@lru_cache(maxsize=1)
def versions_here() -> Mapping[str, str]:
    """Return what made the numbers; asked once, because each look into the metadata takes milliseconds."""
    return {package: version(package) for package in REPORTED_PACKAGES} | {"python": platform.python_version()}


def describe_device(device: str) -> str:
    """Return the name of the GPU, or the kind of processor and the number of threads."""
    if torch.device(device).type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{platform.processor() or platform.machine()} ({torch.get_num_threads()} threads)"
