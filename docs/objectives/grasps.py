"""Images of one bar each, two places where it was grasped, and a fully convolutional network that maps where to grasp.

PYTHONPATH=docs/objectives prunescope train sgd --model grasps:network --data grasps:bars
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import nn

from prunescope.data.objectives import SparseMap
from prunescope.data.tensors import from_tensors

if TYPE_CHECKING:
    from prunescope.api import Data

SIDE, LABELS = 16, 2


def bars(*, train: int = 1500, test: int = 750) -> Data:
    """Return noisy images of a bar with a smaller one across, and two labelled grasps near the middle of the bar."""
    generator = torch.Generator().manual_seed(0)
    return from_tensors("bars", _drawn(train, generator), _drawn(test, generator), objective=SparseMap(top=8))


def _drawn(count: int, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    rows, columns = torch.meshgrid(torch.arange(SIDE), torch.arange(SIDE), indexing="ij")
    centres = 4 + (SIDE - 9) * torch.rand(count, 2, 1, 1, generator=generator)
    angles = math.pi * torch.rand(count, 1, 1, generator=generator)
    y, x = rows - centres[:, 0], columns - centres[:, 1]
    along, across = x * angles.cos() + y * angles.sin(), y * angles.cos() - x * angles.sin()
    bar = ((along.abs() < 5) & (across.abs() < 1.2)).float()
    images = bar + 0.5 * torch.randn(count, SIDE, SIDE, generator=generator)
    good = torch.exp(-(along.square() / 4 + across.square())).flatten(1) + 1e-9
    return images[:, None], torch.multinomial(good, LABELS, generator=generator)


def network(*, num_classes: int, in_chans: int, width: int = 12) -> nn.Module:
    """Return images (batch, in_chans, height, width) -> maps (batch, num_classes, height, width)."""
    layers: list[nn.Module] = []
    for wide in (in_chans, width, width, width):
        layers += [nn.Conv2d(wide, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU()]
    return nn.Sequential(*layers, nn.Conv2d(width, num_classes, 1))
