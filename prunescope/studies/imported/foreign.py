"""What another program measured: one dense network, at one density, with the files it was read from."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from prunescope.api import Reading

TEST_ERROR, LMC, CKA, PATH = "errors/test_error", "lmc/lmc", "cka/softmax", "lmc/train_error_path"

WANTED = (TEST_ERROR, LMC, CKA)
"""What a phase diagram is made of."""


@dataclass(frozen=True, kw_only=True)
class ForeignCell:
    """A dense network pruned to one density by another program, and what its replicas measured there."""

    density: float
    """Kept prunable weights / all prunable weights, 1 for the dense network itself."""
    knobs: Mapping[str, float]
    """Of the dense training, in the names of `api.knobs`; without those that the files do not hold."""
    settings: Mapping[str, str]
    """What else the program was asked: "model", "data", "pruning", ..."""
    readings: Mapping[str, Reading]
    """By "<probe>/<name>"."""
    digests: Mapping[str, str]
    """File within the source -> SHA-256 of its bytes."""
    seed: int | None = None
    """Of the dense training; None where the files do not hold it."""
    drops: tuple[float, ...] = ()
    """Epochs after which the learning rate of the dense training fell, where dense networks are snapshots of it."""
    notes: tuple[str, ...] = ()
    """What is special about these numbers."""
    checkpoint: Path | None = None
    """Weights of the network, to be read like any checkpoint."""

    @property
    def missing(self) -> tuple[str, ...]:
        """What of a phase diagram's readings was not measured."""
        if self.density == 1:
            return () if TEST_ERROR in self.readings else (TEST_ERROR,)
        return tuple(name for name in WANTED if name not in self.readings)


@dataclass(frozen=True, kw_only=True)
class ForeignResults:
    """Everything that one source holds."""

    cells: tuple[ForeignCell, ...]
    left_out: tuple[str, ...] = field(default=())
    """What was not read, and why, a sentence each."""
