"""Mode connectivity along a trained Bezier curve."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from prunescope.api import Data, Option, Probe, Reading, Replica
from prunescope.api.wording import count_text
from prunescope.landscape.probes.batches import LimitBatches, limited_probe

if TYPE_CHECKING:
    from prunescope.landscape.evaluate import Outcomes


@dataclass(frozen=True, kw_only=True)
class Bezier(Probe):
    """Mode connectivity of two replicas along a Bezier curve. Quadratic, with a trained bend (Garipov 2018)."""

    epochs: Annotated[int, Option("epochs of training the bend", minimum=1)] = 10
    learning_rate: Annotated[float, Option("of the bend, falling to zero as a cosine", minimum=0)] = 0.05
    momentum: Annotated[float, Option("of the bend", minimum=0, maximum=1)] = 0.9
    weight_decay: Annotated[float, Option("of the bend", minimum=0)] = 1e-4
    train_batch_size: Annotated[int, Option("images per batch while the bend is trained", minimum=2)] = 64
    points: Annotated[int, Option("points on the curve, both ends included", minimum=3)] = 11
    batch_size: Annotated[int, Option("images per batch; BatchNorm is re-estimated in these batches", minimum=2)] = 256
    limit_batches: LimitBatches = None
    test: Annotated[bool, Option("measure along the curve on the test images too")] = True

    replicas = 2

    version = 2

    citations = ("garipov2018loss", "yang2021taxonomizing")

    def passes(self, *, replicas: int, train: int, test: int) -> float:
        """Three per image and epoch for the bend; two over the training and one over the test images per point."""
        del replicas
        seen, held_out = (limited_probe(self.limit_batches, self.batch_size, images) for images in (train, test))
        return float(3 * self.epochs * train + self.points * (2 * seen + (held_out if self.test else 0)))

    def measure(self, replicas: Sequence[Replica], data: Data, *, seed: int) -> dict[str, Reading]:
        """Return `connectivity`, `barrier`, `t_star`, their kin for loss and test images, and the paths."""
        import torch

        from prunescope.landscape.bend import Training, curve, train_bend
        from prunescope.landscape.connectivity import check_comparable

        first, second = replicas
        pair = (first.model, second.model)
        check_comparable(pair, [first.mask, second.mask])
        how = Training(
            epochs=self.epochs,
            learning_rate=self.learning_rate,
            momentum=self.momentum,
            weight_decay=self.weight_decay,
            batch_size=self.train_batch_size,
        )
        draw = torch.Generator().manual_seed(seed)
        bend = train_bend(pair, data.train, training=how, generator=draw, mask=first.mask, objective=data.objective)
        test = data.test if self.test else None
        line = curve(
            pair,
            bend,
            data.train,
            test=test,
            points=self.points,
            batch_size=self.batch_size,
            limit=self.limit_batches,
            objective=data.objective,
        )
        readings: dict[str, Reading] = {}
        for side, found in (("train", line.train), ("test", line.test)):
            if found is not None:
                readings |= self._side(side, found, unit=data.objective.loss_unit)
        return readings

    def _side(self, side: str, found: Sequence[Outcomes], *, unit: str) -> dict[str, Reading]:
        from prunescope.landscape.connectivity import losses, path_errors
        from prunescope.landscape.probes.readings import along, single

        tail = "" if side == "train" else f"_{side}"
        how = f"Bezier curve, bend trained for {count_text(self.epochs, 'epoch')}, {count_text(self.points, 'point')}"
        error, loss = path_errors(found), losses(found)
        return {
            f"connectivity{tail}": single(error.lmc, "fraction", estimator=how),
            f"barrier{tail}": single(error.barrier, "fraction", estimator=how),
            f"t_star{tail}": Reading(error.t_star, "1", estimator=how),
            f"connectivity{tail}_loss": single(loss.lmc, unit, estimator=how),
            f"barrier{tail}_loss": single(loss.barrier, unit, estimator=how),
            f"{side}_error_path": along(error, "fraction", estimator=how),
            f"{side}_loss_path": along(loss, unit, estimator=how),
        }
