"""What `map` is asked, with its defaults."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from prunescope.runs.place import NetworkPlace
from prunescope.studies.diagnosis.question import DENSITIES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from prunescope.runs.place import DataLike, Network


@dataclass(frozen=True, kw_only=True)
class MapQuestion(NetworkPlace):
    """Which of several dense networks survives pruning best at each density, without retraining."""

    networks: Network | Sequence[Network] = field(kw_only=False)
    """Dense networks: paths, run ids, `ID@EPOCH`, live networks. With one alone, the snapshots of its run are mapped
    too, or the numbered checkpoints beside its file."""
    data: DataLike | None = None
    """What they were trained on; what their runs were trained on where None."""
    densities: Sequence[float] = DENSITIES
    """Shares of the prunable weights to keep, each in (0, 1)."""
    pruner: str = "magnitude"
    """The plugin that prunes."""
    pruner_options: Mapping[str, Any] = field(default_factory=dict)
    """Its options."""
    seed: int = 0
    """Seed of all random numbers."""
    limit_batches: int | None = None
    """Use only the first N batches of the data, for a quick trial."""
    dry_run: bool = False
    """Whether only the cost is estimated."""
