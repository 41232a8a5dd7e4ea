"""The training loop: every trainer's epochs and steps."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import torch
from torch.nn.functional import cross_entropy

from prunescope.api import Epoch
from prunescope.api.errors import UsageError
from prunescope.networks import masks
from prunescope.training.batches import passes, steps_per_epoch, within
from prunescope.training.schedule import scheduler, span

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from torch import Tensor, nn
    from torch.optim import Optimizer

    from prunescope.api import Data, Mask
    from prunescope.training.batches import Batches
    from prunescope.training.gradient import Gradient
    from prunescope.training.schedule import Schedule


def fit(
    model: nn.Module,
    data: Data,
    *,
    optimizer: Optimizer,
    gradient: Callable[[nn.Module], Gradient],
    schedule: Schedule,
    batches: Batches,
    mask: Mask | None,
    seed: int,
) -> Iterator[Epoch]:
    """Train `model` in place and yield after every epoch; api.Trainer.fit says what holds at a yield.

    The model is put into channels_last memory format. Between two epochs the caller may evaluate, copy or stop: each
    epoch begins by setting train mode again. Nothing waits for the device within an epoch. Where only some steps of the
    schedule are taken the epochs keep their numbers; the first and the last may be parts of one.

    Raises:
        UsageError: the data yield no batch, or the loss or a weight is no longer finite.
    """
    model.to(memory_format=torch.channels_last)
    hold, gradients = masks.holder(model, mask), gradient(model)
    hold()
    steps = steps_per_epoch(len(data.train), batches.size)
    taken = span(schedule, steps_per_epoch=steps)
    rates = scheduler(optimizer, schedule, steps_per_epoch=steps)
    next_pass = passes(data, batches, generator=torch.Generator().manual_seed(seed))
    loss = partial(cross_entropy, label_smoothing=0.0 if batches.mixup else batches.label_smoothing)
    of = -(-taken.stop // steps)
    for number, seen in within(next_pass, taken, steps_per_epoch=steps):
        model.train()
        losses: list[Tensor] = []
        wrong: list[Tensor] = []
        sizes: list[int] = []
        for images, targets in seen:
            if sizes and taken.start + rates.last_epoch < number * steps - 1:
                rates.step()
            value, logits = gradients(images, targets, loss)
            optimizer.step()
            hold()
            losses.append(value)
            wrong.append(_wrong(logits, targets))
            sizes.append(len(images))
        _check_steps(len(sizes), len(data.train))
        rate = float(rates.get_last_lr()[0])
        while taken.start + rates.last_epoch < number * steps:
            rates.step()
        train_loss, train_error = _means(losses, wrong, sizes)
        _check_finite(train_loss, model.parameters(), epoch=number, learning_rate=rate)
        yield Epoch(number=number, of=of, learning_rate=rate, train_loss=train_loss, train_error=train_error)


def _wrong(logits: Tensor, targets: Tensor) -> Tensor:
    """Count the images whose top-1 class is not theirs; of a mixed image, not that of its larger part."""
    labels = targets if targets.dim() == 1 else targets.argmax(1)
    return (logits.argmax(1) != labels).sum()


def _means(losses: list[Tensor], wrong: list[Tensor], sizes: list[int]) -> tuple[float, float]:
    """Mean loss and error over the images of an epoch; the one moment of it that waits for the device."""
    weights = torch.tensor(sizes, dtype=torch.float64)
    loss = (torch.stack(losses).cpu().double() * weights).sum() / weights.sum()
    return float(loss), int(torch.stack(wrong).sum()) / sum(sizes)


def _check_steps(steps: int, images: int) -> None:
    if not steps:
        raise UsageError(
            f"{images} training images make no batch, wanted at least 2 images", fix="train on a larger data set"
        )


def _check_finite(loss: float, weights: Iterable[nn.Parameter], *, epoch: int, learning_rate: float) -> None:
    norms = torch.stack([weight.detach().float().norm() for weight in weights])
    total = loss + float(norms.sum())
    if total - total != 0:  # only for infinity and NaN
        raise UsageError(
            f"training diverged in epoch {epoch}, at learning rate {learning_rate:g}: "
            f"the loss is {loss:g} or a weight is not finite",
            fix="lower the learning rate, or add warm-up epochs",
        )
