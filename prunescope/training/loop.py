"""The training loop: every trainer's epochs and steps."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from prunescope.api import Epoch
from prunescope.api.errors import UsageError
from prunescope.networks import masks
from prunescope.networks.layout import laid_out
from prunescope.training.averaging import Average
from prunescope.training.epochs import epochs
from prunescope.training.plan import Plan
from prunescope.training.work import StepWork

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

    from torch import Tensor, nn
    from torch.optim import Optimizer

    from prunescope.api import Data, Mask, Objective, StateKeeper
    from prunescope.networks.capture import Capture
    from prunescope.training.batches import Batches
    from prunescope.training.gradient import StepGradient
    from prunescope.training.plan import Done, Parts
    from prunescope.training.schedule import Schedule


def train_epochs(  # noqa: PLR0913 - one for each part of a training
    model: nn.Module,
    data: Data,
    *,
    optimizer: Optimizer,
    gradient: Callable[[nn.Module], StepGradient],
    schedule: Schedule,
    batches: Batches,
    mask: Mask | None,
    seed: int,
    ema: float = 0.0,
    capture: Capture | None = None,
    keeper: StateKeeper | None = None,
) -> Generator[Epoch, None, str]:
    """Train `model` in place and yield after every epoch; see api.Trainer.fit for what holds at a yield.

    The model is put into channels_last memory format, where it runs in that. Between two epochs the caller may
    evaluate, copy or stop: each epoch begins by setting train mode again. Nothing waits for the device within an
    epoch. Where only some steps of the schedule are taken the epochs keep their numbers; the first and the last may be
    parts of one.

    ema: decay of a moving average of the weights, which is in `model` at every yield and in the end; 0: none.
    capture: what records the step, where it is to be recorded. keeper: what saves the state, and has that of an earlier
    process. Returns how the steps were performed (training.epochs).

    Raises:
        UsageError: the data yield no batch, or the loss or a weight is no longer finite.
    """
    laid_out(model)
    hold, average = masks.holder(model, mask), Average(model, decay=ema, mask=mask) if ema else None
    one = _gradient(gradient(model), data.objective.smoothed(0.0 if batches.mixup else batches.label_smoothing))
    work = StepWork(net=model, gradient=one, optimizer=optimizer, hold=hold, average=average)
    hold()
    plan = Plan(data=data, schedule=schedule, batches=batches, seeds=(seed,), stack=_only)
    return (yield from epochs(work, plan, partial(_shown, work=work, of=plan.of), capture=capture, keeper=keeper))


def _shown(done: Done, *, work: StepWork, of: int) -> Iterator[Epoch]:
    """Yield the epoch, with the average in the model where there is one; after the last it stays there."""
    _check_finite(done, work.net)
    raw = work.average.show() if work.average is not None else []
    yield Epoch(
        number=done.number,
        of=of,
        learning_rate=done.learning_rate,
        train_loss=done.losses[0],
        train_error=done.errors[0],
    )
    if work.average is not None and done.number < of:
        work.average.put(raw)


def _gradient(gradients: StepGradient, objective: Objective) -> Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]:
    def gradient(images: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        value, logits = gradients(images, targets[:, 0], objective.mean_loss)
        return value[None], objective.errors(logits, targets[:, 0]).sum()[None]

    return gradient


def _only(parts: Parts) -> tuple[Tensor, Tensor]:
    images, targets = parts[0]
    return images, targets[:, None]


def _check_finite(done: Done, model: nn.Module) -> None:
    if not done.finite(model.parameters()):
        raise UsageError(
            f"training diverged in epoch {done.number}, at learning rate {done.learning_rate:g}: "
            f"the loss is {done.losses[0]:g} or a weight is not finite",
            fix="lower the learning rate, or add warm-up epochs",
        )
