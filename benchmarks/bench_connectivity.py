"""Linear mode connectivity: all points together for tiny networks, one by one, and plainly."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from math import comb
from unittest import mock

import plain
import torch
from harness import Row, compare, report

from prunescope import models
from prunescope.builtin.datasets import Patches
from prunescope.builtin.trainers.sgd import Sgd
from prunescope.landscape.connectivity import Line, lines
from prunescope.landscape.flops import layer_flops
from prunescope.memory import keep_freed

ROUNDS = 5


@dataclass(frozen=True, kw_only=True)
class Case:
    """A network, its images and how connectivity is measured."""

    network: str
    size: int
    images: int
    points: int
    batch_size: int
    replicas: int

    @property
    def spec(self) -> models.ModelSpec:
        """The network."""
        return models.ModelSpec(name=self.network, num_classes=10, in_chans=3, image_size=(self.size, self.size))

    @property
    def title(self) -> str:
        """What is measured."""
        return (
            f"{self.network} on {self.size}x{self.size}, {self.replicas} replicas, {self.points} points, "
            f"batches of {self.batch_size}"
        )


CASES = (
    Case(network="preresnet8", size=8, images=640, points=11, batch_size=32, replicas=2),
    Case(network="preresnet8", size=8, images=640, points=11, batch_size=64, replicas=2),
    Case(network="preresnet20", size=32, images=64, points=5, batch_size=64, replicas=3),
)


def rows(case: Case) -> list[Row]:
    """Check that all variants agree, then time them."""
    data = Patches(size=case.size, images=case.images, test_images=case.images).load()
    replicas = [models.create(case.spec, seed=seed) for seed in range(case.replicas)]
    for seed, model in enumerate(replicas):
        list(Sgd(epochs=1).fit(model, data, seed=seed))
    sides = [plain.loader(side, batch_size=case.batch_size, training=False) for side in (data.train, data.test)]

    def together() -> list[Line]:
        return list(lines(replicas, data.train, test=data.test, points=case.points, batch_size=case.batch_size))

    def one_by_one() -> list[Line]:
        with mock.patch("prunescope.landscape.connectivity.group_size", return_value=1):
            return together()

    def plainly() -> list[list[list[float]]]:
        return [plain.path(case.spec, *pair, sides, points=case.points) for pair in combinations(replicas, 2)]

    wanted = torch.tensor(plainly())
    for found in (together(), one_by_one()):
        losses = [[[float(point.loss.mean()) for point in side] for side in (line.train, line.test)] for line in found]
        torch.testing.assert_close(torch.tensor(losses).transpose(1, 2), wanted, rtol=1e-6, atol=1e-6)
    blank = torch.zeros(1, 3, case.size, case.size)
    operations = sum(layer.dense for layer in layer_flops(replicas[0], blank).values())
    points = case.replicas + comb(case.replicas, 2) * (case.points - 2)
    variants = {"plain": plainly, "one by one": one_by_one}
    if case.size == 8:
        variants["together"] = together
    return compare(case.title, variants, operations=operations * 3 * case.images * points, rounds=ROUNDS)


def main() -> None:
    """Print the table and write it into the docs."""
    torch.set_num_threads(1)
    keep_freed()  # as the program does
    report("Linear mode connectivity", [row for case in CASES for row in rows(case)])


if __name__ == "__main__":
    main()
