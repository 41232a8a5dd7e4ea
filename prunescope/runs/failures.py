"""What went wrong in a study: `failures/<id>.txt`, one file per step that failed and was not finished since."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

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
        found.write_text(f"{outcome.error}\n\n{outcome.details}", encoding="utf-8")


def forget(study: Path, run_id: str) -> None:
    """Remove the note of a step that is finished now."""
    path(study, run_id).unlink(missing_ok=True)


def known(study: Path) -> dict[str, str]:
    """Return the first line of every note by run id."""
    notes = sorted((study / "failures").glob("*.txt"))
    return {found.stem: found.read_text(encoding="utf-8").partition("\n")[0] for found in notes}
