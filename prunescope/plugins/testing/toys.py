"""A model, data and replicas small enough for unit tests, and the same on every machine."""

from __future__ import annotations

import hashlib
from copy import deepcopy
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import nn

from prunescope.api import Data, Replica
from prunescope.networks import masks
from prunescope.networks.models import prunable

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from torch import Tensor

    from prunescope.api import Mask

TOY_CLASSES = 4
SIZE = 8
"""Height and width of the images, in pixels."""


@dataclass(frozen=True)
class ToySplit:
    """Images and labels in memory; what `batches` yields are views of them."""

    images: Tensor
    labels: Tensor

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.labels)

    def batches(self, size: int, *, limit: int | None = None) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield them in order."""
        yield from list(zip(torch.split(self.images, size), torch.split(self.labels, size), strict=True))[:limit]

    def epoch(self, size: int, *, generator: torch.Generator) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield them shuffled, half of them mirrored."""
        mirrored = torch.rand(len(self), generator=generator) < 1 / 2
        images = torch.where(mirrored[:, None, None, None], self.images.flip(-1), self.images)
        for chosen in torch.split(torch.randperm(len(self), generator=generator), size):
            if len(chosen) > 1:
                yield images[chosen].contiguous(memory_format=torch.channels_last), self.labels[chosen]


def toy_data(*, train: int = 129, test: int = 65, missing: Collection[int] = (), seed: int = 0) -> Data:
    """Return images of four classes in RGB, 8×8 pixels: a symmetric random pattern for each class, plus white noise.

    A small network learns them within a few epochs. With the default sizes every batch size that is a power of two
    leaves a last batch of one image. `missing` are classes without any image.

    >>> data = toy_data()
    >>> [len(images) for images, labels in data.train.batches(64)]
    [64, 64, 1]
    """
    generator = torch.Generator().manual_seed(seed)
    half = torch.randn(TOY_CLASSES, 3, SIZE, SIZE // 2, generator=generator)
    patterns = torch.cat([half, half.flip(-1)], dim=-1)
    present = torch.tensor([label for label in range(TOY_CLASSES) if label not in missing])
    splits = [_split(patterns, present, images=images, generator=generator) for images in (train, test)]
    digest = hashlib.sha256(
        b"".join(split.images.numpy().tobytes() + split.labels.numpy().tobytes() for split in splits)
    )
    return Data(
        name="toy",
        train=splits[0],
        test=splits[1],
        num_classes=TOY_CLASSES,
        in_chans=3,
        image_size=(SIZE, SIZE),
        fingerprint=digest.hexdigest(),
    )


def toy_model(*, seed: int = 0, num_classes: int = TOY_CLASSES, in_chans: int = 3) -> nn.Sequential:
    """Return a network of two convolutions with BatchNorm and a linear layer, for images of any size.

    It is in eval mode and channels_last, as the core hands models out. Torch's global generator is left as it was.

    >>> [(name, weight.numel()) for name, weight in prunable(toy_model()).items()]
    [('0.weight', 216), ('3.weight', 1152)]
    """
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        model = nn.Sequential(
            nn.Conv2d(in_chans, 8, 3, padding=1, bias=False),
            nn.BatchNorm2d(8),
            nn.ReLU(),
            nn.Conv2d(8, 16, 3, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(16),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(16, num_classes),
        )
    model.to(memory_format=torch.channels_last)
    return model.eval()


def toy_mask(model: nn.Module, density: float) -> Mask:
    """Keep the largest convolution weights of each layer."""
    return masks.keep_largest(
        {name: weight.detach().abs() for name, weight in prunable(model).items()}, density, scope="layer"
    )


def toy_replicas(n: int = 2, *, density: float = 1.0, data: Data | None = None) -> tuple[Replica, ...]:
    """Return n replicas: one toy model trained briefly, pruned to `density`, then trained again with n seeds.

    At density 1 nothing is pruned and the replicas have no mask. data: what they are made for; `toy_data()` when None.
    """
    data = data or toy_data()
    dense = toy_model(num_classes=data.num_classes, in_chans=data.in_chans)
    _train(dense, data, mask=None, seed=0)
    mask = toy_mask(dense, density) if density < 1 else None
    replicas = tuple(Replica(model=deepcopy(dense), mask=deepcopy(mask), run=f"toy-{k}") for k in range(n))
    for seed, replica in enumerate(replicas, start=1):
        _train(replica.model, data, mask=replica.mask, seed=seed)
    return replicas


def _split(patterns: Tensor, present: Tensor, *, images: int, generator: torch.Generator) -> ToySplit:
    labels = present[torch.randint(len(present), (images,), generator=generator)]
    noise = torch.randn(images, *patterns.shape[1:], generator=generator)
    pixels = (patterns[labels] + 1.5 * noise) / 3.25**0.5
    return ToySplit(images=pixels.contiguous(memory_format=torch.channels_last), labels=labels)


def _train(model: nn.Module, data: Data, *, mask: Mask | None, seed: int, epochs: int = 2) -> None:
    generator = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    hold = masks.holder(model, mask)
    hold()
    model.train()
    for _ in range(epochs):
        for images, labels in data.train.epoch(16, generator=generator):
            optimizer.zero_grad()
            torch.autograd.backward(data.objective.mean_loss(model(images), labels))
            optimizer.step()
            hold()
    optimizer.zero_grad()
    model.eval()
