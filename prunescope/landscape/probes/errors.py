"""Errors and losses of each replica."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from prunescope.api import Data, Probe, Reading, Replica
from prunescope.landscape.probes.batches import LimitBatches, ProbeBatchSize, limited_probe
from prunescope.landscape.probes.readings import single


@dataclass(frozen=True, kw_only=True)
class Errors(Probe):
    """Loss and errors on training and test examples. In eval mode, un-augmented: cross-entropy, top-1 and top-5."""

    batch_size: ProbeBatchSize = 256
    limit_batches: LimitBatches = None

    replicas = 1

    def passes(self, *, replicas: int, train: int, test: int) -> float:
        """One pass over both splits."""
        return float(
            replicas * sum(limited_probe(self.limit_batches, self.batch_size, images) for images in (train, test))
        )

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
        for side, split in (("train", data.train), ("test", data.test)):
            seen = Noted(split)
            found = outcomes(
                replicas[0].model,
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
