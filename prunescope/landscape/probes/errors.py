"""Errors and losses of each replica."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from prunescope.api import Data, Option, Probe, Reading, Replica
from prunescope.landscape.probes.batches import LimitBatches, ProbeBatchSize, limited_probe
from prunescope.landscape.probes.readings import single

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, kw_only=True)
class Errors(Probe):
    """Loss and errors on training and test examples. In eval mode, un-augmented: cross-entropy, top-1 and top-5."""

    batch_size: ProbeBatchSize = 256
    limit_batches: LimitBatches = None
    re_estimate: Annotated[
        bool, Option("re-estimate BatchNorm on the training images first, as for networks that pruning changed")
    ] = False

    replicas = 1

    def passes(self, *, replicas: int, train: int, test: int) -> float:
        """One pass over both splits, and one over the training images to re-estimate BatchNorm."""
        seen, held_out = (limited_probe(self.limit_batches, self.batch_size, images) for images in (train, test))
        return float(replicas * (seen * (2 if self.re_estimate else 1) + held_out))

    def measure(self, replicas: Sequence[Replica], data: Data, *, seed: int) -> dict[str, Reading]:
        """Return `<split>_error`, `<split>_loss` and `<split>_chance` for train and test, `<split>_error_top5` too.

        `chance` is the error of the best prediction that is the same for all examples: of classification, 1 minus the
        share of the largest class. The objective of the data defines what a loss and an error are.
        """
        del seed
        import torch

        from prunescope.landscape.estimate import mean
        from prunescope.landscape.evaluate import Noted, outcomes

        objective, readings = data.objective, {}
        model = self._model(replicas[0], data)
        for side, split in (("train", data.train), ("test", data.test)):
            seen = Noted(split)
            found = outcomes(
                model,
                seen,
                batch_size=self.batch_size,
                limit=self.limit_batches,
                objective=objective,
            )
            for name, each in found.errors.items():
                readings[f"{side}_{name}"] = single(mean(each), "fraction", estimator=objective.error_names[name])
            readings[f"{side}_loss"] = single(mean(found.loss), objective.loss_unit, estimator=objective.loss_name)
            chance = objective.chance(torch.cat(seen.targets))
            if chance is not None:
                readings[f"{side}_chance"] = Reading(
                    chance, "fraction", n=len(found.loss), estimator=f"{objective.error_name}, one prediction for all"
                )
        return readings

    def _model(self, replica: Replica, data: Data) -> nn.Module:
        """Return the network to measure: the replica's own, or a copy with BatchNorm of the training images."""
        from prunescope.landscape import batchnorm

        if not (self.re_estimate and batchnorm.layers(replica.model)):
            return replica.model
        copy = deepcopy(replica.model)
        batchnorm.re_estimate(copy, data.train, batch_size=self.batch_size, limit=self.limit_batches)
        return copy
