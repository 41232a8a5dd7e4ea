"""Large data sets: images decoded as they are needed, seen through timm's transforms."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

if TYPE_CHECKING:
    from PIL import Image

    from prunescope.data.decoding import Indexed, Mode, Sequential

Transform = Callable[["Image.Image"], Tensor]
CPU = torch.device("cpu")
BUFFER = 2048
"""Images that a data set read from first to last holds back to shuffle them."""


@dataclass(frozen=True, kw_only=True)
class Eyes:
    """How images are looked at: mode of the decoded image, and timm's transforms to normalised float32."""

    mode: Mode
    measuring: Transform
    training: Transform

    def measure(self, image: Image.Image) -> Tensor:
        """Return the image as measurements see it."""
        return self.measuring(image.convert(self.mode))

    def train(self, image: Image.Image, seed: int) -> Tensor:
        """Return the image as training sees it; the augmentation depends on `seed` alone."""
        with seeded_worker(seed):
            return self.training(image.convert(self.mode))


@contextmanager
def seeded_worker(seed: int) -> Iterator[None]:
    """Seed Python's and torch's generators, from which timm's transforms draw, and put them back afterwards."""
    python, generator = random.getstate(), torch.get_rng_state()
    try:
        random.seed(seed)
        torch.default_generator.manual_seed(seed)
        yield
    finally:
        random.setstate(python)
        torch.set_rng_state(generator)


@dataclass(frozen=True, kw_only=True)
class StreamSplit:
    """A split whose images are decoded at every pass, in any order; implements prunescope.api.Split.

    The images of an epoch depend on its generator alone, not on the number of workers: each carries its own seed.
    """

    source: Indexed
    indices: Tensor
    """int64 (n,): the images of the split."""
    eyes: Eyes
    workers: int = 0
    device: torch.device = CPU

    def __len__(self) -> int:
        return len(self.indices)

    def to(self, device: str | torch.device) -> StreamSplit:
        """Return the split with its batches on another device."""
        return replace(self, device=torch.device(device))

    def subset(self, indices: Tensor) -> StreamSplit:
        """Return the split of the images at `indices`, in that order."""
        return replace(self, indices=self.indices[indices])

    def batches(self, size: int, *, limit: int | None = None) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield (images, labels) in fixed order, never augmented; see prunescope.api.Split."""
        keys = [(index, -1) for index in self.indices.tolist()]
        return self._load(keys[: None if limit is None else limit * size], size)

    def epoch(self, size: int, *, generator: torch.Generator) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield one pass in random order, augmented; see prunescope.api.Split."""
        order = self.indices[torch.randperm(len(self), generator=generator)].tolist()
        seeds = torch.randint(2**31, (len(self),), generator=generator).tolist()
        keys = list(zip(order, seeds, strict=True))
        return self._load(keys[: len(keys) - (len(keys) % size == 1)], size)

    def _load(self, keys: list[tuple[int, int]], size: int) -> Iterator[tuple[Tensor, Tensor]]:
        groups = [keys[start : start + size] for start in range(0, len(keys), size)]
        loader: DataLoader[Any] = DataLoader(
            _Decoded(self.source, self.eyes),
            batch_sampler=groups,
            num_workers=self.workers,
            generator=torch.Generator().manual_seed(0),
        )
        for images, labels in loader:
            yield images.contiguous(memory_format=torch.channels_last).to(self.device), labels.to(self.device)


class _Decoded(Dataset[Any]):
    """Images by (index, seed); a negative seed asks for the image as measurements see it."""

    def __init__(self, source: Indexed, eyes: Eyes) -> None:
        self.source = source
        self.eyes = eyes

    def __getitem__(self, key: tuple[int, int]) -> tuple[Tensor, int]:
        index, seed = key
        image, label = self.source.read(index)
        return (self.eyes.measure(image) if seed < 0 else self.eyes.train(image, seed)), label


@dataclass(frozen=True, kw_only=True)
class SequentialSplit:
    """A split that can be read only from first to last, such as WebDataset shards; implements prunescope.api.Split.

    An epoch shuffles within a buffer of images, so its order is as random as the buffer is large.
    """

    source: Sequential
    eyes: Eyes
    buffer: int = BUFFER
    device: torch.device = CPU

    def __len__(self) -> int:
        return len(self.source)

    def to(self, device: str | torch.device) -> SequentialSplit:
        """Return the split with its batches on another device."""
        return replace(self, device=torch.device(device))

    def batches(self, size: int, *, limit: int | None = None) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield (images, labels) in fixed order, never augmented; see prunescope.api.Split."""
        pairs = ((self.eyes.measure(image), label) for image, label in self.source)
        for number, batch in enumerate(self._collate(pairs, size), start=1):
            yield batch
            if number == limit:
                return

    def epoch(self, size: int, *, generator: torch.Generator) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield one pass in random order, augmented; see prunescope.api.Split."""
        for images, labels in self._collate(self._shuffled(generator), size):
            if len(labels) > 1:
                yield images, labels

    def _shuffled(self, generator: torch.Generator) -> Iterator[tuple[Tensor, int]]:
        """Fill the buffer, then send a random image of it for each new one; at the end, the rest in random order."""
        held: list[tuple[Image.Image, int]] = []
        for image, label in self.source:
            if len(held) < self.buffer:
                held.append((image, label))
                continue
            place = _draw(self.buffer, generator)
            sent, held[place] = held[place], (image, label)
            yield self.eyes.train(sent[0], _draw(2**31, generator)), sent[1]
        for place in torch.randperm(len(held), generator=generator).tolist():
            yield self.eyes.train(held[place][0], _draw(2**31, generator)), held[place][1]

    def _collate(self, pairs: Iterator[tuple[Tensor, int]], size: int) -> Iterator[tuple[Tensor, Tensor]]:
        images: list[Tensor] = []
        labels: list[int] = []
        for image, label in pairs:
            images.append(image)
            labels.append(label)
            if len(images) == size:
                yield self._batch(images, labels)
                images, labels = [], []
        if images:
            yield self._batch(images, labels)

    def _batch(self, images: list[Tensor], labels: list[int]) -> tuple[Tensor, Tensor]:
        stacked = torch.stack(images).contiguous(memory_format=torch.channels_last)
        return stacked.to(self.device), torch.tensor(labels).to(self.device)


def _draw(high: int, generator: torch.Generator) -> int:
    return int(torch.randint(high, (1,), generator=generator))
