"""Training on a GPU: one network, and many of one architecture at once, against the loop as it is commonly written."""

from __future__ import annotations

import copy
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import torch
from gpu_rows.row import GpuRow
from torch.nn.functional import cross_entropy

from prunescope.api import Data
from prunescope.data.memory import Augmentation, in_memory
from prunescope.landscape.flops import layer_flops
from prunescope.networks import masks, models
from prunescope.networks.capture import capture_on
from prunescope.training import gradient, gradient_together, loop, optimizers
from prunescope.training.batches import Batches
from prunescope.training.schedule import Schedule
from prunescope.training.together import fit_together

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from gpu_rows.row import Scale
    from torch import Tensor, nn

    from prunescope.api import Epoch, Mask

IMAGES = 20_000
PLAIN_STEPS = 60
"""Steps of the plain loop that are timed; its epoch is taken from them."""

ROUNDS = 3
CHECKED_STEPS = 4
CLOSE, CLOSE_TF32 = 1e-2, 0.2
"""Distance of the weights from those of the plain loop over the way they have come: other kernels round otherwise, and
training amplifies it. A gradient that is wrong in one layer, or in one replica, is seen."""

SGD = {"learning_rate": 0.05, "momentum": 0.9, "weight_decay": 1e-4, "nesterov": False}


@dataclass(frozen=True, kw_only=True)
class Case:
    """Networks, their images, and what is to be reached."""

    network: str
    size: int
    batch: int
    replicas: int
    least: float
    aim: float
    width: float = 1.0

    @property
    def title(self) -> str:
        """What is measured."""
        network = f"{self.network} at width {self.width:g}" if self.width != 1 else self.network
        many = "1 replica" if self.replicas == 1 else f"{self.replicas} replicas at once, each"
        return f"train {network} on {self.size}x{self.size}, batches of {self.batch}, {many}"


CASES = {
    "train-preresnet20-1": Case(network="preresnet20", size=32, batch=128, replicas=1, least=2.3, aim=4),
    "train-preresnet20-12": Case(network="preresnet20", size=32, batch=128, replicas=12, least=6, aim=12),
    "train-preresnet8-48": Case(network="preresnet8", width=0.5, size=8, batch=32, replicas=48, least=15, aim=40),
}


def rows(scale: Scale) -> dict[str, Callable[[], list[GpuRow]]]:
    """Return what measures each workload, by a name of it."""
    return {name: partial(_row, scale, _sized(case, scale)) for name, case in CASES.items()}


def _sized(case: Case, scale: Scale) -> Case:
    if not scale.tiny:
        return case
    values = {**vars(case), "size": 8, "batch": 8, "replicas": min(case.replicas, 3)}
    return Case(**values)


