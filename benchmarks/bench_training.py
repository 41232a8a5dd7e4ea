"""Retraining replicas under a mask: in one grouped network for tiny networks, one by one, and plainly."""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import plain
import torch
from harness import Row, compare, convolution_share, headline, one_thread, report

from prunescope.data.datasets import Patches
from prunescope.landscape.flops import layer_flops
from prunescope.networks import masks, models
from prunescope.runs.scheduling.memory import keep_freed
from prunescope.training import gradient, loop, optimizers
from prunescope.training.batches import Batches
from prunescope.training.schedule import Schedule
from prunescope.training.together import fit_together

if TYPE_CHECKING:
    from torch import nn

    from prunescope.api import Data, Mask

ROUNDS = 5
SGD = {"learning_rate": 0.05, "momentum": 0.9, "weight_decay": 1e-4, "nesterov": False}
ONE_EPOCH = Schedule(epochs=1, shape="constant")


@dataclass(frozen=True, kw_only=True)
class Case:
    """A network, its images and how it is trained."""

    network: str
    size: int
    images: int
    batch_size: int
    replicas: int
    width: float = 1.0

    @property
    def spec(self) -> models.ModelSpec:
        """The network."""
        shape = {"num_classes": 10, "in_chans": 3, "image_size": (self.size, self.size)}
        return models.ModelSpec(name=self.network, **shape, options={"width": self.width})

    @property
    def title(self) -> str:
        """What is measured."""
        replicas = "1 replica" if self.replicas == 1 else f"{self.replicas} replicas"
        network = f"{self.network} at width {self.width:g}" if self.width != 1 else self.network
        return f"{network} on {self.size}x{self.size}, {replicas}, batches of {self.batch_size}"


CASES = (
    Case(network="preresnet8", width=0.5, size=8, images=640, batch_size=32, replicas=6),
    Case(network="preresnet8", width=0.5, size=8, images=640, batch_size=64, replicas=6),
    Case(network="preresnet8", size=8, images=640, batch_size=32, replicas=4),
    Case(network="preresnet8", size=8, images=640, batch_size=64, replicas=4),
    Case(network="preresnet20", size=32, images=192, batch_size=64, replicas=1),
)


def together(start: nn.Module, data: Data, mask: Mask, case: Case) -> list[nn.Module]:
    """Train the replicas in one grouped network."""
    made = [copy.deepcopy(start) for _ in range(case.replicas)]
    seeds, batches, kept = range(case.replicas), Batches(size=case.batch_size), [mask] * case.replicas
    make = partial(optimizers.sgd, **SGD)
    list(fit_together(made, data, optimizer=make, schedule=ONE_EPOCH, batches=batches, masks=kept, seeds=seeds))
    return made


def one_by_one(start: nn.Module, data: Data, mask: Mask, case: Case) -> list[nn.Module]:
    """Train them with the loop of every trainer."""
    made = [copy.deepcopy(start) for _ in range(case.replicas)]
    for seed, model in enumerate(made):
        how = {"schedule": ONE_EPOCH, "batches": Batches(size=case.batch_size), "mask": mask, "seed": seed}
        list(loop.train_epochs(model, data, optimizer=optimizers.sgd(model, **SGD), gradient=gradient.plain, **how))
    return made


def check(start: nn.Module, data: Data, mask: Mask, case: Case) -> None:
    """Three steps of all variants on the same batches agree to rounding."""
    few = replace(data, train=data.train.subset(torch.arange(3 * case.batch_size)))
    seeds = range(case.replicas)
    size = case.batch_size
    batches = [list(few.train.epoch(size, generator=torch.Generator().manual_seed(seed))) for seed in seeds]
    wanted = [copy.deepcopy(start) for _ in range(case.replicas)]
    for model, seen in zip(wanted, batches, strict=True):
        plain.train(model, seen, mask=mask, learning_rate=SGD["learning_rate"], epochs=1)
    for found in (together(start, few, mask, case), one_by_one(start, few, mask, case)):
        for model, reference in zip(found, wanted, strict=True):
            for name, value in reference.state_dict().items():
                torch.testing.assert_close(model.state_dict()[name], value, rtol=1e-3, atol=1e-4)


def rows(case: Case) -> list[Row]:
    """Check that all variants agree, then time them."""
    data = Patches(size=case.size, images=case.images, test_images=10, flip=True).load()
    start = models.create(case.spec, seed=0)
    mask = masks.keep_largest({n: w.detach().abs() for n, w in models.prunable(start).items()}, 0.2, scope="layer")
    masks.apply(start, mask)
    check(start, data, mask, case)
    loader = plain.loader(data.train, batch_size=case.batch_size, training=True)

    def plainly() -> None:
        for _ in range(case.replicas):
            plain.train(copy.deepcopy(start), loader, mask=mask, learning_rate=SGD["learning_rate"], epochs=1)

    variants = {"plain": plainly, "one by one": partial(one_by_one, start, data, mask, case)}
    if case.replicas > 1:
        variants["together"] = partial(together, start, data, mask, case)
    blank = torch.zeros(1, 3, case.size, case.size)
    operations = sum(layer.dense for layer in layer_flops(start, blank).values())
    return compare(case.title, variants, operations=3 * operations * case.images * case.replicas, rounds=ROUNDS)


def main() -> None:
    """Print the table and write it into the docs."""
    one_thread()
    keep_freed()  # as the program does
    found = {case: rows(case) for case in CASES}
    wanted = [(CASES[0], 3.5, 5.0), (CASES[1], 3.5, 5.0), (CASES[-1], 1.4, 1.8)]
    headlines = [
        headline(_against_plain(found[case]), least=least, aim=aim, note="processor time, training")
        for case, least, aim in wanted
    ]
    title, every = "Training of replicas", [row for case in CASES for row in found[case]]
    report(title, every, headlines=headlines, notes=[limit(CASES[0]), limit(CASES[-1])])


def limit(case: Case) -> str:
    """Say what share of the training the convolutions are, whose speed is the library's; of each, its best round."""
    data = Patches(size=case.size, images=case.images, test_images=10, flip=True).load()
    start = models.create(case.spec, seed=0)
    mask = masks.keep_largest({n: w.detach().abs() for n, w in models.prunable(start).items()}, 0.2, scope="layer")
    run = partial(one_by_one if case.replicas == 1 else together, start, data, mask, case)
    share = convolution_share(run, rounds=ROUNDS)
    return f"Convolutions take {share:.0%} of the training of {case.title} (torch.profiler)."


def _against_plain(found: list[Row]) -> Row:
    """Return the row of the fastest variant against the plain one."""
    return [row for row in found if row.comparison.startswith("plain / ")][-1]


if __name__ == "__main__":
    main()
