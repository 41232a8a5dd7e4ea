"""The jobs that `check_executor` gives an executor, and what performs them.

The processes of an executor import this file: it is light.
"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from prunescope.api import Job, Resources
from prunescope.api.errors import InputError
from prunescope.api.progress import report_progress
from prunescope.api.wording import count_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ERROR, EXIT, AWKWARD = "no such thing", "the program was to end", "one and two"
"""Messages of the failures: of an error of prunescope, of an exit, of an exception that pickle cannot restore."""

SEEN = "first-outcome-seen"
"""The file that the check makes when the first outcome has come."""

PATIENCE_SECONDS = 30.0
"""How long a job waits for that file; an executor that yields at once never lets it wait."""


def _job(name: str, *needs: str, act: str = "") -> Job:
    return Job(
        id=name,
        needs=needs,
        recipes=(json.dumps({"act": act}), '{"step": "é"}'),
        inputs=tuple(f"runs/{need}.h5" for need in needs),
        outputs=(f"runs/{name}@*.safetensors", f"runs/{name}.safetensors", f"runs/{name}.h5"),
        resources=Resources(seconds=1.5),
        retries=2,
    )


def in_study(jobs: Sequence[Job], study: Path) -> list[Job]:
    """Return the jobs with the folder of a study."""
    return [replace(job, study=str(study)) for job in jobs]


FAILING: Sequence[Job] = (
    _job("top"),
    _job("left", "top"),
    _job("error", "top", act="error"),
    _job("bottom", "left", "error"),
    _job("below", "bottom"),
    _job("exit", act="exit"),
    _job("after-exit", "exit"),
    _job("awkward", act="awkward"),
    _job("alone"),
)
"""Jobs that succeed, that fail in three ways, and that need one that fails."""

FAILURES: Mapping[str, str] = {"error": ERROR, "exit": EXIT, "awkward": AWKWARD}
"""Job -> message of its failure."""

SKIPPED = ("bottom", "below", "after-exit")

CHAIN: Sequence[Job] = (_job("one"), _job("two", "one"), _job("three", "two", act="wait"))
"""Jobs one after the other; the last one waits until the outcome of the first has come."""


def perform_marked(job: Job, *, folder: str) -> None:
    """Note in `folder` that a job was performed, and how it came here; then do what its recipe has.

    Its last output is written into the folder of its study.
    """
    early = [need for need in job.needs if not Path(folder, need).is_file()]
    absent = [path for path in job.inputs if not Path(job.study, path).is_file()]
    note = {"job": asdict(job), "early": early, "absent": absent}
    Path(folder, f"{job.id}.{uuid4().hex}.json").write_text(json.dumps(note), encoding="utf-8")
    report_progress(job.id, 0.5)
    _act(json.loads(job.recipes[0])["act"], Path(folder, SEEN))
    result = Path(job.study, job.outputs[-1])
    result.parent.mkdir(parents=True, exist_ok=True)
    result.write_text(job.id, encoding="utf-8")
    Path(folder, job.id).touch()


@dataclass(frozen=True)
class Note:
    """A job that was performed."""

    job: Job
    """As it came."""
    early: list[str]
    """Jobs it needs that were not done by then."""
    absent: list[str]
    """Inputs that were not there."""


def read_notes(folder: Path) -> list[Note]:
    """Return what the jobs have noted."""
    read = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.json"))]
    return [Note(_job_of(note["job"]), note["early"], note["absent"]) for note in read]


def _job_of(fields: Mapping[str, Any]) -> Job:
    """Return a job from its fields, of whose tuples JSON made lists."""
    given = {name: tuple(value) if isinstance(value, list) else value for name, value in fields.items()}
    return Job(**{**given, "resources": Resources(**fields["resources"])})  # type: ignore[arg-type]


def _act(what: str, seen: Path) -> None:
    if what == "error":
        raise InputError(ERROR, fix="look elsewhere")
    if what == "exit":
        sys.exit(EXIT)
    if what == "awkward":
        raise _AwkwardError("one", "two")
    if what == "wait":
        _wait_for(seen)


def _wait_for(seen: Path) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not seen.is_file():
        if time.monotonic() > deadline:
            raise TimeoutError(
                f"the outcome of the first job has not come after {count_text(PATIENCE_SECONDS, 'second')}"
            )
        time.sleep(0.01)


class _AwkwardError(Exception):
    """An exception as some libraries have them: pickle restores it with one argument, and fails."""

    def __init__(self, one: str, two: str) -> None:
        Exception.__init__(self, f"{one} and {two}")
