"""Sharpness in a ball around the weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from prunescope.api import Data, Option, Probe, Reading, Replica
from prunescope.landscape.probes.batches import limited_probe
from prunescope.landscape.probes.readings import single


@dataclass(frozen=True, kw_only=True)
class SamSharpness(Probe):
    """Rise of the training loss at the worst nearby point. Within rho of the weights (Foret 2021)."""

    rho: Annotated[float, Option("radius of the ball", minimum=0)] = 0.05
    steps: Annotated[int, Option("steps of ascent; 1 is the first-order solution", minimum=1)] = 1
    adaptive: Annotated[bool, Option("scale the ball with each weight (Kwon 2021); one step")] = False
    batch_size: Annotated[int, Option("training images per batch", minimum=1)] = 256
    batches: Annotated[int, Option("number of training batches", minimum=1)] = 4

    replicas = 1

    citations = ("foret2021sharpness",)

    def passes(self, *, replicas: int, train: int, test: int) -> float:
        """Three for every gradient, one for every loss."""
        del test
        return float(replicas * (4 * self.steps + 1) * limited_probe(self.batches, self.batch_size, train))

    def measure(self, replicas: Sequence[Replica], data: Data, *, seed: int) -> dict[str, Reading]:
        """Return `sharpness`."""
        del seed
        from prunescope.landscape.sam_sharpness import sam_sharpness

        found = sam_sharpness(
            replicas[0].model,
            list(data.train.batches(self.batch_size, limit=self.batches)),
            rho=self.rho,
            steps=self.steps,
            adaptive=self.adaptive,
            mask=replicas[0].mask,
            objective=data.objective,
        )
        ball = f"{'adaptive ' if self.adaptive else ''}ball of radius {self.rho:g}"
        return {
            "sharpness": single(found, data.objective.loss_unit, estimator=f"{ball}, {self.steps} step(s) of ascent")
        }
