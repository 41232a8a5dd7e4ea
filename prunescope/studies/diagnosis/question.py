"""The question of `diagnose` and its defaults, which no other place has."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from prunescope.runs.place import NetworkPlace

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from prunescope.runs.place import DataLike, Network

DENSITIES = (0.05, 0.1, 0.2, 0.5)


@dataclass(frozen=True, kw_only=True)
class DiagnosisQuestion(NetworkPlace):
    """The regime of a network's pruned versions, and which way to move its temperature."""

    networks: Network | Sequence[Network] = field(kw_only=False)
    """The dense network: a path, a run id, a live network; then other replicas of it, if there are any."""
    data: DataLike | None = field(default=None, kw_only=False)
    """What it was trained on; what its run was trained on where None. Without any, the weights alone are shown."""
    densities: Sequence[float] = DENSITIES
    """Shares of the prunable weights to keep, each in (0, 1); () judges the dense network alone."""
    replicas: int = 3
    """Whole retrainings of each pruned model: a pair at least, or 0 for the direction alone, without the regime."""
    family: Sequence[Network] | None = None
    """Other networks of this training at other temperatures, compared after brief retraining: networks, or paths with
    wildcards; () for none. None: the snapshots of its own run, or the numbered checkpoints beside its file."""
    certainty: float = 0.8
    """A direction is advised from this probability on."""
    level: int | None = None
    """How far to go: 0 weights alone, 1 one checkpoint and data, 2 another replica, 3 pruned and retrained."""
    pruner: str = "magnitude"
    """The plugin that prunes."""
    pruner_options: Mapping[str, Any] = field(default_factory=dict)
    """Its options."""
    trainer: str | None = None
    """The plugin that retrains; as the network was trained where None."""
    trainer_options: Mapping[str, Any] = field(default_factory=dict)
    """Its options, which go before those of the checkpoint."""
    retrain_epochs: int | None = None
    """Epochs of a retraining; a fifth of the dense ones where None."""
    probes: Sequence[str] = ()
    """Probes to measure besides the usual ones."""
    probe_options: Mapping[str, Any] = field(default_factory=dict)
    """Options of probes, as {"lmc.batch_size": 128}."""
    rule: str = "three-regime"
    """The plugin that judges each density; with no replicas, `direction-alone` takes the place of the default."""
    rule_options: Mapping[str, Any] = field(default_factory=dict)
    """Its options."""
    rules: str | Path | None = None
    """A pack of thresholds that `calibrate` fitted."""
    seed: int = 0
    """Seed of all random numbers."""
    limit_batches: int | None = None
    """Use only the first N batches of the data, for a quick trial."""
    dry_run: bool = False
    """Whether only the cost is estimated."""
