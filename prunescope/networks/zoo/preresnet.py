"""PreResNet: residual networks with normalisation and ReLU before each convolution (He et al. 2016, figure 4e).

Three stages of (depth − 2) / 6 basic blocks with 16, 32 and 64 channels × width; a 1×1 convolution on the raw input
where the shape changes. Names and shapes are those of the public code of Zhou et al. 2023 for depths 8 to 32, whose
checkpoints load; that code switches to bottleneck blocks at depth 44, this one keeps basic blocks.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from torch import nn
from torch.nn import functional as F  # noqa: N812 - the name everyone gives it

from prunescope.api.errors import UsageError
from prunescope.networks.zoo.layers import classifier, convolution, initialise, scaled
from prunescope.networks.zoo.register import register

if TYPE_CHECKING:
    from torch import Tensor


class Block(nn.Module):
    """x ↦ shortcut(x) + conv2(relu(bn2(conv1(relu(bn1(x))))))."""

    def __init__(self, inputs: int, outputs: int, *, stride: int) -> None:
        nn.Module.__init__(self)
        self.bn1 = nn.BatchNorm2d(inputs)
        self.conv1 = convolution(inputs, outputs, stride=stride)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.conv2 = convolution(outputs, outputs)
        self.downsample: nn.Module = nn.Identity()
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(convolution(inputs, outputs, kernel=1, stride=stride))

    def forward(self, x: Tensor) -> Tensor:
        """Images (batch, inputs, height, width) -> (batch, outputs, height / stride, width / stride)."""
        shortcut: Tensor = self.downsample(x)
        out: Tensor = self.conv1(F.relu(self.bn1(x)))
        out = self.conv2(F.relu(self.bn2(out)))
        return shortcut + out


class PreResNet(nn.Module):
    """PreResNet of `depth` 6n + 2 layers."""

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
        if depth < 8 or (depth - 2) % 6:
            raise UsageError(f"PreResNet of depth {depth}, wanted 6n + 2", fix="8, 14, 20, 26, 32, ...")
        blocks = (depth - 2) // 6
        channels = [scaled(base, width) for base in (16, 32, 64)]
        self.num_classes = num_classes
        self.num_features = self.head_hidden_size = channels[2]
        self.drop_rate = drop_rate
        self.conv1 = convolution(in_chans, channels[0])
        self.layer1 = _stage(channels[0], channels[0], blocks=blocks, stride=1)
        self.layer2 = _stage(channels[0], channels[1], blocks=blocks, stride=2)
        self.layer3 = _stage(channels[1], channels[2], blocks=blocks, stride=2)
        self.bn = nn.BatchNorm2d(channels[2])
        self.fc = classifier(channels[2], num_classes)
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
        x = self.layer3(self.layer2(self.layer1(self.conv1(x))))
        return F.relu(self.bn(x))

    def forward_head(self, x: Tensor, *, pre_logits: bool = False) -> Tensor:
        """Feature maps -> logits, or the pooled features."""
        x = F.dropout(F.adaptive_avg_pool2d(x, 1).flatten(1), self.drop_rate, self.training)
        logits: Tensor = x if pre_logits else self.fc(x)
        return logits

    def forward(self, x: Tensor) -> Tensor:
        """Images (batch, in_chans, height, width) -> logits (batch, num_classes)."""
        return self.forward_head(self.forward_features(x))


def _stage(inputs: int, outputs: int, *, blocks: int, stride: int) -> nn.Sequential:
    first = Block(inputs, outputs, stride=stride)
    return nn.Sequential(first, *(Block(outputs, outputs, stride=1) for _ in range(blocks - 1)))


for _depth in (8, 14, 20, 32, 56):
    register(f"preresnet{_depth}", partial(PreResNet, depth=_depth), family=__name__, first="conv1", last="fc")
