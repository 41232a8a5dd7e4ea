"""The batches of an epoch by index, on the device of the images: nothing is left for the host to do at a step."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from prunescope.data.memory import Augmentation, InMemorySplit, cropped, drawn
from prunescope.networks.capture import NotCapturable
from prunescope.training.batches import steps_per_epoch
from prunescope.training.mixup import Mixing

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from torch import Tensor

    from prunescope.api import Data
    from prunescope.training.batches import Batches


@dataclass(frozen=True, kw_only=True)
class Feed:
    """What `Split.epoch` gives each of K models, side by side; every tensor keeps its place.

    The random numbers of an epoch come from the same calls of each model's generator as there (`draw`), so that every
    image is the same to the bit.
    """

    split: InMemorySplit
    size: int
    """Images of a batch; the last one may be shorter."""
    generators: Sequence[torch.Generator]
    """One for each model."""
    order: Tensor
    """int64 (K, n); see data.memory.Draws."""
    offsets: Tensor
    """int64 (2, K, n)."""
    flips: Tensor
    """bool (K, n)."""
    levels: tuple[Tensor, Tensor]
    """Mean and standard deviation of the channels, (channels,), in grey levels."""
    mixing: Mixing | None = None

    @property
    def steps(self) -> int:
        """Return the batches of an epoch."""
        return steps_per_epoch(len(self.split), self.size)

    def images_at(self, step: int) -> int:
        """Return the number of images of a batch; MixUp leaves the last one of an odd number out."""
        images = min(self.size, len(self.split) - step * self.size)
        return images if self.mixing is None else images // 2 * 2

    def draw(self) -> list[Tensor]:
        """Draw the random numbers of the next epoch, on the host."""
        count, augmentation = len(self.split), self.split.augmentation
        found = [drawn(count, augmentation, generator=generator) for generator in self.generators]
        numbers = [
            torch.stack([draws.order for draws in found]),
            torch.stack([draws.offsets for draws in found], dim=1),
        ]
        numbers.append(torch.stack([draws.flips for draws in found]))
        return numbers if self.mixing is None else [*numbers, self.mixing.draw()]

    def state(self) -> dict[str, Any]:
        """Return the state of everything random, before `draw`."""
        return {
            "generators": [generator.get_state() for generator in self.generators],
            "mixing": None if self.mixing is None else self.mixing.state(),
        }

    def restore(self, saved: Mapping[str, Any]) -> None:
        """Go on drawing where `state` was asked."""
        for generator, state in zip(self.generators, saved["generators"], strict=True):
            generator.set_state(state)
        if self.mixing is not None:
            self.mixing.restore(saved["mixing"])

    def put(self, numbers: list[Tensor]) -> None:
        """Put the random numbers of an epoch in their place; the one upload of an epoch."""
        places = [self.order, self.offsets, self.flips, *([] if self.mixing is None else [self.mixing.weights])]
        for place, values in zip(places, numbers, strict=True):
            place.copy_(values)

    def batch(self, position: Tensor, within: Tensor) -> tuple[Tensor, Tensor]:
        """Return the images and targets of a batch of the epoch.

        position: int64 (1,), which batch; within: 0, 1, ..., as many as it has images. Shapes: (batch, K · channels,
        height, width), float32 in channels_last, and (batch, K), or (batch, K, classes) where they are mixed.
        """
        places = position * self.size + within
        chosen = self.order.index_select(1, places)
        pixels = self.split.images.permute(0, 2, 3, 1)[chosen.flatten()]
        augmentation = self.split.augmentation
        if augmentation.crop_padding or augmentation.flip:
            offsets = self.offsets.index_select(2, places).flatten(1)
            flips = self.flips.index_select(1, places).flatten()
            pixels = cropped(pixels, offsets, flips, padding=augmentation.crop_padding)
        models = torch.unflatten(pixels, 0, chosen.shape).permute(1, 2, 3, 0, 4)
        mean, std = self.levels
        images = models.to(torch.float32, memory_format=torch.contiguous_format).sub_(mean).div_(std)
        targets = self.split.labels[chosen].T
        if self.mixing is not None:
            images, targets = self.mixing.mix(images, targets, position)
        return images.flatten(3).permute(0, 3, 1, 2), targets


def feed(data: Data, batches: Batches, *, seeds: Sequence[int]) -> Feed:
    """Return the feed of some models, one for each seed.

    Raises:
        NotCapturable: the batches are made on the host.
    """
    split = data.train
    if not isinstance(split, InMemorySplit):
        raise NotCapturable("its data are not images in memory")
    if min(batches.size, len(split)) < 2:
        raise NotCapturable("its batches have one image")
    generators = [torch.Generator().manual_seed(seed) for seed in seeds]
    count, n = len(seeds), len(split)
    zeros = partial(torch.zeros, device=split.device)
    mean, std = split.levels()
    return Feed(
        split=split if batches.augment else replace(split, augmentation=Augmentation()),
        size=batches.size,
        generators=generators,
        order=zeros((count, n), dtype=torch.int64),
        offsets=zeros((2, count, n), dtype=torch.int64),
        flips=zeros((count, n), dtype=torch.bool),
        levels=(mean.flatten(), std.flatten()),
        mixing=_mixing(data, batches, generators, device=split.device) if batches.mixup else None,
    )


def _mixing(data: Data, batches: Batches, generators: Sequence[torch.Generator], *, device: torch.device) -> Mixing:
    """Return the mixing of some models, seeded by their generators as their mixers are."""
    if not data.objective.mixes:
        raise NotCapturable("its targets are not classes")
    seeds = [int(torch.randint(2**31, (), generator=generator)) for generator in generators]
    steps = steps_per_epoch(len(data.train), batches.size)
    return Mixing(
        draws=[np.random.RandomState(seed % 2**32) for seed in seeds],
        alpha=batches.mixup,
        classes=data.num_classes,
        smoothing=batches.label_smoothing,
        weights=torch.zeros((2, steps, len(seeds)), device=device),
    )
