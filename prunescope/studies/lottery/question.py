"""The questions of `lottery` and `instability` and their defaults, which no other place has."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from prunescope.runs.place import Place

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from prunescope.runs.place import DataLike


@dataclass(frozen=True, kw_only=True)
class RoundsQuestion(Place):
    """What both questions share: a network that is trained from scratch and pruned in rounds."""

    model: str = field(kw_only=False)
    """Network: a timm name or "pkg.mod:factory"."""
    data: DataLike
    """What it is trained on."""
    levels: int = 4
    """Rounds of pruning."""
    schedule: Literal["geometric", "linear", "cubic"] = "geometric"
    """Schedule of the density over the rounds."""
    model_options: Mapping[str, Any] = field(default_factory=dict)
    """Options of the network, as {"width": 0.5}."""
    trainer: str = "sgd"
    """The plugin that trains: sgd, sam or timm."""
    trainer_options: Mapping[str, Any] = field(default_factory=dict)
    """Its options, as {"epochs": 40}."""
    pruner: str = "magnitude"
    """The plugin that prunes."""
    pruner_options: Mapping[str, Any] = field(default_factory=dict)
    """Its options."""
    seeds: int = 3
    """Number of dense networks."""
    limit_batches: int | None = None
    """Use only the first N batches of the data, for a quick trial."""
    dry_run: bool = False
    """Whether only the cost is estimated."""


@dataclass(frozen=True, kw_only=True)
class LotteryQuestion(RoundsQuestion):
    """Down to which density pruned networks, rewound and trained again, match the dense one."""

    density: float
    """Share of the prunable weights to keep in the end, in (0, 1)."""
    rewind: str | Sequence[str | int] = "1ep"
    """Steps of training to go back to; or epochs, such as "2ep". A list, or a text with commas."""
    methods: str | Sequence[str] = "weights"
    """weights: go back to the weights at the step; rate: to its learning rate alone; fine-tune: train on at the last
    rate; gradual: prune while training. A list, or a text with commas."""
    controls: str | Sequence[str] = "random,reinit"
    """random: the weights kept in each layer are drawn; reinit: the mask on other initial weights; none."""


@dataclass(frozen=True, kw_only=True)
class InstabilityQuestion(RoundsQuestion):
    """From which step of training on copies of a network stay connected under different SGD noise."""

    steps: str | Sequence[str | int]
    """Steps of training at which copies part; or epochs, such as "2ep". A list, or a text with commas."""
    density: float | None = None
    """Share of weights of pruned networks that are examined too; the dense ones alone where None."""
    copies: int = 2
    """Copies trained from each step, at least 2."""
    threshold: float = 0.02
    """Barrier of the error, a fraction, below which training counts as stable."""
    split: Literal["test", "train"] = "test"
    """Examples on which the barrier is measured."""
