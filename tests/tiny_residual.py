"""A network with every form of normalisation, sum and ReLU at once."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional


class Residual(nn.Module):
    """Every form at once: a norm on the images, norms after other layers, ReLUs that may and may not overwrite."""

    def __init__(self) -> None:
        nn.Module.__init__(self)
        self.first = nn.BatchNorm2d(2)
        self.one = nn.Conv2d(2, 6, 3, padding=1, bias=True)
        self.two = nn.BatchNorm2d(6, affine=False)
        self.three = nn.Conv2d(6, 6, 3, padding=1, bias=False)
        self.four = nn.BatchNorm2d(6)
        self.five = nn.Conv2d(6, 6, 1, stride=2)
        self.relu = nn.ReLU(inplace=True)
        self.nothing = nn.Sequential(nn.Identity(), nn.Dropout(0.5))
        self.last = nn.Linear(6, 5)
        self.norm = nn.BatchNorm1d(5)
        self.head = nn.Linear(5, 3)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        x = self.one(self.first(images) + images)
        y = self.relu(self.two(x))
        x = torch.relu(x) + self.nothing(self.three(y))
        x = self.five(functional.relu(self.four(x)) + x + x)
        return self.head(self.norm(self.last(self.relu(x).mean((2, 3)))))


def drawn(seed: int) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = Residual().eval()
        for name, parameter in model.named_parameters():
            if parameter.dim() == 1 and name.endswith("weight"):
                nn.init.uniform_(parameter, -1, 2)
    return model
