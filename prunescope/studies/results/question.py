"""What `open_study` and `results` are asked: a study folder."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from prunescope.runs.place import STUDY, AskedPlace


@dataclass(frozen=True, kw_only=True)
class ResultsQuestion(AskedPlace):
    """The finished runs of a study."""

    study: str | Path = field(default=STUDY, kw_only=False)
    """The study folder."""

    @property
    def folder(self) -> Path:
        """The study folder."""
        return Path(self.study)
