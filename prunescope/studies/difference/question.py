"""What `diff` is asked, with its defaults."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from prunescope.runs.place import STUDY, AskedPlace


@dataclass(frozen=True, kw_only=True)
class DifferenceQuestion(AskedPlace):
    """Two diagnoses, or two studies."""

    before: str | Path = field(kw_only=False)
    """The first: a diagnosis's run id, the file that `diagnose --json` wrote, or a study folder."""
    after: str | Path = field(kw_only=False)
    """The second, of the same kind."""
    study: str | Path = STUDY
    """The study folder in which run ids are looked up."""
    points: float = 1.0
    """Points of test error from which a change counts, beyond twice its standard error."""

    @property
    def folder(self) -> Path:
        """The study folder."""
        return Path(self.study)
