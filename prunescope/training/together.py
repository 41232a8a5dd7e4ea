"""Several retrainings of one architecture in one loop: training/loop.py for a grouped network."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import torch

from prunescope.api import Epoch
from prunescope.api.errors import UsageError
from prunescope.networks.grouped.grouping import Grouped, take
from prunescope.training.epochs import epochs
from prunescope.training.gradient_together import factors, plain_group
from prunescope.training.plan import Plan
from prunescope.training.work import StepWork

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Sequence

    from torch import Tensor, nn
    from torch.optim import Optimizer

    from prunescope.api import Data, Mask, StateKeeper
    from prunescope.networks.capture import Capture
    from prunescope.training.batches import Batches
    from prunescope.training.gradient_together import GroupGradient
    from prunescope.training.plan import Done, Parts
    from prunescope.training.schedule import Schedule


def fit_together(  # noqa: PLR0913 - one for each part of a training
    models: Sequence[nn.Module],
    data: Data,
    *,
    optimizer: Callable[[nn.Module], Optimizer],
    gradient: Callable[[Grouped, Sequence[Mask | None]], GroupGradient] = plain_group,
    schedule: Schedule,
    batches: Batches,
    masks: Sequence[Mask | None],
    seeds: Sequence[int],
    capture: Capture | None = None,
    keeper: StateKeeper | None = None,
) -> Generator[tuple[Epoch, ...], None, str]:
    """Train all `models` in place, each as `training.loop.train_epochs` trains it alone; yield the epochs.

    Each model has its own mask, and its own order and augmentation from its own seed. The optimiser, made for the
    parameters of the grouped network, must treat every weight alone (SGD does; norms over a tensor do not). Gradients,
    steps and running statistics equal those of training alone to float32 rounding, which training then amplifies.
    Between two epochs the caller may read the models; what it changes in them is overwritten.
    capture: what records the step, where it is to be recorded. keeper: what saves the state, and has that of an earlier
    process. Returns how the steps were performed (training.epochs).

    Raises UsageError where the models cannot be grouped, the data yield no batch, or one model's training diverges.
    """
    for model in models:
        model.train()
    net = Grouped(models, shared=False).train()
    hold, gradients = _holder(net, masks), gradient(net, masks)
    hold()
    objective = data.objective.smoothed(0.0 if batches.mixup else batches.label_smoothing)
    work = StepWork(net=net, gradient=partial(gradients, objective=objective), optimizer=optimizer(net), hold=hold)
    plan = Plan(data=data, schedule=schedule, batches=batches, seeds=tuple(seeds), stack=_side_by_side)
    report = partial(_reported, net=net, models=models, of=plan.of)
    return (yield from epochs(work, plan, report, capture=capture, keeper=keeper))


def _side_by_side(parts: Parts) -> tuple[Tensor, Tensor]:
    """Put the images side by side in the channels, (batch, K · channels, ...), and the targets, (batch, K, ...)."""
    return torch.cat([images for images, _ in parts], dim=1), torch.stack([targets for _, targets in parts], dim=1)


def _reported(done: Done, *, net: Grouped, models: Sequence[nn.Module], of: int) -> Iterator[tuple[Epoch, ...]]:
    """Yield the epochs of the models, with their weights in them."""
    for index, model in enumerate(models):
        take(net, model, index)
    if not done.finite(net.parameters()):
        raise UsageError(
            f"the training of one of {net.count} models together diverged in epoch {done.number}",
            fix="train them one by one to find which; lower the learning rate",
        )
    epoch = partial(Epoch, number=done.number, of=of, learning_rate=done.learning_rate)
    pairs = zip(done.losses, done.errors, strict=True)
    yield tuple(epoch(train_loss=loss, train_error=error) for loss, error in pairs)


def _holder(net: Grouped, masks: Sequence[Mask | None]) -> Callable[[], None]:
    """Return a function that zeroes every model's masked weights; see masks.holder."""
    weights, ones = factors(net, masks)

    @torch.no_grad()
    def hold() -> None:
        if weights:
            torch._foreach_mul_(weights, ones)

    return hold
