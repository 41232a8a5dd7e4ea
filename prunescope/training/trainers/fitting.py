"""From a trainer's options to the training loop."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from torch import nn
    from torch.optim import SGD, Optimizer

    from prunescope.api import Data, Epoch, Mask, StateKeeper
    from prunescope.training.batches import Batches
    from prunescope.training.gradient import StepGradient
    from prunescope.training.schedule import Schedule
    from prunescope.training.trainers.options import BatchOptions, FittingOptions, MomentumOptions, ScheduleOptions


def sgd_of(options: MomentumOptions, model: nn.Module) -> SGD:
    """Return the optimiser these options ask for."""
    from prunescope.training.optimizers import sgd

    return sgd(
        model,
        learning_rate=options.learning_rate,
        momentum=options.momentum,
        weight_decay=options.weight_decay,
        nesterov=options.nesterov,
    )


def schedule_of(options: ScheduleOptions) -> Schedule:
    """Return the schedule these options ask for."""
    from prunescope.training.schedule import Schedule

    return Schedule(
        epochs=options.epochs,
        shape=options.schedule,
        drops=options.drops,
        drop_factor=options.drop_factor,
        warmup_epochs=options.warmup_epochs,
        ends=options.stages(),
        start_step=options.start_step,
        stop_step=options.stop_step,
    )


def batches_of(options: BatchOptions) -> Batches:
    """Return what these options do to the images."""
    from prunescope.training.batches import Batches

    return Batches(
        size=options.batch_size,
        augment=options.augment,
        mixup=options.mixup,
        label_smoothing=options.label_smoothing,
    )


def fit_by_options(  # noqa: PLR0913 - one for each part of a training
    options: FittingOptions,
    model: nn.Module,
    data: Data,
    *,
    optimizer: Optimizer,
    gradient: Callable[[nn.Module], StepGradient],
    mask: Mask | None,
    seed: int,
    schedule: Schedule | None = None,
    keeper: StateKeeper | None = None,
) -> Iterator[Epoch]:
    """Train `model` by these options; schedule: another than theirs; keeper: what saves and has the state."""
    from prunescope.training import loop
    from prunescope.training.acceleration import accelerated, recorder
    from prunescope.training.gradient import in_parts

    one = accelerated(gradient, compiling=options.compiling, precision=options.precision)
    return loop.train_epochs(
        model,
        data,
        optimizer=optimizer,
        gradient=in_parts(one, options.accumulate),
        schedule=schedule_of(options) if schedule is None else schedule,
        batches=batches_of(options),
        mask=mask,
        seed=seed,
        ema=options.ema,
        capture=recorder(options.compiling, next(model.parameters()).device),
        keeper=keeper,
    )


def images_sent(options: FittingOptions, *, train: int, per_image: float) -> float:
    """Return the images a fit sends forward: the share of the schedule's steps that it takes."""
    from prunescope.training.batches import steps_per_epoch
    from prunescope.training.schedule import step_span

    steps = steps_per_epoch(train, options.batch_size)
    share = len(step_span(schedule_of(options), steps_per_epoch=steps)) / (options.epochs * steps)
    return per_image * options.epochs * train * share
