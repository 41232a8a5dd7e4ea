"""From a trainer's options to the training loop."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from torch import nn
    from torch.optim import SGD, Optimizer

    from prunescope.api import Data, Epoch, Mask
    from prunescope.builtin.trainers.sam import Sam
    from prunescope.builtin.trainers.sgd import Sgd
    from prunescope.builtin.trainers.timm import Timm
    from prunescope.training.gradient import Gradient


def sgd(options: Sgd | Sam, model: nn.Module) -> SGD:
    """Return the optimiser these options ask for."""
    from prunescope.training.optimizers import sgd

    return sgd(
        model,
        learning_rate=options.learning_rate,
        momentum=options.momentum,
        weight_decay=options.weight_decay,
        nesterov=options.nesterov,
    )


def fit(
    options: Sgd | Sam | Timm,
    model: nn.Module,
    data: Data,
    *,
    optimizer: Optimizer,
    gradient: Callable[[nn.Module], Gradient],
    mask: Mask | None,
    seed: int,
) -> Iterator[Epoch]:
    """Train `model` with the schedule and the batches these options ask for."""
    from prunescope.training import batches, loop, schedule

    return loop.fit(
        model,
        data,
        optimizer=optimizer,
        gradient=gradient,
        schedule=schedule.Schedule(
            epochs=options.epochs,
            shape=options.schedule,
            drops=options.drops,
            drop_factor=options.drop_factor,
            warmup_epochs=options.warmup_epochs,
        ),
        batches=batches.Batches(
            size=options.batch_size,
            augment=options.augment,
            mixup=options.mixup,
            label_smoothing=options.label_smoothing,
        ),
        mask=mask,
        seed=seed,
    )
