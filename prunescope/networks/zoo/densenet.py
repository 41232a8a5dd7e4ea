"""DenseNet for small images (Huang et al. 2017, section 3: three dense blocks, no bottleneck, no compression).

Each layer adds `growth` channels, 12 × width, to those it was given. Names and shapes are those of the DenseNet in
the public code of Zhou et al. 2023.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812 - the name everyone gives it

from prunescope.api.errors import UsageError
from prunescope.networks.zoo.layers import classifier, convolution, initialise, scaled
from prunescope.networks.zoo.register import register

if TYPE_CHECKING:
    from torch import Tensor


class Layer(nn.Module):
    """x ↦ [x, conv1(relu(bn1(x)))], side by side in the channels."""

    def __init__(self, inputs: int, growth: int) -> None:
        nn.Module.__init__(self)
        self.bn1 = nn.BatchNorm2d(inputs)
        self.conv1 = convolution(inputs, growth)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, inputs, height, width) -> (batch, inputs + growth, height, width)."""
        return torch.cat((x, self.conv1(F.relu(self.bn1(x)))), 1)


class Transition(nn.Module):
    """x ↦ average pooling of conv1(relu(bn1(x))), a 1×1 convolution."""

    def __init__(self, channels: int) -> None:
        nn.Module.__init__(self)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv1 = convolution(channels, channels, kernel=1)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, height, width) -> (batch, channels, height / 2, width / 2)."""
        return F.avg_pool2d(self.conv1(F.relu(self.bn1(x))), 2)


class DenseNet(nn.Module):
    """DenseNet of `depth` 3n + 4 layers."""

    def __init__(
        self,
        *,
        depth: int,
        num_classes: int = 10,
        in_chans: int = 3,
        width: float = 1.0,
        drop_rate: float = 0.0,
    ) -> None:
        nn.Module.__init__(self)
        if depth < 7 or (depth - 4) % 3:
            raise UsageError(f"DenseNet of depth {depth}, wanted 3n + 4", fix="7, 10, 13, ..., 40")
        layers, growth = (depth - 4) // 3, scaled(12, width)
        channels = [growth * (2 + layers * block) for block in range(4)]
        self.num_classes = num_classes
        self.num_features = self.head_hidden_size = channels[3]
        self.drop_rate = drop_rate
        self.conv1 = convolution(in_chans, channels[0])
        self.dense1 = _dense_block(channels[0], growth, layers=layers)
        self.trans1 = Transition(channels[1])
        self.dense2 = _dense_block(channels[1], growth, layers=layers)
        self.trans2 = Transition(channels[2])
        self.dense3 = _dense_block(channels[2], growth, layers=layers)
        self.bn = nn.BatchNorm2d(channels[3])
        self.fc = classifier(channels[3], num_classes)
        initialise(self)

    def get_classifier(self) -> nn.Module:
        """Return the last layer."""
        return self.fc

    def reset_classifier(self, num_classes: int) -> None:
        """Replace the last layer by a fresh one."""
        self.num_classes = num_classes
        self.fc = classifier(self.num_features, num_classes)

    def forward_features(self, x: Tensor) -> Tensor:
        """Images -> feature maps after the last normalisation and ReLU."""
        x = self.trans1(self.dense1(self.conv1(x)))
        x = self.trans2(self.dense2(x))
        return F.relu(self.bn(self.dense3(x)))

    def forward_head(self, x: Tensor, *, pre_logits: bool = False) -> Tensor:
        """Feature maps -> logits, or the pooled features."""
        x = F.dropout(F.adaptive_avg_pool2d(x, 1).flatten(1), self.drop_rate, self.training)
        logits: Tensor = x if pre_logits else self.fc(x)
        return logits

    def forward(self, x: Tensor) -> Tensor:
        """Images (batch, in_chans, height, width) -> logits (batch, num_classes)."""
        return self.forward_head(self.forward_features(x))


def _dense_block(inputs: int, growth: int, *, layers: int) -> nn.Sequential:
    return nn.Sequential(*(Layer(inputs + growth * index, growth) for index in range(layers)))


for _depth in (22, 40):
    register(f"densenet{_depth}_cifar", partial(DenseNet, depth=_depth), family=__name__, first="conv1", last="fc")
