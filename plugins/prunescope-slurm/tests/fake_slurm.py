"""As much of Slurm as the pilots need: sbatch, srun, squeue, scontrol and scancel of this machine, without accounting.

    python fake_slurm.py PROGRAM ARGUMENTS...

State lies in the folder $FAKE_SLURM: `ID.pid` of each array task under way, `ID.end` once it has ended, `ID.cancelled`
while it ends because of scancel, `refusal` for what sbatch is to answer, and `calls`.
"""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path

NUMBER = "7"
"""Of every array: a test has one."""


KEPT = ("PATH", "HOME", "PYTHONPATH", "FAKE_SLURM", "OMP_NUM_THREADS")
"""What a job has where a site exports nothing: what its shell sets, and what the tests need."""


def answer(line):
    sys.stdout.write(f"{line}\n")


def home():
    return Path(os.environ["FAKE_SLURM"])


def sbatch(script):
    """Start every task of the array in a session of its own; each notes how it ended."""
    if (home() / "refusal").exists():
        sys.exit((home() / "refusal").read_text(encoding="utf-8"))
    text = Path(script).read_text(encoding="utf-8")
    (home() / "script").write_text(text, encoding="utf-8")
    array = re.search(r"--array=0-(\d+)", text)
    for name in [f"{NUMBER}_{task}" for task in range(int(array.group(1)) + 1)] if array else [NUMBER]:
        start(script, name)
    answer(f"Submitted batch job {NUMBER}")


def start(script, name):
    here = {"JOB_ID": NUMBER, "JOB_NODELIST": "here"}
    if name != NUMBER:
        here |= {"ARRAY_JOB_ID": NUMBER, "ARRAY_TASK_ID": name.partition("_")[2]}
    one = {"NTASKS": "1", "JOB_NUM_NODES": "1", "NODEID": "0", "PROCID": "0", "LOCALID": "0"}
    named = {f"SLURM_{key}": value for key, value in (here | one).items()}
    mine = f'grep -q "^$$ " {home()}/{name}.pid'  # not queued again meanwhile
    line = f"trap : TERM USR1 USR2; . {shlex.quote(script)}; {mine} && touch {home()}/{name}.end"
    silent = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    given = {key: os.environ[key] for key in KEPT if key in os.environ} | {"SLURM_EXPORT_ENV": "NONE"}
    before = given if os.environ.get("SBATCH_EXPORT") == "NONE" else os.environ
    process = subprocess.Popen(["bash", "-c", line], env={**before, **named}, start_new_session=True, **silent)
    (home() / f"{name}.pid").write_text(f"{process.pid} {script}")


def task():
    """Return the name of the array task that this process is of."""
    return "_".join(filter(None, (NUMBER, os.environ.get("SLURM_ARRAY_TASK_ID"))))


def srun(*words):
    """Run the command behind the options, its output in the files that they name."""
    rest = list(words)
    while rest and rest[0].startswith("--"):
        if rest[0] in ("--output", "--error"):
            place = rest[1].replace("%A", NUMBER).replace("%j", NUMBER).replace("%t", "0")
            place = place.replace("%a", os.environ.get("SLURM_ARRAY_TASK_ID", ""))
            file = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            os.dup2(file, 1 if rest[0] == "--output" else 2)
        rest = rest[1:] if "=" in rest[0] or rest[0] == "--unbuffered" else rest[2:]
    if os.environ.get("SLURM_EXPORT_ENV") == "NONE" and "--export=ALL" not in words:
        for name in [name for name in os.environ if name not in KEPT and not name.startswith("SLURM_")]:
            del os.environ[name]
    os.execvp(rest[0], rest)  # noqa: S606 - as srun does


def squeue(*_):
    for pid in sorted(home().glob("*.pid")):
        if not pid.with_suffix(".end").exists():
            answer(pid.stem)


def scontrol(*words):
    """Queue a task again: it starts at once; or show the state of a job."""
    if "show" in words:
        cancelled = (home() / f"{task()}.cancelled").exists()
        answer(f"JobId={NUMBER} JobState={'COMPLETING' if cancelled else 'RUNNING'} Reason=None")
    if words[0] == "requeue":
        name = words[1]
        script = (home() / f"{name}.pid").read_text().partition(" ")[2]
        (home() / f"{name}.end").unlink(missing_ok=True)
        start(script, name)


def scancel(*words):
    for pid in sorted(home().glob("*.pid")):
        if words and pid.stem.startswith(words[-1]) and not pid.with_suffix(".end").exists():
            pid.with_suffix(".cancelled").touch()
            os.killpg(int(pid.read_text().partition(" ")[0]), signal.SIGTERM)


if __name__ == "__main__":
    program, *arguments = sys.argv[1:]
    with (home() / "calls").open("a", encoding="utf-8") as calls:
        calls.write(f"{program} {shlex.join(arguments)}\n")
    globals()[program](*arguments)
