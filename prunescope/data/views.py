"""The same data elsewhere or less of it: on another device, or only a few batches."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import torch

from prunescope.api.errors import UsageError
from prunescope.api.wording import count_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor

    from prunescope.api import Data, Split

LIMIT_BATCH_SIZE = 64
"""Images in one batch of `--limit-batches`."""


@runtime_checkable
class Movable(Protocol):
    """A split that can go to another device itself."""

    def to(self, device: str | torch.device) -> Split:
        """Return the split on another device."""


@runtime_checkable
class Divisible(Protocol):
    """A split that can pick images itself."""

    def subset(self, indices: Tensor) -> Split:
        """Return the split of the images at `indices`."""


@dataclass(frozen=True)
class OnDevice:
    """A split of any kind whose batches go to a device as they are read."""

    split: Split
    device: torch.device

    def __len__(self) -> int:
        return len(self.split)

    def batches(self, size: int, *, limit: int | None = None) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield the split's batches on the device."""
        for images, labels in self.split.batches(size, limit=limit):
            yield images.to(self.device), labels.to(self.device)

    def epoch(self, size: int, *, generator: torch.Generator) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield the split's epoch on the device."""
        for images, labels in self.split.epoch(size, generator=generator):
            yield images.to(self.device), labels.to(self.device)


@dataclass(frozen=True)
class FirstImages:
    """The first images of a split of any kind, in whatever order it gives them."""

    split: Split
    count: int

    def __len__(self) -> int:
        return min(self.count, len(self.split))

    def batches(self, size: int, *, limit: int | None = None) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield the split's batches up to the count."""
        most = -(-self.count // size)
        yield from self._cut(self.split.batches(size, limit=most if limit is None else min(limit, most)))

    def epoch(self, size: int, *, generator: torch.Generator) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield the split's epoch up to the count; other images in every epoch."""
        for images, labels in self._cut(self.split.epoch(size, generator=generator)):
            if len(labels) > 1:
                yield images, labels

    def _cut(self, batches: Iterator[tuple[Tensor, Tensor]]) -> Iterator[tuple[Tensor, Tensor]]:
        left = len(self)
        for images, labels in batches:
            yield images[:left], labels[:left]
            left -= len(labels)
            if left <= 0:
                return


def to_device(data: Data, device: str | torch.device) -> Data:
    """Return the data with both splits on a device; equal content, equal fingerprint."""
    return replace(data, train=_moved(data.train, torch.device(device)), test=_moved(data.test, torch.device(device)))


def limited(data: Data, *, batches: int, batch_size: int = LIMIT_BATCH_SIZE) -> Data:
    """Return the data with at most batches * batch_size images in each split, for training and measuring alike.

    They are spread evenly over the split, because folders are sorted by class. The fingerprint is another one when
    images were left out. Raises UsageError when `batches` is below 1.
    """
    if batches < 1:
        raise UsageError(f"a limit of {count_text(batches, 'batch')} leaves no batch to measure", fix="give 1 or more")
    count = batches * batch_size
    if count >= max(len(data.train), len(data.test)):
        return data
    digest = hashlib.sha256(f"{data.fingerprint} {count}".encode()).hexdigest()[:32]
    return replace(data, train=_fewer(data.train, count), test=_fewer(data.test, count), fingerprint=digest)


def _moved(split: Split, device: torch.device) -> Split:
    return split.to(device) if isinstance(split, Movable) else OnDevice(split, device)


def _fewer(split: Split, count: int) -> Split:
    if count >= len(split):
        return split
    if isinstance(split, Divisible):
        return split.subset(torch.arange(count) * len(split) // count)
    return FirstImages(split, count)
