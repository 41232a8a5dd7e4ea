"""What each training step sees: shuffled batches, augmented or not, mixed or not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice, starmap
from typing import TYPE_CHECKING, Any

import torch

from prunescope.api.errors import UsageError
from prunescope.training.mixup import list_state, mixer, numpy_state

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

    from prunescope.api import Data, Split
    from prunescope.training.mixup import Mixer

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


@dataclass(frozen=True, kw_only=True)
class Passes:
    """Passes over the training split, one after the other."""

    one_pass: Pass
    generator: torch.Generator
    mixer: Mixer | None

    def __call__(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Start the next pass."""
        found = self.one_pass()
        return found if self.mixer is None else starmap(self.mixer, found)

    def state(self) -> dict[str, Any]:
        """Return the state of everything random, before a pass or after one."""
        return {
            "generator": self.generator.get_state(),
            "mixer": None if self.mixer is None else list_state(self.mixer.random),
        }

    def restore(self, saved: Mapping[str, Any]) -> None:
        """Go on with the passes where `state` was asked."""
        self.generator.set_state(saved["generator"])
        if self.mixer is not None:
            self.mixer.random = numpy_state(saved["mixer"])


def passes_over(data: Data, batches: Batches, *, generator: torch.Generator) -> Passes:
    """Return what starts each pass over the training split.

    Everything random comes from `generator`. Without augmentation the split is kept in memory as float32.
    """
    if batches.augment:
        one_pass: Pass = lambda: data.train.epoch(batches.size, generator=generator)  # noqa: E731
    else:
        one_pass = _unaugmented(data.train, batches.size, generator=generator)
    mix = _mixer(data, batches, generator=generator) if batches.mixup else None
    return Passes(one_pass=one_pass, generator=generator, mixer=mix)


def within(
    one_pass: Pass, span: range, *, steps_per_epoch: int
) -> Iterator[tuple[int, Iterator[tuple[Tensor, Tensor]]]]:
    """Yield the epochs that some optimiser steps lie in: the number of each, from 1, and its batches of these steps.

    What lies before the first step is drawn and dropped: every step sees the batch it would see in the whole run.

    >>> one_pass = lambda: iter("abc")
    >>> [(number, list(batches)) for number, batches in within(one_pass, range(4, 7), steps_per_epoch=3)]
    [(2, ['b', 'c']), (3, ['a'])]
    """
    for number in range(1, -(-span.stop // steps_per_epoch) + 1):
        batches = epoch_within(one_pass, span, number=number, steps_per_epoch=steps_per_epoch)
        if batches is not None:
            yield number, batches


def epoch_within(
    one_pass: Pass, span: range, *, number: int, steps_per_epoch: int
) -> Iterator[tuple[Tensor, Tensor]] | None:
    """Return the batches of one epoch that some optimiser steps lie in; None where it lies before: it is dropped."""
    before = (number - 1) * steps_per_epoch
    batches, skipped = one_pass(), max(0, span.start - before)
    if skipped < steps_per_epoch:
        whole = span.stop >= number * steps_per_epoch
        return islice(batches, skipped, None if whole else span.stop - before)
    for _ in batches:
        pass
    return None


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


def _mixer(data: Data, batches: Batches, *, generator: torch.Generator) -> Mixer:
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
    return mixer(
        alpha=batches.mixup,
        num_classes=data.num_classes,
        label_smoothing=batches.label_smoothing,
        seed=int(torch.randint(2**31, (), generator=generator)),
    )
