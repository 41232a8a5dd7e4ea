"""Whether a pilot is left in Slurm's queue: asked of squeue, which every Slurm has; sacct requires accounting."""

from __future__ import annotations

import subprocess
import warnings
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

ASK_SECONDS = 60

UNKNOWN = "Invalid job id"
"""What squeue answers once Slurm has forgotten a job."""


def is_any_left(pilots: Sequence[Any]) -> bool:
    """Return whether a pilot waits or runs; True where squeue does not answer: it is asked again."""
    numbers = sorted({pilot.job_id.partition("_")[0] for pilot in pilots})
    words = ["squeue", "--noheader", "--format=%i", f"--jobs={','.join(numbers)}"]
    try:
        found = subprocess.run(words, capture_output=True, text=True, check=False, timeout=ASK_SECONDS)  # noqa: S603
    except (OSError, subprocess.SubprocessError):
        return True
    if found.returncode:
        return UNKNOWN not in found.stderr
    return bool(found.stdout.strip())


def is_any_process_left(pilots: Sequence[Any]) -> bool:
    """Return whether a pilot of submitit's local executor runs."""
    with warnings.catch_warnings(action="ignore"):
        return not all(pilot.done() for pilot in pilots)
