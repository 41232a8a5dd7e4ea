"""The question of `compare` and its defaults, which no other place has."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from prunescope.runs.place import Place

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from prunescope.runs.place import DataLike

COMPARED_DENSITIES = (0.5, 0.2, 0.1, 0.05, 0.02)

MODEL, MODEL_OPTIONS = "preresnet8", {"width": 0.5}
"""Small enough that five pruners take minutes on two cores."""

TRAINING = {"learning_rate": 0.1, "weight_decay": 5e-3, "batch_size": 32}
"""Defaults of this question for the trainer `sgd`: those of the studies on `patches`."""


@dataclass(frozen=True, kw_only=True)
class ComparisonQuestion(Place):
    """Pruners side by side: accuracy, compression and speed-up over several dense seeds, with controls."""

    pruners: str | Sequence[str] = field(kw_only=False)
    """Pruners, with options: "lamp", "magnitude:scope=global", "random:allocation=erk"."""
    data: DataLike
    """What the network is trained on."""
    densities: Sequence[float] = COMPARED_DENSITIES
    """Shares of the prunable weights to keep, each in (0, 1)."""
    seeds: int = 3
    """Number of dense trainings, each pruned and retrained."""
    model: str | None = None
    """Network: a timm name or "pkg.mod:factory"; a small one where None."""
    model_options: Mapping[str, Any] = field(default_factory=dict)
    """Options of the network, as {"width": 0.5}."""
    epochs: int = 60
    """Epochs of the dense training."""
    retrain_epochs: int | None = None
    """Epochs of a retraining; a fifth of the dense ones where None."""
    trainer: str = "sgd"
    """The plugin that trains and retrains."""
    trainer_options: Mapping[str, Any] = field(default_factory=dict)
    """Its options."""
    seed: int = 0
    """First dense seed."""
    limit_batches: int | None = None
    """Use only the first N batches of the data, for a quick trial."""
    dry_run: bool = False
    """Whether only the cost is estimated."""
