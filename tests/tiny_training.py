"""A split of random images in memory, and networks of a few weights, for the tests of training."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from prunescope.api import Data


@dataclass(frozen=True)
class Memory:
    """Images and labels as they are; the "augmentation" adds noise drawn from the generator."""

    images: torch.Tensor
    labels: torch.Tensor
    noise: float = 0.0

    def __len__(self) -> int:
        return len(self.labels)

    def batches(self, size, *, limit=None):
        for start in list(range(0, len(self), size))[:limit]:
            yield self.images[start : start + size], self.labels[start : start + size]

    def epoch(self, size, *, generator):
        order = torch.randperm(len(self), generator=generator)
        for chosen in order.split(size):
            if len(chosen) > 1 or size == 1:
                images = self.images[chosen]
                yield images + self.noise * torch.randn(images.shape, generator=generator), self.labels[chosen]


def tiny_data(count: int = 22, *, classes: int = 3, noise: float = 0.1) -> Data:
    draw = torch.Generator().manual_seed(5)
    images = torch.randn(count, 2, 4, 4, generator=draw).contiguous(memory_format=torch.channels_last)
    labels = torch.randint(classes, (count,), generator=draw)
    split = Memory(images, labels, noise)
    return Data(
        name="tiny",
        train=split,
        test=split,
        num_classes=classes,
        in_chans=2,
        image_size=(4, 4),
        fingerprint="tiny",
    )


def tiny_net(seed: int = 0) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return nn.Sequential(
            nn.Conv2d(2, 6, 3, padding=1, bias=False),
            nn.BatchNorm2d(6),
            nn.ReLU(),
            nn.Conv2d(6, 4, 3, bias=False),
            nn.BatchNorm2d(4),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(16, 3),
        )


def state_of(model: nn.Module) -> dict[str, torch.Tensor]:
    return {name: value.detach().clone() for name, value in model.state_dict().items()}


def equal_states(one, other) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)
