"""What `sweep` is asked, with its defaults."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from prunescope.runs.place import STUDY_FILE, Place

if TYPE_CHECKING:
    from collections.abc import Sequence

    from prunescope.runs.place import HasStudy


@dataclass(frozen=True, kw_only=True)
class SweepQuestion(Place):
    """Every cell of a study, each shared step once."""

    source: str | Path | HasStudy = field(kw_only=False)
    """A study's TOML file, the folder of one begun, or what `sweep` or `open_study` returned."""
    study: str | Path | None = None
    """Folder that keeps every finished step; the file's name, here, where None."""
    data: str | None = None
    """Where the data of the study lie now, as --data takes it; where the study says, or they were found, if None."""
    only: Sequence[str] = ()
    """Only these steps and what they need: "train", "probe/lmc/*", "*density=0.1,*"."""
    shard: tuple[int, int] | None = None
    """(K, N): only the K-th of N parts of the grid."""
    list_steps: bool = False
    """Whether the steps are only listed, with how far each is."""
    dry_run: bool = False
    """Whether only the cost is estimated."""
    step_timeout: float = 0.0
    """Seconds that a step may take on the local executor; 0: any time."""
    repair: bool = False
    """Whether damaged steps are computed again; their files go to damaged/ of the study."""

    @property
    def file(self) -> Path:
        """The study's TOML file."""
        path = find_folder(self.source)
        return path / STUDY_FILE if path.is_dir() else path

    @property
    def folder(self) -> Path:
        """The study folder, which need not exist yet."""
        if self.study is not None:
            return Path(self.study)
        return self.file.parent if self.file.name == STUDY_FILE else Path(self.file.stem)


def find_folder(source: str | Path | HasStudy) -> Path:
    """Return the path that is meant: as it was given, or the study folder of what a function returned."""
    return Path(source) if isinstance(source, str | Path) else source.study
