"""Slices of the loss around one replica."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

from prunescope.api import Data, Option, Probe, Reading, Replica
from prunescope.landscape.probes.batches import ProbeBatchSize, limited_probe
from prunescope.landscape.probes.readings import on_grid


@dataclass(frozen=True, kw_only=True)
class LossSlice(Probe):
    """Training loss on a line or plane through one model. Filter-normalised random directions (Li 2018)."""

    dimensions: Annotated[Literal["1", "2"], Option("a line or a plane")] = "1"
    points: Annotated[int, Option("points along each direction; odd, so that the model is one of them", minimum=3)] = 21
    radius: Annotated[float, Option("half width, relative to the norm of each filter", minimum=0)] = 1.0
    batch_size: ProbeBatchSize = 256
    batches: Annotated[int, Option("number of training batches", minimum=1)] = 4

    replicas = 1

    citations = ("li2018visualizing",)

    def passes(self, *, replicas: int, train: int, test: int) -> float:
        """One over the images per point."""
        del test
        return float(
            replicas * self.points ** int(self.dimensions) * limited_probe(self.batches, self.batch_size, train)
        )

    def measure(self, replicas: Sequence[Replica], data: Data, *, seed: int) -> dict[str, Reading]:
        """Return `loss` and `error` at every point, and `rise`: the mean loss at the rim above that at the centre."""
        from itertools import product

        import numpy as np
        import torch

        from prunescope.landscape.slices import filter_normalised, loss_slice

        model, draw = replicas[0].model, torch.Generator().manual_seed(seed)
        count = int(self.dimensions)
        directions = [filter_normalised(model, generator=draw, mask=replicas[0].mask) for _ in range(count)]
        steps = np.linspace(-self.radius, self.radius, self.points).tolist()
        grid = list(product(steps, repeat=count))
        places = [*grid, (0.0,) * count]
        found = loss_slice(
            model,
            directions,
            places,
            data.train,
            batch_size=self.batch_size,
            limit=self.batches,
            objective=data.objective,
        )
        how = "filter-normalised random directions, running statistics unchanged"
        readings = on_grid(found[:-1], steps, axes=("x", "y")[:count], how=how, unit=data.objective.loss_unit)
        means = [float(at.loss.double().mean()) for at in found]
        rim = [mean for mean, place in zip(means, grid, strict=False) if max(map(abs, place)) == self.radius]
        rise = float(np.mean(rim)) - means[-1]
        n = len(found[0].loss)
        return readings | {
            "rise": Reading(rise, data.objective.loss_unit, n=n, estimator=f"{how}; at distance {self.radius:g}")
        }
