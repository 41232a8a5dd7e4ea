"""What each training step sees: shuffled batches, augmented or not, mixed or not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

import torch

from prunescope.api.errors import UsageError
from prunescope.training.mixup import mixer

if TYPE_CHECKING:
    from torch import Tensor

    from prunescope.api import Data, Split

Pass = Callable[[], Iterator[tuple["Tensor", "Tensor"]]]
"""One pass over the training data: (inputs, targets); with MixUp the targets are soft, (batch, classes)."""


@dataclass(frozen=True, kw_only=True)
class Batches:
    """Size of the mini-batches and what is done to them."""

    size: int
    augment: bool = True
    mixup: float = 0.0
    """Alpha of MixUp's Beta(alpha, alpha); 0: none."""
    label_smoothing: float = 0.0


def steps_per_epoch(images: int, size: int) -> int:
    """Return the number of batches of one pass; a last batch of one image is left out (api.Split.epoch).

    >>> [steps_per_epoch(images, 32) for images in (5, 64, 65, 66)]
    [1, 2, 2, 3]
    """
    full, rest = divmod(images, size)
    return max(1, full + (rest > 1))


def passes_over(data: Data, batches: Batches, *, generator: torch.Generator) -> Pass:
    """Return a function that starts the next pass over the training split.

    Everything random comes from `generator`. Without augmentation the split is kept in memory as float32.
    """
    if batches.augment:
        one_pass: Pass = lambda: data.train.epoch(batches.size, generator=generator)  # noqa: E731
    else:
        one_pass = _unaugmented(data.train, batches.size, generator=generator)
    return _mixed(one_pass, data, batches, generator=generator) if batches.mixup else one_pass


def within(
    one_pass: Pass, span: range, *, steps_per_epoch: int
) -> Iterator[tuple[int, Iterator[tuple[Tensor, Tensor]]]]:
    """Yield the epochs that some optimiser steps lie in: the number of each, from 1, and its batches of these steps.

    What lies before the first step is drawn and dropped: every step sees the batch it would see in the whole run.

    >>> one_pass = lambda: iter("abc")
    >>> [(number, list(batches)) for number, batches in within(one_pass, range(4, 7), steps_per_epoch=3)]
    [(2, ['b', 'c']), (3, ['a'])]
    """
    last = -(-span.stop // steps_per_epoch)
    for number in range(1, last + 1):
        before = (number - 1) * steps_per_epoch
        batches, skipped = one_pass(), max(0, span.start - before)
        if skipped < steps_per_epoch:
            whole = span.stop >= number * steps_per_epoch
            yield number, islice(batches, skipped, None if whole else span.stop - before)
        else:
            for _ in batches:
                pass


def _unaugmented(split: Split, size: int, *, generator: torch.Generator) -> Pass:
    parts = list(split.batches(size))
    images, labels = torch.cat([part[0] for part in parts]), torch.cat([part[1] for part in parts])

    def one_pass() -> Iterator[tuple[Tensor, Tensor]]:
        order = torch.randperm(len(labels), generator=generator).to(labels.device)
        for chosen in torch.split(order, size)[: steps_per_epoch(len(labels), size)]:
            yield _laid_out(images[chosen]), labels[chosen]

    return one_pass


def _laid_out(inputs: Tensor) -> Tensor:
    """Return images in channels_last, other inputs as they are."""
    return inputs.contiguous(memory_format=torch.channels_last) if inputs.dim() == 4 else inputs


def _mixed(one_pass: Pass, data: Data, batches: Batches, *, generator: torch.Generator) -> Pass:
    if not data.objective.mixes:
        raise UsageError(
            f"mixup is {batches.mixup:g}, but the targets of {data.objective.loss_name} are not classes to mix",
            fix="use mixup 0",
        )
    if batches.size < 2:
        raise UsageError(
            f"batch_size is {batches.size}, wanted at least 2: MixUp requires pairs of images",
            fix="use larger batches, or mixup 0",
        )
    mix = mixer(
        alpha=batches.mixup,
        num_classes=data.num_classes,
        label_smoothing=batches.label_smoothing,
        seed=int(torch.randint(2**31, (), generator=generator)),
    )
    return lambda: (mix(images, labels) for images, labels in one_pass())
