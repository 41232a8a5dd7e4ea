"""Disagreement of the predictions of replicas."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from prunescope.api import Data, Probe, Reading, Replica
from prunescope.landscape.probes.batches import LimitBatches, ProbeBatchSize, limited_probe
from prunescope.landscape.probes.readings import by_pair


@dataclass(frozen=True, kw_only=True)
class Disagreement(Probe):
    """Disagreement of the predictions of two replicas. Also their Jensen–Shannon divergence."""

    batch_size: ProbeBatchSize = 256
    limit_batches: LimitBatches = None

    replicas = "any"

    citations = ("fort2019deep", "lin1991divergence")

    def passes(self, *, replicas: int, train: int, test: int) -> float:
        """One pass over both splits by every replica."""
        return float(
            replicas * sum(limited_probe(self.limit_batches, self.batch_size, images) for images in (train, test))
        )

    def measure(self, replicas: Sequence[Replica], data: Data, *, seed: int) -> dict[str, Reading]:
        """Return `<split>_disagreement` (fraction) and `<split>_jensen_shannon` (nat) for test and train, per pair.

        There is no divergence where the outputs are no probabilities (regression).
        """
        del seed
        from prunescope.landscape.disagreement import disagreements

        models, objective = [replica.model for replica in replicas], data.objective
        readings = {}
        for side, split in (("test", data.test), ("train", data.train)):
            found = disagreements(
                models, split, batch_size=self.batch_size, limit=self.limit_batches, objective=objective
            )
            readings[f"{side}_disagreement"] = by_pair(
                [pair.disagreement for pair in found], "fraction", estimator=objective.prediction_name
            )
            divergences = [pair.jensen_shannon for pair in found if pair.jensen_shannon is not None]
            if divergences:
                readings[f"{side}_jensen_shannon"] = by_pair(
                    divergences, "nat", estimator=f"of {objective.representation_name}"
                )
        return readings
