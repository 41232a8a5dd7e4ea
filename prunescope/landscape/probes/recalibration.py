"""What pruning alone does to a network, and what re-estimated BatchNorm statistics bring back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from prunescope.api import Data, Option, Probe, Reading, Replica
from prunescope.api.wording import count_text
from prunescope.landscape.probes.batches import LimitBatches, limited_probe
from prunescope.landscape.probes.readings import single

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, kw_only=True)
class Recalibration(Probe):
    """Error before retraining, also with BatchNorm re-estimated.

    Takes the pruned network, then the dense one.
    """

    batch_size: Annotated[int, Option("images per batch; BatchNorm is re-estimated in these batches", minimum=2)] = 256
    limit_batches: LimitBatches = None

    replicas = 2

    citations = ("saikumar2025signal", "izmailov2018averaging")

    def passes(self, *, replicas: int, train: int, test: int) -> float:
        """Three over the training images, two over the test images."""
        del replicas
        seen, held_out = (limited_probe(self.limit_batches, self.batch_size, images) for images in (train, test))
        return float(3 * seen + 2 * held_out)

    def measure(self, replicas: Sequence[Replica], data: Data, *, seed: int) -> dict[str, Reading]:
        """Return `pruned_error`, `recalibrated_error`, `variance_ratio` per layer and `last_variance_ratio`.

        Errors are on test examples. The variance of a layer's outputs is that of the pruned network over that of the
        dense one, on training examples, before BatchNorm is re-estimated.
        """
        del seed
        from copy import deepcopy

        from prunescope.landscape import batchnorm

        pruned, dense = replicas
        recalibrated = deepcopy(pruned.model)
        batchnorm.re_estimate(recalibrated, data.train, batch_size=self.batch_size, limit=self.limit_batches)
        norms = len(batchnorm.layers(recalibrated))
        how = (
            f"{count_text(norms, 'BatchNorm layer')} re-estimated in batches of {self.batch_size}"
            if norms
            else "no BatchNorm"
        )
        name = data.objective.error_name
        return {
            "pruned_error": self._error(pruned.model, data, how=f"{name}, not retrained"),
            "recalibrated_error": self._error(recalibrated, data, how=f"{name}, not retrained, {how}"),
            **self._collapse(pruned, dense, data),
        }

    def _error(self, model: nn.Module, data: Data, *, how: str) -> Reading:
        from prunescope.landscape.estimate import mean
        from prunescope.landscape.evaluate import outcomes

        found = outcomes(
            model, data.test, batch_size=self.batch_size, limit=self.limit_batches, objective=data.objective
        )
        return single(mean(found.error), "fraction", estimator=how)

    def _collapse(self, pruned: Replica, dense: Replica, data: Data) -> dict[str, Reading]:
        """Return the ratios of the variances, by layer, and that of the last layer; {} where none can be measured."""
        import numpy as np

        from prunescope.landscape.signal_collapse import variance_ratios
        from prunescope.networks.models import prunable

        weights = prunable(pruned.model) if pruned.mask is None else pruned.mask.kept
        ratios = variance_ratios(
            pruned.model,
            dense.model,
            data.train,
            layers=[name.rpartition(".")[0] for name in weights],
            batch_size=self.batch_size,
            limit=self.limit_batches,
        )
        found = {name: ratio for name, ratio in ratios.items() if np.isfinite(ratio)}
        if not found:
            return {}
        how, n = (
            "variance of a layer's outputs, pruned / dense",
            limited_probe(self.limit_batches, self.batch_size, len(data.train)),
        )
        values = np.array(list(found.values()))
        by_layer = Reading(values, "1", n=n, estimator=how, axes=("layer",), labels=tuple(found))
        last = Reading(float(values[-1]), "1", n=n, estimator=f"{how}, in {list(found)[-1]}")
        return {"variance_ratio": by_layer, "last_variance_ratio": last}
