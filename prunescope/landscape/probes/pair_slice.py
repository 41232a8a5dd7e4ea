"""Slices of the loss through two replicas."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

from prunescope.api import Data, Option, Probe, Reading, Replica
from prunescope.landscape.probes.batches import ProbeBatchSize, limited_probe
from prunescope.landscape.probes.readings import on_grid

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, kw_only=True)
class PairSlice(Probe):
    """Training loss on a line or plane through two replicas. Extends beyond both replicas."""

    dimensions: Annotated[Literal["1", "2"], Option("the line, or a plane with a random direction across")] = "1"
    points: Annotated[int, Option("points along each direction", minimum=3)] = 21
    beyond: Annotated[float, Option("extent beyond each replica, relative to their distance", minimum=0)] = 0.5
    batch_size: ProbeBatchSize = 256
    batches: Annotated[int, Option("number of training batches", minimum=1)] = 4

    replicas = 2

    version = 2

    citations = ("li2018visualizing", "garipov2018loss")

    def passes(self, *, replicas: int, train: int, test: int) -> float:
        """Two over the images per point: BatchNorm is re-estimated."""
        del replicas, test
        return float(2 * self.points ** int(self.dimensions) * limited_probe(self.batches, self.batch_size, train))

    def measure(self, replicas: Sequence[Replica], data: Data, *, seed: int) -> dict[str, Reading]:
        """Return `loss` and `error` at every point; replica A lies at x = 0, B at x = 1."""
        from itertools import product

        import numpy as np

        from prunescope.landscape.slices import loss_slice

        first = replicas[0]
        directions = self._directions(replicas, seed)
        steps = np.linspace(-self.beyond, 1 + self.beyond, self.points).tolist()
        across = [step - 0.5 for step in steps]
        places = list(product(*[steps, across][: len(directions)]))
        found = loss_slice(
            first.model,
            directions,
            places,
            data.train,
            batch_size=self.batch_size,
            limit=self.batches,
            statistics=data.train,
            objective=data.objective,
        )
        how = "BatchNorm re-estimated; replica A at x = 0, B at x = 1"
        return on_grid(found, steps, axes=("x", "y")[: len(directions)], how=how, unit=data.objective.loss_unit)

    def _directions(self, replicas: Sequence[Replica], seed: int) -> list[list[Tensor]]:
        """Return the way from A to B and, for a plane, a direction across of the same length."""
        import torch

        from prunescope.landscape.slices import filter_normalised, orthogonal, towards_point

        first, second = replicas
        line = towards_point(first.model, second.model)
        if self.dimensions == "1":
            return [line]
        draw = torch.Generator().manual_seed(seed)
        across = orthogonal(filter_normalised(first.model, generator=draw, mask=first.mask), line)
        lengths = [sum(float(part.double().square().sum()) for part in each) ** 0.5 for each in (line, across)]
        scale = lengths[0] / lengths[1] if lengths[1] else 0.0
        return [line, [part * scale for part in across]]
