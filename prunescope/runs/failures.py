"""What went wrong in a study: `failures/<id>.txt`, one file per step that failed and was not finished since."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from prunescope.api.errors import InputError
from prunescope.api.regular import read_regular_text
from prunescope.runs.files.whole import whole_file

if TYPE_CHECKING:
    from pathlib import Path

    from prunescope.api import Outcome


def path(study: Path, run_id: str) -> Path:
    """Return where the error and the traceback of a failed step are."""
    return study / "failures" / f"{run_id}.txt"


def note(study: Path, outcome: Outcome) -> None:
    """Keep the error and the traceback of a failed step; a full disk goes without."""
    found = path(study, outcome.id)
    with suppress(OSError):
        found.parent.mkdir(exist_ok=True)
        with whole_file(found) as file:
            file.write(f"{outcome.error}\n\n{outcome.details}".encode("utf-8", "backslashreplace"))


def forget(study: Path, run_id: str) -> None:
    """Remove the note of a step that is finished now."""
    path(study, run_id).unlink(missing_ok=True)


def known(study: Path) -> dict[str, str]:
    """Return the first line of every note by run id."""
    notes = sorted((study / "failures").glob("*.txt"))
    return {found.stem: _first_line(found) for found in notes}


def _first_line(note: Path) -> str:
    try:
        return read_regular_text(note).partition("\n")[0]
    except (OSError, UnicodeDecodeError, InputError):
        return "its record cannot be read"
