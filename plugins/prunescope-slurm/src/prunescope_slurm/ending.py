"""What a pilot does when it is to end: its trainings save their state, and it is queued again unless it was cancelled.

Slurm warns with SIGUSR2 (submitit asks for it) before the time limit; sites and preemption send SIGUSR1 or SIGTERM.
Submitit ignores SIGTERM, and knows nothing of SIGUSR1.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from prunescope_slurm.pilot import Pilot

RUNNING = ("RUNNING", "PREEMPTED", "SUSPENDED", "PENDING", "REQUEUED")
"""States of a job that is not cancelled; while one that is cancelled ends, its state is COMPLETING."""

ASK_SECONDS = 20


def heed_warnings(pilot: Pilot) -> None:
    """Let SIGUSR1 and SIGTERM do what submitit does at SIGUSR2: save, and queue the pilot again."""
    requeue: Any = signal.getsignal(signal.SIGUSR2)
    if not callable(requeue):  # not a job of submitit
        return

    def end(number: int, frame: object) -> None:
        if pilot.board.is_closed or (number == signal.SIGTERM and not is_running()):
            pilot.stop()
            _leave(number, "nobody waits for it, or it was cancelled: it is not queued again")
        try:
            requeue(number, frame)
        except (subprocess.SubprocessError, OSError) as error:
            _leave(number, f"it cannot be queued again: {error}")

    for number in (signal.SIGUSR1, signal.SIGTERM, signal.SIGUSR2):
        signal.signal(number, end)


def is_running() -> bool:
    """Return whether Slurm counts the job of this process as one that goes on; True where it does not answer."""
    words = ["scontrol", "--oneliner", "show", "job", os.environ.get("SLURM_JOB_ID", "")]
    try:
        shown = subprocess.run(words, capture_output=True, text=True, check=True, timeout=ASK_SECONDS).stdout  # noqa: S603 - ours
    except (OSError, subprocess.SubprocessError):
        return True
    found = dict(word.partition("=")[::2] for word in shown.split())
    return found.get("JobState", RUNNING[0]) in RUNNING


def _leave(number: int, why: str) -> None:
    print(f"the pilot ended by {signal.Signals(number).name}: {why}", file=sys.stderr, flush=True)  # noqa: T201 - its log
    raise SystemExit(128 + number)
