"""Jobs of the tests, as the processes of pilots import them."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path


def leave_note(job, *, folder):
    """Note who performs the job; then do what its name begins with."""
    attempts = Path(folder, f"{job.id}.attempts")
    with attempts.open("a", encoding="utf-8") as file:
        file.write(f"{os.getpid()}\n")
    act = job.id.partition("-")[0]
    if act == "raises":
        raise ValueError("as asked")
    if act == "dies" or (act == "stumbles" and attempts_at(folder, job.id) == 1):
        os.kill(os.getpid(), signal.SIGKILL)
    if act == "flags":
        found = f"{int(sys.flags.safe_path)}{os.environ.get('PYTHONSAFEPATH', '')}"
        Path(folder, "flags").write_text(found, encoding="utf-8")
    if act == "waits":
        until = time.monotonic() + 60
        while not Path(folder, "go").exists() and time.monotonic() < until:
            time.sleep(0.05)


def attempts_at(folder, job):
    """Return how often a job was begun."""
    try:
        return len(Path(folder, f"{job}.attempts").read_text(encoding="utf-8").splitlines())
    except FileNotFoundError:
        return 0
