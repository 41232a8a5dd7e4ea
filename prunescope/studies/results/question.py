"""What `open_study` and `results` are asked: a study folder."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path  # noqa: TC003 - the types of fields are read as they run

from prunescope.runs.place import STUDY, AskedPlace, find_study_folder


@dataclass(frozen=True, kw_only=True)
class ResultsQuestion(AskedPlace):
    """The finished runs of a study."""

    study: str | Path = field(default=STUDY, kw_only=False)
    """The study: its folder, its TOML file, or a file of a run in it."""

    @property
    def folder(self) -> Path:
        """The study folder."""
        return find_study_folder(self.study)
