"""What `report` is asked, with its defaults."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prunescope.runs.place import AskedPlace, find_study_folder

if TYPE_CHECKING:
    from collections.abc import Mapping

    from prunescope.runs.place import HasStudy

TABLE = ".csv"


@dataclass(frozen=True, kw_only=True)
class ReportQuestion(AskedPlace):
    """The phase diagram of a study, and what it shows of the three regimes."""

    source: str | Path | HasStudy = field(kw_only=False)
    """A study's folder or its TOML file, what `sweep` returned, or a CSV table of cells."""
    rule: str = "three-regime"
    """The plugin that judges each cell."""
    rule_options: Mapping[str, Any] = field(default_factory=dict)
    """Its options."""
    rules: Path | None = None
    """A pack of thresholds that `calibrate` fitted."""

    @property
    def path(self) -> Path:
        """The study's folder, or the table."""
        return find_study_folder(self.source) if isinstance(self.source, str | Path) else self.source.study

    @property
    def is_table(self) -> bool:
        """Whether the numbers come from a table."""
        return self.path.suffix == TABLE

    @property
    def folder(self) -> Path:
        """The study folder; of a table the folder it lies in."""
        return self.path.parent if self.is_table else self.path