def _row(scale: Scale, case: Case) -> list[GpuRow]:
    checked = _check(scale, case)
    data = _data(scale, case, images=scale.of(IMAGES, 5 * case.batch))
    steps = -(-len(data.train) // case.batch)
    plain = [_plain_epoch(scale, case, data, steps=steps) for _ in range(ROUNDS)]
    first, *mine = _epochs(scale, case, data, epochs=ROUNDS + 1)
    each = [seconds / case.replicas for seconds in mine]
    image = torch.zeros(1, 3, case.size, case.size, device=scale.device)
    operations = 3 * 2 * sum(layer.dense for layer in layer_flops(_network(scale, case, seed=0), image).values())
    return [
        GpuRow(
            workload=f"{case.title}, an epoch of {len(data.train):,} images",
            against="the plain loop, images in the memory of the device",
            ratios=tuple(slow / fast for slow, fast in zip(plain, each, strict=True)),
            seconds=tuple(each),
            checked=checked,
            share=operations * len(data.train) / min(each) / scale.limits.tf32,
            limit="TF32 products",
            least=case.least,
            aim=case.aim,
            note=f"the first epoch takes {first - min(mine):.2f} s more, in which the step is captured",
        )
    ]


def _check(scale: Scale, case: Case) -> str:
    """Take a few steps with the plain loop and with the captured one, and compare how far the weights have come."""
    exact, rounded = (_apart(scale, case, tf32=tf32) for tf32 in (False, True))
    assert exact < CLOSE, exact  # noqa: S101 - the benchmark's own check
    assert rounded < CLOSE_TF32, rounded  # noqa: S101
    return f"the way of the weights in {CHECKED_STEPS} steps to {exact:.0e}, with TF32 to {rounded:.0e}"


def _apart(scale: Scale, case: Case, *, tf32: bool) -> float:
    """Return the distance of the weights from those of the plain loop, over the way they have come."""
    with _arithmetic(tf32=tf32):
        data = _data(scale, case, images=CHECKED_STEPS * case.batch)
        start = [_network(scale, case, seed=seed) for seed in range(case.replicas)]
        ours, plain, kept = copy.deepcopy(start), copy.deepcopy(start[:3]), [_mask(model) for model in start]
        for seed, (model, mask) in enumerate(zip(plain, kept, strict=False)):
            _plainly(model, data.train.epoch(case.batch, generator=torch.Generator().manual_seed(seed)), mask)
        told = _drained(_training(ours, data, kept, case, epochs=1))
    assert told == "captured", told  # noqa: S101 - the benchmark's own check
    return max(_way(one, other) / _way(begun, other) for one, other, begun in zip(ours, plain, start, strict=False))


def _training(
    made: Sequence[nn.Module], data: Data, kept: Sequence[Mask], case: Case, *, epochs: int
) -> Iterator[Epoch | tuple[Epoch, ...]]:
    capture = capture_on(next(made[0].parameters()).device)
    how = {"schedule": Schedule(epochs=epochs, shape="constant"), "batches": Batches(size=case.batch)}
    if len(made) == 1:
        optimizer = optimizers.sgd(made[0], **SGD)
        alone = {"optimizer": optimizer, "gradient": gradient.plain, "mask": kept[0], "seed": 0}
        return loop.train_epochs(made[0], data, **how, **alone, capture=capture)
    make = partial(optimizers.sgd, **SGD)
    together = {"optimizer": make, "gradient": gradient_together.plain_group, "masks": kept, "seeds": range(len(made))}
    return fit_together(made, data, **how, **together, capture=capture)


def _epochs(scale: Scale, case: Case, data: Data, *, epochs: int) -> list[float]:
    """Return the seconds of every epoch of all replicas."""
    made = [_network(scale, case, seed=seed) for seed in range(case.replicas)]
    training = _training(made, data, [_mask(model) for model in made], case, epochs=epochs)
    return [scale.clock(lambda: next(training)) for _ in range(epochs)]


def _plain_epoch(scale: Scale, case: Case, data: Data, *, steps: int) -> float:
    """Return the seconds that an epoch of one replica takes in the plain loop."""
    model, seen = _network(scale, case, seed=0), data.train.epoch(case.batch, generator=torch.Generator())
    batches = [batch for batch, _ in zip(seen, range(min(PLAIN_STEPS, steps)), strict=False)]
    mask = _mask(model)
    _plainly(model, batches[:3], mask)
    return scale.clock(lambda: _plainly(model, batches, mask)) / len(batches) * steps


def _plainly(
    model: nn.Module, batches: Iterator[tuple[Tensor, Tensor]] | list[tuple[Tensor, Tensor]], mask: Mask
) -> None:
    """Train as it is commonly written."""
    model.train()
    optimizer = torch.optim.SGD(model.parameters(), lr=SGD["learning_rate"], momentum=0.9, weight_decay=1e-4)
    parameters = dict(model.named_parameters())
    for images, labels in batches:
        optimizer.zero_grad()
        cross_entropy(model(images), labels).backward()
        optimizer.step()
        with torch.no_grad():
            for name, kept in mask.kept.items():
                parameters[name].mul_(kept)


def _data(scale: Scale, case: Case, *, images: int) -> Data:
    draw = torch.Generator().manual_seed(0)
    pixels = torch.randint(256, (images, 3, case.size, case.size), dtype=torch.uint8, generator=draw)
    labels = torch.randint(10, (images,), generator=draw)
    split = in_memory(pixels, labels, augmentation=Augmentation(crop_padding=4, flip=True)).to(scale.device)
    shape = {"num_classes": 10, "in_chans": 3, "image_size": (case.size, case.size)}
    return Data(name="random", train=split, test=split, fingerprint="random", **shape)


def _network(scale: Scale, case: Case, *, seed: int) -> nn.Module:
    shape = {"num_classes": 10, "in_chans": 3, "image_size": (case.size, case.size)}
    spec = models.ModelSpec(name=case.network, **shape, options={"width": case.width})
    model = models.create(spec, seed=seed).to(scale.device)
    masks.apply(model, _mask(model))
    return model


def _mask(model: nn.Module) -> Mask:
    scores = {name: weight.detach().abs() for name, weight in models.prunable(model).items()}
    device = next(model.parameters()).device
    return masks.mask_to_device(masks.keep_largest(scores, 0.5, scope="layer"), device)


def _drained(training: Iterator[Epoch | tuple[Epoch, ...]]) -> str:
    """Train to the end; return how the steps were performed."""
    while True:
        try:
            next(training)
        except StopIteration as end:
            return str(end.value)


def _way(one: nn.Module, other: nn.Module) -> float:
    """Return the distance of all weights."""
    mine, theirs = (torch.cat([weight.detach().flatten() for weight in net.parameters()]) for net in (one, other))
    return float((mine - theirs).double().norm())


@contextmanager
def _arithmetic(*, tf32: bool) -> Iterator[None]:
    """Let TF32 in or not, and take kernels that add in a fixed order."""
    library = torch.backends.cudnn
    before = (library.allow_tf32, library.deterministic)
    library.allow_tf32, library.deterministic = tf32, True
    try:
        yield
    finally:
        library.allow_tf32, library.deterministic = before
