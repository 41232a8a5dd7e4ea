"""Linear mode connectivity: as prunescope computes it, with the networks as they are, and plainly."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from itertools import combinations
from math import comb
from typing import TYPE_CHECKING
from unittest import mock

import plain
import torch
from harness import Row, compare, convolution_share, headline, one_thread, report

from prunescope.data.datasets import Patches
from prunescope.landscape.connectivity import Line, lines
from prunescope.landscape.flops import layer_flops
from prunescope.networks import models
from prunescope.runs.scheduling.memory import keep_freed
from prunescope.training.trainers.sgd import Sgd

if TYPE_CHECKING:
    from torch import nn

    from prunescope.api import Data

PROFILED = 3
"""Rounds of the profiler."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """A network, its images and how connectivity is measured."""

    network: str
    size: int
    images: int
    points: int
    batch_size: int
    replicas: int
    width: float = 1.0
    rounds: int = 3
    least: float | None = None
    """The ratio to plain that is wanted."""
    aim: float | None = None

    @property
    def spec(self) -> models.ModelSpec:
        """The network."""
        size, options = (self.size, self.size), {"width": self.width} if self.width != 1 else {}
        return models.ModelSpec(name=self.network, num_classes=10, in_chans=3, image_size=size, options=options)

    @property
    def title(self) -> str:
        """What is measured."""
        return (
            f"LMC, {self.network}{'' if self.width == 1 else f' (width {self.width})'} on {self.size}x{self.size}, "
            f"{self.replicas} replicas, {self.points} points, batches of {self.batch_size}"
        )


TINY = {"network": "preresnet8", "size": 8, "images": 2000, "points": 11, "replicas": 3}  # as in the studies
CASES = (
    Case(**TINY, width=0.5, batch_size=32, rounds=7, least=12, aim=15),  # the network of the studies
    Case(**TINY, width=0.5, batch_size=64),
    Case(**TINY, width=0.5, batch_size=256),
    Case(**TINY, batch_size=32),
    Case(network="preresnet20", size=32, images=192, points=5, batch_size=64, replicas=3, rounds=7, least=2, aim=2.4),
)


def trained(case: Case) -> tuple[list[nn.Module], Data]:
    """Return the replicas and their images."""
    data = Patches(size=case.size, images=case.images, test_images=case.images).load()
    replicas = [models.create(case.spec, seed=seed) for seed in range(case.replicas)]
    for seed, model in enumerate(replicas):
        list(Sgd(epochs=1).fit(model, data, seed=seed))
    return replicas, data


def fast(case: Case, replicas: list[nn.Module], data: Data) -> list[Line]:
    """Evaluate all lines as prunescope does."""
    return list(lines(replicas, data.train, test=data.test, points=case.points, batch_size=case.batch_size))


def rows(case: Case) -> list[Row]:
    """Check that all variants agree, then time them."""
    replicas, data = trained(case)
    sides = [plain.loader(side, batch_size=case.batch_size, training=False) for side in (data.train, data.test)]

    def as_they_are() -> list[Line]:
        with mock.patch("prunescope.landscape.connectivity.traced_network", return_value=(None, "")):
            return fast(case, replicas, data)

    def plainly() -> list[list[list[float]]]:
        return [plain.path(case.spec, *pair, sides, points=case.points) for pair in combinations(replicas, 2)]

    wanted = torch.tensor(plainly())
    for found in (fast(case, replicas, data), as_they_are()):
        losses = [[[float(point.loss.mean()) for point in side] for side in (line.train, line.test)] for line in found]
        torch.testing.assert_close(torch.tensor(losses).transpose(1, 2), wanted, rtol=1e-6, atol=1e-6)
    blank = torch.zeros(1, 3, case.size, case.size)
    operations = sum(layer.dense for layer in layer_flops(replicas[0], blank).values())
    points = case.replicas + comb(case.replicas, 2) * (case.points - 2)
    variants = {
        "plain": plainly,
        "networks as they are": as_they_are,
        "prunescope": partial(fast, case, replicas, data),
    }
    return compare(case.title, variants, operations=operations * 3 * case.images * points, rounds=case.rounds)


def limit(case: Case) -> str:
    """Say what share of the fast variant the convolutions are, whose speed is the library's."""
    share = convolution_share(partial(fast, case, *trained(case)), rounds=PROFILED)
    return f"Convolutions take {share:.0%} of {case.title} (torch.profiler)."


def main() -> None:
    """Print the table and write it into the docs."""
    one_thread()
    keep_freed()  # as the program does
    found: list[Row] = []
    lines_of_head = []
    for case in CASES:
        mine = rows(case)
        found += mine
        if case.least is not None:
            best = next(row for row in mine if row.comparison == "plain / prunescope")
            lines_of_head.append(headline(best, least=case.least, aim=case.aim))
    notes = [limit(case) for case in CASES if case.least is not None]
    report("Linear mode connectivity", found, headlines=lines_of_head, notes=notes)


if __name__ == "__main__":
    main()
