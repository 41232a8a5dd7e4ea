"""What `results import` is asked: folders of another program's results, and the study that they become."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from prunescope.runs.place import AskedPlace

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


@dataclass(frozen=True, kw_only=True)
class ImportQuestion(AskedPlace):
    """Results of timm, open_lth, ShrinkBench or ThreeRegimePruning as a study."""

    sources: str | Path | Sequence[str | Path] = field(kw_only=False)
    """Folders that hold the results, at any depth."""
    to: str | Path
    """The study folder; what was imported there before stays."""
    form: str | None = None
    """"timm", "open-lth", "shrinkbench" or "three-regime"; None: recognised by the files."""
    knob: str | None = None
    """The knob of the dense training along which the study lies; None: the one in which the results differ."""
    value: float | None = None
    """Its value, of all these results, where their files do not hold it."""
    where: Mapping[str, str] = field(default_factory=dict)
    """Settings that results must have, as {"pruning": "GlobalMagWeight"}; the others are left out."""

    @property
    def folder(self) -> Path:
        """The study folder."""
        return Path(self.to)

    @property
    def folders(self) -> tuple[Path, ...]:
        """The sources, whichever way they were given."""
        given = [self.sources] if isinstance(self.sources, str | Path) else self.sources
        return tuple(Path(one) for one in given)
