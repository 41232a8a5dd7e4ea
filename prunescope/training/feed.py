"""The batches of an epoch by index, on the device of the images: nothing is left for the host to do at a step."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import torch

from prunescope.data.memory import Augmentation, InMemorySplit, cropped, drawn
from prunescope.networks.capture import NotCapturable
from prunescope.training.batches import steps_per_epoch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from prunescope.api import Split
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

    @property
    def steps(self) -> int:
        """Return the batches of an epoch."""
        return steps_per_epoch(len(self.split), self.size)

    def images_at(self, step: int) -> int:
        """Return the number of images of a batch."""
        return min(self.size, len(self.split) - step * self.size)

    def draw(self) -> None:
        """Draw the random numbers of the next epoch and put them in their place; the one upload of an epoch."""
        count, augmentation = len(self.split), self.split.augmentation
        found = [drawn(count, augmentation, generator=generator) for generator in self.generators]
        self.order.copy_(torch.stack([draws.order for draws in found]))
        self.offsets.copy_(torch.stack([draws.offsets for draws in found], dim=1))
        self.flips.copy_(torch.stack([draws.flips for draws in found]))

    def batch(self, places: Tensor) -> tuple[Tensor, Tensor]:
        """Return the images and labels at some places of the epoch.

        places: int64 (batch,). Shapes: (batch, K · channels, height, width), float32 in channels_last, and (batch, K).
        """
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
        return images.flatten(3).permute(0, 3, 1, 2), self.split.labels[chosen].T


def feed(split: Split, batches: Batches, *, seeds: Sequence[int]) -> Feed:
    """Return the feed of some models, one for each seed.

    Raises:
        NotCapturable: the batches are made on the host.
    """
    if not isinstance(split, InMemorySplit):
        raise NotCapturable("its images are not in memory as a whole")
    if min(batches.size, len(split)) < 2:
        raise NotCapturable("its batches have one image")
    if batches.mixup:
        raise NotCapturable("MixUp draws on the host")
    count, n = len(seeds), len(split)
    kept = split if batches.augment else replace(split, augmentation=Augmentation())
    zeros = partial(torch.zeros, device=split.device)
    mean, std = split.levels()
    return Feed(
        split=kept,
        size=batches.size,
        generators=[torch.Generator().manual_seed(seed) for seed in seeds],
        order=zeros((count, n), dtype=torch.int64),
        offsets=zeros((2, count, n), dtype=torch.int64),
        flips=zeros((count, n), dtype=torch.bool),
        levels=(mean.flatten(), std.flatten()),
    )
