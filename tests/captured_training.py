"""Trainings with and without a recorded step, for its tests."""

from __future__ import annotations

from functools import partial

import torch
from torch import nn

from prunescope.api import Data
from prunescope.data.memory import Augmentation, in_memory
from prunescope.networks import masks
from prunescope.training import gradient_together, loop, optimizers
from prunescope.training.batches import Batches
from prunescope.training.gradient import plain
from prunescope.training.schedule import Schedule
from prunescope.training.together import fit_together

SGD = {"learning_rate": 0.1, "momentum": 0.9, "weight_decay": 1e-3, "nesterov": False}


def pictures(count: int = 22, augmentation: Augmentation | None = None) -> Data:
    draw = torch.Generator().manual_seed(5)
    images = torch.randint(256, (count, 2, 4, 4), generator=draw, dtype=torch.uint8)
    labels = torch.randint(3, (count,), generator=draw)
    split = in_memory(images, labels, augmentation=augmentation or Augmentation(crop_padding=1, flip=True))
    return Data(
        name="pictures", train=split, test=split, num_classes=3, in_chans=2, image_size=(4, 4), fingerprint="pictures"
    )


def half(model: nn.Module, seed: int = 0):
    draw = torch.Generator().manual_seed(seed)
    scores = {name: torch.rand(w.shape, generator=draw) for name, w in model.named_parameters() if w.dim() == 4}
    return masks.keep_largest(scores, 0.5, scope="global")


def finished(epochs):
    """Return the epochs and what the generator returns."""
    found = []
    while True:
        try:
            found.append(next(epochs))
        except StopIteration as end:
            return found, end.value


def alone(
    model,
    data,
    *,
    capture,
    keeper=None,
    gradient=plain,
    size=8,
    epochs=3,
    part=None,
    mask=None,
    ema=0.0,
    sgd=SGD,
    **how,
):
    return finished(
        loop.train_epochs(
            model,
            data,
            optimizer=optimizers.sgd(model, **sgd),
            gradient=gradient,
            schedule=Schedule(epochs=epochs, shape="cosine", warmup_epochs=1, **(part or {})),
            batches=Batches(size=size, **how),
            mask=mask,
            seed=3,
            ema=ema,
            capture=capture,
            keeper=keeper,
        )
    )


def together(
    models,
    *,
    capture,
    keeper=None,
    gradient=gradient_together.plain_group,
    size=8,
    part=None,
    sgd=SGD,
    masks=None,
    **how,
):
    return finished(
        fit_together(
            models,
            pictures(),
            optimizer=partial(optimizers.sgd, **sgd),
            gradient=gradient,
            schedule=Schedule(epochs=3, shape="cosine", warmup_epochs=1, **(part or {})),
            batches=Batches(size=size, **how),
            masks=masks or [None] * len(models),
            seeds=range(len(models)),
            capture=capture,
            keeper=keeper,
        )
    )
