"""Errors and losses of each replica."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from prunescope.api import Data, Probe, Reading, Replica
from prunescope.landscape.probes.batches import BatchSize, LimitBatches, limited
from prunescope.landscape.probes.readings import single


@dataclass(frozen=True, kw_only=True)
class Errors(Probe):
    """Cross-entropy, top-1 and top-5 error on un-augmented training and test images, in eval mode."""

    batch_size: BatchSize = 256
    limit_batches: LimitBatches = None

    replicas = 1

    def passes(self, *, replicas: int, train: int, test: int) -> float:
        """One pass over both splits."""
        return float(replicas * sum(limited(self.limit_batches, self.batch_size, images) for images in (train, test)))

    def measure(self, replicas: Sequence[Replica], data: Data, *, seed: int) -> dict[str, Reading]:
        """Return `<split>_error`, `<split>_error_top5` (fractions) and `<split>_loss` (nat) for train and test."""
        del seed
        from prunescope.landscape.estimate import mean
        from prunescope.landscape.evaluate import outcomes

        readings = {}
        for side, split in (("train", data.train), ("test", data.test)):
            found = outcomes(replicas[0].model, split, batch_size=self.batch_size, limit=self.limit_batches)
            readings[f"{side}_error"] = single(mean(found.wrong), "fraction", estimator="top-1")
            readings[f"{side}_error_top5"] = single(mean(found.wrong_top5), "fraction", estimator="top-5")
            readings[f"{side}_loss"] = single(mean(found.loss), "nat", estimator="cross-entropy")
        return readings
