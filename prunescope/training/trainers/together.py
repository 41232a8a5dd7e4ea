"""Training several models together, for the trainers whose steps treat every weight, or every model, alone."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from prunescope.api.errors import UsageError
from prunescope.training.trainers import fitting

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from torch import nn

    from prunescope.api import Data, Epoch, Mask, Split, StateKeeper
    from prunescope.networks.grouped.grouping import Grouped
    from prunescope.training.gradient_together import GroupGradient
    from prunescope.training.trainers.options import TogetherOptions


def most(options: TogetherOptions, model: nn.Module, data: Data) -> int:
    """Return how many models to train at a time.

    1 where images are decoded again for each, with moving averages, and where a batch alone takes too much memory.
    """
    from prunescope.networks.grouped.choice import training_group

    if options.ema or options.accumulate > 1 or _streamed(data.train):
        return 1
    images = min(options.batch_size, len(data.train))
    device = next(model.parameters()).device.type
    return training_group(model, (images, data.in_chans, *data.image_size), device=device)


def fit_group(
    options: TogetherOptions,
    models: Sequence[nn.Module],
    data: Data,
    *,
    gradient: Callable[[Grouped, Sequence[Mask | None]], GroupGradient],
    masks: Sequence[Mask | None],
    seeds: Sequence[int],
    keeper: StateKeeper | None = None,
) -> Iterator[tuple[Epoch, ...]]:
    """Train the models with the schedule and the batches these options ask for; keeper: what saves and has the state.

    Raises:
        UsageError: the options ask for gradients in parts.
    """
    from prunescope.training.acceleration import accelerated, recorder
    from prunescope.training.together import fit_together

    if options.accumulate > 1:
        raise UsageError(
            f"accumulate is {options.accumulate}, but networks that are trained together use whole batches",
            fix="train them one by one, or use 1",
        )
    return fit_together(
        models,
        data,
        optimizer=partial(fitting.sgd_of, options),
        gradient=accelerated(gradient, compiling=options.compiling, precision=options.precision),
        schedule=fitting.schedule_of(options),
        batches=fitting.batches_of(options),
        masks=masks,
        seeds=seeds,
        capture=recorder(options.compiling, next(models[0].parameters()).device),
        keeper=keeper,
    )


def _streamed(split: Split) -> bool:
    from prunescope.data.stream import StreamSplit
    from prunescope.data.views import FirstImages, OnDevice

    while isinstance(split, FirstImages | OnDevice):
        split = split.split
    return isinstance(split, StreamSplit)
