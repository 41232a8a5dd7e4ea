"""VGG with BatchNorm for small images: the convolutions of Simonyan & Zisserman 2015 (table 1), one linear layer.

Names and shapes are those of the VGG-BN in the public code of Zhou et al. 2023. The last of the five poolings is left
out, as there; where an image has shrunk to one pixel, pooling leaves it as it is, so that 8×8 images work too.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from torch import nn
from torch.nn import functional as F  # noqa: N812 - the name everyone gives it

from prunescope.networks.zoo.layers import classifier, initialise, scaled
from prunescope.networks.zoo.register import register

if TYPE_CHECKING:
    from torch import Tensor

STAGES = {11: (1, 1, 2, 2, 2), 13: (2, 2, 2, 2, 2), 16: (2, 2, 3, 3, 3), 19: (2, 2, 4, 4, 4)}
"""Depth -> convolutions per stage."""

CHANNELS = (64, 128, 256, 512, 512)


class VggBn(nn.Module):
    """VGG-BN of `depth` layers, counted with the three linear layers of the original."""

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
        channels = [scaled(base, width) for base in CHANNELS]
        self.num_classes = num_classes
        self.num_features = self.head_hidden_size = channels[-1]
        self.drop_rate = drop_rate
        self.features = _features(in_chans, channels, convolutions=STAGES[depth])
        self.classifier = classifier(self.num_features, num_classes)
        initialise(self)

    def get_classifier(self) -> nn.Module:
        """Return the last layer."""
        return self.classifier

    def reset_classifier(self, num_classes: int) -> None:
        """Replace the last layer by a fresh one."""
        self.num_classes = num_classes
        self.classifier = classifier(self.num_features, num_classes)

    def forward_features(self, x: Tensor) -> Tensor:
        """Images -> feature maps after the last ReLU."""
        features: Tensor = self.features(x)
        return features

    def forward_head(self, x: Tensor, *, pre_logits: bool = False) -> Tensor:
        """Feature maps -> logits, or the pooled features."""
        x = F.dropout(F.adaptive_avg_pool2d(x, 1).flatten(1), self.drop_rate, self.training)
        logits: Tensor = x if pre_logits else self.classifier(x)
        return logits

    def forward(self, x: Tensor) -> Tensor:
        """Images (batch, in_chans, height, width) -> logits (batch, num_classes)."""
        return self.forward_head(self.forward_features(x))


def _features(inputs: int, channels: list[int], *, convolutions: tuple[int, ...]) -> nn.Sequential:
    layers: list[nn.Module] = []
    for stage, (outputs, count) in enumerate(zip(channels, convolutions, strict=True)):
        if stage:
            layers.append(nn.MaxPool2d(2, ceil_mode=True))
        for _ in range(count):
            layers += [nn.Conv2d(inputs, outputs, 3, padding=1), nn.BatchNorm2d(outputs), nn.ReLU()]
            inputs = outputs
    return nn.Sequential(*layers)


for _depth in STAGES:
    register(
        f"vgg{_depth}_bn_cifar", partial(VggBn, depth=_depth), family=__name__, first="features.0", last="classifier"
    )
