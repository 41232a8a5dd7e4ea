"""Training, linear mode connectivity and CKA as they are commonly written: what the benchmarks compare with."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from PIL import Image
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

from prunescope.networks import models

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from torch import Tensor, nn

    from prunescope.api import Mask
    from prunescope.data.memory import InMemorySplit
    from prunescope.networks.models import ModelSpec


class Pictures(Dataset[tuple["Tensor", int]]):
    """The images of a split, one by one, through torchvision's transforms."""

    def __init__(self, split: InMemorySplit, *, augment: bool) -> None:
        self.images = [Image.fromarray(image.permute(1, 2, 0).numpy()) for image in split.images]
        self.labels = split.labels.tolist()
        crop = transforms.RandomCrop(self.images[0].size[0], padding=split.augmentation.crop_padding)
        last = [transforms.ToTensor(), transforms.Normalize(split.mean, split.std)]
        self.transform = transforms.Compose([crop, transforms.RandomHorizontalFlip(), *last] if augment else last)

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        """Return one image and its label."""
        return self.transform(self.images[index]), self.labels[index]


def loader(split: InMemorySplit, *, batch_size: int, training: bool) -> DataLoader[tuple[Tensor, int]]:
    """Return shuffled and augmented batches for training, or the images in order."""
    return DataLoader(Pictures(split, augment=training), batch_size=batch_size, shuffle=training)


def train(
    model: nn.Module,
    batches: Iterable[tuple[Tensor, Tensor]],
    *,
    mask: Mask,
    learning_rate: float,
    epochs: int,
    weight_decay: float = 1e-4,
    drops: Sequence[int] = (),
) -> float:
    """Train in place with the mask held; return the mean loss of the last epoch.

    drops: epochs after which the learning rate falls to a tenth.
    """
    optimizer = torch.optim.SGD(model.parameters(), lr=learning_rate, momentum=0.9, weight_decay=weight_decay)
    rates = torch.optim.lr_scheduler.MultiStepLR(optimizer, list(drops))
    weights = dict(model.named_parameters())
    for _ in range(epochs):
        model.train()
        total, seen, wrong = 0.0, 0, 0
        for images, labels in batches:
            optimizer.zero_grad()
            logits = model(images)
            loss = cross_entropy(logits, labels)
            torch.autograd.backward(loss)
            optimizer.step()
            for name, kept in mask.kept.items():
                weights[name].data.mul_(kept)
            total += loss.item() * len(labels)
            wrong += (logits.argmax(1) != labels).sum().item()
            seen += len(labels)
        rates.step()
    return total / seen


def path(
    spec: ModelSpec, first: nn.Module, second: nn.Module, sides: list[DataLoader[tuple[Tensor, int]]], *, points: int
) -> list[list[float]]:
    """Return the loss on every side at every point; BatchNorm is re-estimated on the first side at each."""
    one, two = first.state_dict(), second.state_dict()
    found = []
    for step in range(points):
        t = step / (points - 1)
        model = models.create(spec, seed=0)
        mixed = {name: (1 - t) * one[name] + t * two[name] for name in one if one[name].is_floating_point()}
        model.load_state_dict(one | mixed)
        _re_estimate(model, sides[0])
        found.append([_loss(model, side) for side in sides])
    return found


def cka(first: nn.Module, second: nn.Module, batches: Iterable[tuple[Tensor, Tensor]]) -> float:
    """Return CKA of the softmax outputs by centred n x n Gram matrices (Kornblith et al. 2019)."""
    grams = []
    for model in (first, second):
        model.eval()
        with torch.no_grad():
            outputs = np.concatenate([model(images).softmax(1).numpy() for images, _ in batches])
        gram = outputs @ outputs.T
        gram -= gram.mean(0)
        grams.append(gram - gram.mean(1, keepdims=True))
    one, two = grams
    return float((one * two).sum() / np.sqrt((one * one).sum() * (two * two).sum()))


def error(model: nn.Module, batches: Iterable[tuple[Tensor, Tensor]]) -> float:
    """Return the top-1 error as a fraction."""
    model.eval()
    seen, wrong = 0, 0
    with torch.no_grad():
        for images, labels in batches:
            wrong += (model(images).argmax(1) != labels).sum().item()
            seen += len(labels)
    return wrong / seen


def _re_estimate(model: nn.Module, batches: Iterable[tuple[Tensor, Tensor]]) -> None:
    layers = [layer for layer in model.modules() if isinstance(layer, torch.nn.BatchNorm2d)]
    model.train()
    seen = 0
    with torch.no_grad():
        for images, _ in batches:
            seen += len(images)
            for layer in layers:
                layer.momentum = len(images) / seen
            model(images)


def _loss(model: nn.Module, batches: Iterable[tuple[Tensor, Tensor]]) -> float:
    model.eval()
    total, seen, wrong = 0.0, 0, 0
    with torch.no_grad():
        for images, labels in batches:
            logits = model(images)
            total += cross_entropy(logits, labels, reduction="sum").item()
            wrong += (logits.argmax(1) != labels).sum().item()
            seen += len(labels)
    return total / seen
