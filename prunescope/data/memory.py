"""A small data set as one uint8 tensor: normalised, shuffled and augmented in whole batches, without a loader."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from prunescope.api.errors import InputError
from prunescope.api.wording import count_text

if TYPE_CHECKING:
    from collections.abc import Iterator

BLOCK_PIXELS = 1 << 21
"""Augmentation works on blocks of batches up to so many pixels: few calls for tiny images, little memory for others."""


@dataclass(frozen=True)
class Augmentation:
    """What training does to an image: a crop of its own size out of a border of zeros, and a flip half of the time."""

    crop_padding: int = 0
    """Width of the border of zero (black) pixels, on every side."""
    flip: bool = False
    """Whether to mirror left and right, with probability one half."""


@dataclass(frozen=True)
class Draws:
    """The random numbers of one epoch."""

    order: Tensor
    """int64 (n,): which image comes when."""
    offsets: Tensor
    """int64 (2, n): row and column of the crop's corner in the padded image, 0 to 2 * crop_padding."""
    flips: Tensor
    """bool (n,): which images are mirrored."""


@dataclass(frozen=True, kw_only=True)
class InMemorySplit:
    """The images of one split in memory, on one device; implements prunescope.api.Split."""

    images: Tensor
    """uint8 (n, channels, height, width), channels_last."""
    labels: Tensor
    """int64 (n,)."""
    mean: tuple[float, ...]
    """Per channel, of pixels in [0, 1]."""
    std: tuple[float, ...]
    augmentation: Augmentation = Augmentation()

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def device(self) -> torch.device:
        """Where the images are."""
        return self.images.device

    def to(self, device: str | torch.device) -> InMemorySplit:
        """Return the split on another device."""
        return replace(self, images=self.images.to(device), labels=self.labels.to(device))

    def subset(self, indices: Tensor) -> InMemorySplit:
        """Return the split of the images at `indices`, in that order."""
        here = indices.to(self.device)
        images = self.images[here].contiguous(memory_format=torch.channels_last)
        return replace(self, images=images, labels=self.labels[here])

    def batches(self, size: int, *, limit: int | None = None) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield (images, labels) in fixed order, never augmented; see prunescope.api.Split."""
        end = len(self) if limit is None else min(len(self), limit * size)
        for start in range(0, end, size):
            stop = min(start + size, end)
            yield self.normalise(self.images[start:stop]), self.labels[start:stop]

    def epoch(self, size: int, *, generator: torch.Generator) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield one pass in random order, augmented; see prunescope.api.Split.

        All random numbers are drawn at the start, so the images do not depend on the batch size.
        """
        draws = self.draw(generator)
        pixels = self.images.shape[1] * self.images.shape[2] * self.images.shape[3]
        block = size * max(1, BLOCK_PIXELS // (pixels * size))
        for start in range(0, len(self), block):
            images = self.normalise(self.augment(draws, slice(start, start + block)))
            labels = self.labels[draws.order[start : start + block]]
            for first in range(0, len(labels), size):
                if len(labels) - first > 1:
                    yield images[first : first + size], labels[first : first + size]

    def normalise(self, images: Tensor) -> Tensor:
        """Return (images / 255 - mean) / std as float32 in channels_last."""
        mean, std = self.levels()
        return images.to(torch.float32, memory_format=torch.channels_last).sub_(mean).div_(std)

    def levels(self) -> tuple[Tensor, Tensor]:
        """Return mean and standard deviation in grey levels, (channels, 1, 1)."""
        mean, std = (torch.tensor(values, device=self.device).view(-1, 1, 1) * 255 for values in (self.mean, self.std))
        return mean, std

    def draw(self, generator: torch.Generator) -> Draws:
        """Return the random numbers of one epoch on the device of the images."""
        found = drawn(len(self), self.augmentation, generator=generator)
        return Draws(*(numbers.to(self.device) for numbers in (found.order, found.offsets, found.flips)))

    def augment(self, draws: Draws, which: slice) -> Tensor:
        """Return the images that come at `which` places of the epoch, cropped and flipped, as uint8."""
        chosen = self.images.permute(0, 2, 3, 1)[draws.order[which]]
        padding = self.augmentation.crop_padding
        if padding or self.augmentation.flip:
            chosen = cropped(chosen, draws.offsets[:, which], draws.flips[which], padding=padding)
        return chosen.permute(0, 3, 1, 2)


def drawn(count: int, augmentation: Augmentation, *, generator: torch.Generator) -> Draws:
    """Return the random numbers of one epoch of `count` images: order, then offsets, then flips, each only if used."""
    padding = augmentation.crop_padding
    order = torch.randperm(count, generator=generator)
    offsets = torch.zeros((2, count), dtype=torch.int64)
    if padding:
        offsets = torch.randint(2 * padding + 1, (2, count), generator=generator)
    flips = torch.zeros(count, dtype=torch.bool)
    if augmentation.flip:
        flips = torch.rand(count, generator=generator) < 0.5
    return Draws(order, offsets, flips)


def cropped(images: Tensor, offsets: Tensor, flips: Tensor, *, padding: int) -> Tensor:
    """Crop each image (n, height, width, channels) to its size at its own offset in the padded image; mirror some."""
    n, height, width, _ = images.shape
    padded = functional.pad(images, (0, 0, padding, padding, padding, padding))
    rows = offsets[0][:, None] + torch.arange(height, device=images.device)
    columns = torch.arange(width, device=images.device).expand(n, width)
    columns = offsets[1][:, None] + torch.where(flips[:, None], columns.flip(1), columns)
    image = torch.arange(n, device=images.device)[:, None, None]
    return padded[image, rows[:, :, None], columns[:, None, :]]


def in_memory(
    images: np.ndarray | Tensor,
    labels: np.ndarray | Tensor,
    *,
    normalisation: tuple[tuple[float, ...], tuple[float, ...]] | None = None,
    augmentation: Augmentation | None = None,
) -> InMemorySplit:
    """Return uint8 images (n, channels, height, width) and their labels as a split.

    normalisation: mean and std per channel of pixels in [0, 1]; when None, those of the images themselves.
    Raises InputError for anything else than uint8 images with one whole-number label each.
    """
    pixels, classes = _to_tensor(images, what="images"), _to_tensor(labels, what="labels")
    if pixels.dtype != torch.uint8 or pixels.ndim != 4 or not pixels.numel():
        raise InputError(
            f"the images are {pixels.dtype} of shape {tuple(pixels.shape)}, wanted uint8 (n, channels, height, width)",
            fix="convert them: pixels as whole numbers from 0 to 255, channels before height and width; other inputs "
            "(token ids, rows of numbers) go through prunescope.data.tensors.from_tensors(name, train, test)",
        )
    if classes.shape != pixels.shape[:1] or classes.is_floating_point() or classes.is_complex():
        raise InputError(
            f"the labels are {classes.dtype} of shape {tuple(classes.shape)}, wanted one whole number for each of the "
            f"{count_text(len(pixels), 'image')}",
            fix="give class numbers from 0",
        )
    mean, std = normalisation or channel_moments(pixels)
    return InMemorySplit(
        images=pixels.contiguous(memory_format=torch.channels_last),
        labels=classes.to(torch.int64),
        mean=mean,
        std=std,
        augmentation=augmentation or Augmentation(),
    )


def _to_tensor(given: np.ndarray | Tensor, *, what: str) -> Tensor:
    """Return an array as a tensor: of any order of bytes, and of rows in any direction, neither of which torch takes.

    Raises InputError for an array of a type that torch does not have.
    """
    if isinstance(given, np.ndarray):
        ordered = given.astype(given.dtype.newbyteorder("="), copy=False)
        given = ordered.copy() if any(stride < 0 for stride in ordered.strides) else ordered
    try:
        return torch.as_tensor(given)
    except (TypeError, ValueError) as error:
        raise InputError(f"the {what} are no array of numbers: {error}", fix="give arrays of whole numbers") from error


def channel_moments(images: Tensor) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return mean and standard deviation of uint8 images per channel, of pixels in [0, 1].

    They come from whole-number sums over the grey levels, so they are equal to the bit everywhere. A constant channel
    gets the standard deviation 1.
    """
    means, stds = [], []
    for channel in images.unbind(1):
        counts = torch.bincount(channel.flatten(), minlength=256).tolist()
        n = sum(counts)
        total = sum(level * count for level, count in enumerate(counts))
        squares = sum(level**2 * count for level, count in enumerate(counts))
        means.append(total / (255 * n))
        stds.append(math.sqrt(n * squares - total**2) / (255 * n) or 1.0)
    return tuple(means), tuple(stds)


def content_digest(*splits: InMemorySplit) -> str:
    """Return a digest of the shapes, pixels and labels of in-memory splits: 32 hexadecimal digits of SHA-256.

    Normalisation and augmentation do not enter: they are options of the data set, and options are in the recipe.
    """
    digest = hashlib.sha256()
    for split in splits:
        digest.update(repr(tuple(split.images.shape)).encode())
        digest.update(split.images.cpu().contiguous().numpy().tobytes())
        digest.update(split.labels.cpu().numpy().astype("<i8").tobytes())
    return digest.hexdigest()[:32]
