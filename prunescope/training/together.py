"""Several retrainings of one architecture in one loop: training/loop.py for a grouped network."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from prunescope.api import Epoch
from prunescope.api.errors import UsageError
from prunescope.networks.grouped.grouping import Grouped, take
from prunescope.training.batches import passes, steps_per_epoch, within
from prunescope.training.gradient_together import factors, plain
from prunescope.training.schedule import scheduler, span

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from torch import Tensor, nn
    from torch.optim import Optimizer

    from prunescope.api import Data, Mask
    from prunescope.training.batches import Batches
    from prunescope.training.gradient_together import Gradient
    from prunescope.training.schedule import Schedule


def fit_together(
    models: Sequence[nn.Module],
    data: Data,
    *,
    optimizer: Callable[[nn.Module], Optimizer],
    gradient: Callable[[Grouped, Sequence[Mask | None]], Gradient] = plain,
    schedule: Schedule,
    batches: Batches,
    masks: Sequence[Mask | None],
    seeds: Sequence[int],
) -> Iterator[tuple[Epoch, ...]]:
    """Train all `models` in place, each as `training.loop.fit` trains it alone; yield their epochs after every epoch.

    Each model has its own mask, and its own order and augmentation from its own seed. The optimiser, made for the
    parameters of the grouped network, must treat every weight alone (SGD does; norms over a tensor do not). Gradients,
    steps and running statistics equal those of training alone to float32 rounding, which training then amplifies.
    Between two epochs the caller may read the models; what it changes in them is overwritten.

    Raises UsageError where the models cannot be grouped, the data yield no batch, or one model's training diverges.
    """
    for model in models:
        model.train()
    work = Grouped(models, shared=False).train()
    hold, gradients = _holder(work, masks), gradient(work, masks)
    hold()
    optimize = optimizer(work)
    steps = steps_per_epoch(len(data.train), batches.size)
    taken = span(schedule, steps_per_epoch=steps)
    rates = scheduler(optimize, schedule, steps_per_epoch=steps)
    one_pass = [passes(data, batches, generator=torch.Generator().manual_seed(seed)) for seed in seeds]
    smoothing = 0.0 if batches.mixup else batches.label_smoothing
    of = -(-taken.stop // steps)
    for epochs in zip(*(within(each, taken, steps_per_epoch=steps) for each in one_pass), strict=True):
        number = epochs[0][0]
        losses: list[Tensor] = []
        wrong: list[Tensor] = []
        sizes: list[int] = []
        for parts in zip(*(seen for _, seen in epochs), strict=True):
            if sizes and taken.start + rates.last_epoch < number * steps - 1:
                rates.step()
            value, errors = gradients(parts, smoothing)
            optimize.step()
            hold()
            losses.append(value)
            wrong.append(errors)
            sizes.append(len(parts[0][0]))
        found = _means(losses, wrong, sizes, images=len(data.train))
        rate = float(rates.get_last_lr()[0])
        while taken.start + rates.last_epoch < number * steps:
            rates.step()
        for index, model in enumerate(models):
            take(work, model, index)
        _check_finite(work, found, number=number)
        yield tuple(
            Epoch(number=number, of=of, learning_rate=rate, train_loss=loss, train_error=error) for loss, error in found
        )


def _holder(work: Grouped, masks: Sequence[Mask | None]) -> Callable[[], None]:
    """Return a function that zeroes every model's masked weights; see masks.holder."""
    weights, ones = factors(work, masks)

    @torch.no_grad()
    def hold() -> None:
        if weights:
            torch._foreach_mul_(weights, ones)

    return hold


def _means(losses: list[Tensor], wrong: list[Tensor], sizes: list[int], *, images: int) -> list[tuple[float, float]]:
    """Return each model's mean loss and error over the images of an epoch; the one moment that waits for the device."""
    if not sizes:
        raise UsageError(
            f"{images} training images make no batch, wanted at least 2 images", fix="train on a larger data set"
        )
    weights = torch.tensor(sizes, dtype=torch.float64)
    loss = (torch.stack(losses).cpu().double() * weights[:, None]).sum(0) / weights.sum()
    error = torch.stack(wrong).sum(0).cpu().double() / weights.sum()
    return list(zip(loss.tolist(), error.tolist(), strict=True))


def _check_finite(work: Grouped, found: Sequence[tuple[float, float]], *, number: int) -> None:
    norms = torch.stack([weight.detach().float().norm() for weight in work.parameters()])
    total = sum(loss for loss, _ in found) + float(norms.sum())
    if total - total != 0:  # only for infinity and NaN
        raise UsageError(
            f"the training of one of {work.count} models together diverged in epoch {number}",
            fix="train them one by one to see which; lower the learning rate",
        )
