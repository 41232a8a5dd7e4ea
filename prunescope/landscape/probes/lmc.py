"""Linear mode connectivity of replicas."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from prunescope.api import Data, Option, Probe, Reading, Replica
from prunescope.api.wording import count_text
from prunescope.landscape.probes.batches import LimitBatches, limited_probe
from prunescope.landscape.probes.readings import of_connectivity

if TYPE_CHECKING:
    from prunescope.landscape.connectivity import Connectivity


@dataclass(frozen=True, kw_only=True)
class Lmc(Probe):
    """Linear mode connectivity and barrier of two replicas. Errors and losses along the line between them."""

    points: Annotated[int, Option("points on the line, both ends included", minimum=3)] = 11
    batch_size: Annotated[int, Option("images per batch; BatchNorm is re-estimated in these batches", minimum=2)] = 256
    limit_batches: LimitBatches = None
    test: Annotated[bool, Option("measure along the line on the test images too")] = True

    replicas = "any"

    version = 2

    citations = ("frankle2020linear", "yang2021taxonomizing", "zhou2023three")

    def passes(self, *, replicas: int, train: int, test: int) -> float:
        """Two over the training images and one over the test images per point; pairs share their end points."""
        points = replicas + math.comb(replicas, 2) * (self.points - 2)
        seen, held_out = (limited_probe(self.limit_batches, self.batch_size, images) for images in (train, test))
        return float(points * (2 * seen + (held_out if self.test else 0)))

    def measure(self, replicas: Sequence[Replica], data: Data, *, seed: int) -> dict[str, Reading]:
        """Return `lmc`, `barrier`, `t_star`, their kin for loss and test images, and the paths, for every pair."""
        del seed

        from prunescope.landscape.connectivity import lines, losses, path_errors

        train, test = data.train, data.test if self.test else None
        models, masks = [replica.model for replica in replicas], [replica.mask for replica in replicas]
        size = {"points": self.points, "batch_size": self.batch_size}
        error: dict[str, list[Connectivity]] = {"train": [], "test": []}
        loss: dict[str, list[Connectivity]] = {"train": [], "test": []}
        for line in lines(
            models, train, test=test, masks=masks, limit=self.limit_batches, objective=data.objective, **size
        ):
            for side, points in (("train", line.train), ("test", line.test)):
                if points is not None:
                    error[side].append(path_errors(points))
                    loss[side].append(losses(points))
        how = f"{count_text(self.points, 'point')}, BatchNorm re-estimated in batches of {self.batch_size}"
        words = {"unit": data.objective.loss_unit, "how": how}
        readings = of_connectivity("train", error["train"], loss["train"], **words)
        return readings | (of_connectivity("test", error["test"], loss["test"], **words) if self.test else {})
