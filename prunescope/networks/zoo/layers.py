"""What the small networks share: channel counts under a width factor, and initialisation."""

from __future__ import annotations

from torch import nn


def scaled(channels: int, width: float) -> int:
    """Return the number of channels under a width factor, at least one.

    >>> scaled(16, 0.5), scaled(16, 0.01)
    (8, 1)
    """
    return max(1, round(channels * width))


def initialise(model: nn.Module) -> None:
    """Draw convolutions from N(0, 2 / fan_out) (He 2015, section 2.2); norms are 1 and 0, convolution biases 0."""
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.BatchNorm2d):
            nn.init.ones_(module.weight)
            nn.init.zeros_(module.bias)


def convolution(inputs: int, outputs: int, *, kernel: int = 3, stride: int = 1) -> nn.Conv2d:
    """Return a convolution without bias that keeps the image size, up to its stride."""
    return nn.Conv2d(inputs, outputs, kernel, stride=stride, padding=kernel // 2, bias=False)


def classifier(features: int, num_classes: int) -> nn.Module:
    """Return the last layer; no layer for zero classes, timm's way to ask for features."""
    return nn.Linear(features, num_classes) if num_classes > 0 else nn.Identity()
