"""What `fit_budget` is asked, with its defaults."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from prunescope.runs.place import NetworkPlace

if TYPE_CHECKING:
    from collections.abc import Mapping

    from prunescope.runs.place import DataLike, Network


@dataclass(frozen=True, kw_only=True)
class BudgetQuestion(NetworkPlace):
    """The density of a dense network that a budget admits."""

    network: Network = field(kw_only=False)
    """The dense network: a path, a run id, a live network, or what `train` returned."""
    within: str | float | None = None
    """How much test error pruning may add: "1pt" or 0.01. The smallest density that holds it is sought."""
    latency: str | float | None = None
    """How long a forward pass may take here: "5ms" or seconds. The largest density that holds it is sought."""
    runtime: str = "torch"
    """What runs a timed forward pass: torch on the device, or "onnx": exported, in onnxruntime on the CPU."""
    bytes: str | float | None = None
    """What the weights may take: "2MB" or bytes. The largest density that holds it is sought."""
    least: float = 0.01
    """The smallest density that is tried."""
    tries: int = 5
    """Densities that are tried between `least` and 1: the bracket is halved so often."""
    pruner: str = "magnitude"
    """The plugin that prunes: magnitude for single weights, n-of-m, channels, ..."""
    pruner_options: Mapping[str, Any] = field(default_factory=dict)
    """Its options."""
    replicas: int = 3
    """Retrainings of each pruned network, at least 2: the interval of the error is over them."""
    trainer: str | None = None
    """The plugin that retrains; as the network was trained where None."""
    trainer_options: Mapping[str, Any] = field(default_factory=dict)
    """Its options, which go before what the checkpoint says."""
    retrain_epochs: int | None = None
    """Epochs of a retraining; a fifth of the dense ones where None."""
    data: DataLike | None = None
    """What the network was trained on; what its run was trained on where None."""
    batch_size: int = 1
    """Images per timed forward pass."""
    repeats: int = 30
    """Timed forward passes, after three to warm up."""
    seed: int = 0
    """Seed of all random numbers."""
    limit_batches: int | None = None
    """Use only the first N batches of the data, for a quick trial."""
