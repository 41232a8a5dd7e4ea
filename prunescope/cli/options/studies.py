"""A study before what is named in it: `results show STUDY RUN` beside `results show RUN --study STUDY`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from prunescope.api.errors import UsageError
from prunescope.runs.place import RUNS, find_study_folder

if TYPE_CHECKING:
    from collections.abc import Sequence


def split_study(words: Sequence[str], study: Path) -> tuple[Path, list[str]]:
    """Return the study and what is named in it; the study is `study` where the first word names none.

    A run's file is its study and its id.
    """
    first, *rest = words
    folder = find_study_folder(first)
    if Path(first).is_file() and Path(first).parent.name == RUNS:
        return folder, [Path(first).name.partition(".")[0], *rest]
    return (folder, rest) if (folder / RUNS).exists() or Path(first).suffix == ".toml" else (study, list(words))


def take_one(words: Sequence[str], what: str, command: str) -> str:
    """Return the one thing that is named behind the study.

    Raises:
        UsageError: nothing, or more.
    """
    if len(words) != 1:
        given = "nothing" if not words else " ".join(words)
        raise UsageError(f"{command} takes one {what} behind the study, got {given}", fix=f"{command} [STUDY] {what}")
    return words[0]
