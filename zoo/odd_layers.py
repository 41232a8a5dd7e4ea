"""Layers and bodies of the odd networks."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

SIDE = 12
"""Of an image, in pixels."""


def make_net(num_classes: int, in_chans: int, *layers: nn.Module, width: int = 8) -> nn.Sequential:
    """Return a stem, these layers, and a head on their mean over places."""
    stem = (nn.Conv2d(in_chans, width, 3, padding=1), nn.ReLU())
    return nn.Sequential(*stem, *layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, num_classes))


def make_conv(width: int = 8, **options: Any) -> nn.Conv2d:  # noqa: ANN401 - handed on
    """Return a convolution that keeps the width."""
    return nn.Conv2d(width, width, 3, padding=options.pop("padding", 1), **options)


def make_stem(in_chans: int) -> nn.Conv2d:
    """Return the first convolution of eight channels."""
    return nn.Conv2d(in_chans, 8, 3, padding=1)


class Wrapped(nn.Module):
    """A body, and something done with its input or its output."""

    def __init__(self, body: nn.Module) -> None:
        super().__init__()
        self.body = body

    def forward(self, x: Tensor) -> Any:  # noqa: ANN401 - what a person's network returns
        return self.body(x)


class TutorialNetwork(nn.Module):
    """The first network of many tutorials, flattened by view(-1, n)."""

    def __init__(self, num_classes: int, in_chans: int) -> None:
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(in_chans, 6, 3), nn.Conv2d(6, 16, 3)
        self.fc1, self.fc2 = nn.Linear(144, 32), nn.Linear(32, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        x = functional.max_pool2d(functional.relu(self.conv1(x)), 2)
        x = functional.relu(self.conv2(x))
        return self.fc2(functional.relu(self.fc1(x.view(-1, 144))))


class Standardised(nn.Conv2d):
    """A convolution whose filters have mean 0 when they are used."""

    def forward(self, x: Tensor) -> Tensor:
        weight = self.weight - self.weight.mean((1, 2, 3), keepdim=True)
        return functional.conv2d(x, weight, self.bias, padding=self.padding)


class Attention(nn.Module):
    """One block of nn.MultiheadAttention on patches."""

    def __init__(self, num_classes: int, in_chans: int) -> None:
        super().__init__()
        self.patch, self.norm = nn.Conv2d(in_chans, 16, 3, 3), nn.LayerNorm(16)
        self.attn, self.head = nn.MultiheadAttention(16, 2, batch_first=True), nn.Linear(16, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.patch(x).flatten(2).transpose(1, 2)
        y = self.norm(x)
        return self.head((x + self.attn(y, y, y, need_weights=False)[0]).mean(1))


class Tuple(Wrapped):
    """Logits first, then something else."""

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return self.body(x), x.mean((1, 2, 3))


class Dictionary(Wrapped):
    """Logits under a name, as Hugging Face's networks return them."""

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        return {"logits": self.body(x)}


class Auxiliary(nn.Module):
    """A second head in training, as GoogLeNet has."""

    def __init__(self, num_classes: int, in_chans: int) -> None:
        super().__init__()
        self.body, self.side = make_net(num_classes, in_chans, make_conv()), nn.Linear(in_chans, num_classes)

    def forward(self, x: Tensor) -> Any:  # noqa: ANN401 - one tensor, or two
        return (self.body(x), self.side(x.mean((2, 3)))) if self.training else self.body(x)


class LastAxis(nn.Module):
    """A linear layer over the width of a map."""

    def __init__(self, num_classes: int, in_chans: int) -> None:
        super().__init__()
        self.stem, self.rows, self.head = make_stem(in_chans), nn.Linear(SIDE, SIDE), nn.Linear(8, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(functional.gelu(self.rows(self.stem(x))).mean((2, 3)))


class Gate(nn.Module):
    """A gate of one channel."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = nn.Conv2d(8, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        return x * self.gate(x).sigmoid()


class Recurrent(nn.Module):
    """A recurrent layer over the rows of an image."""

    def __init__(self, num_classes: int, in_chans: int, kind: type[nn.RNNBase]) -> None:
        super().__init__()
        self.recurrent, self.head = kind(in_chans * SIDE, 16, batch_first=True), nn.Linear(16, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.recurrent(x.transpose(1, 2).flatten(2))[0][:, -1])


class Tokens(nn.Module):
    """An encoder of token ids whose output layer is its embedding."""

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(16, 16)
        self.layer = nn.TransformerEncoderLayer(16, 2, 32, dropout=0.1, batch_first=True)
        self.head = nn.Linear(16, num_classes)

    def forward(self, ids: Tensor) -> Tensor:
        return self.head(self.layer(self.embedding(ids)).mean(1))


class Depth(nn.Module):
    """Convolutions of one and of three dimensions on one image."""

    def __init__(self, num_classes: int, in_chans: int) -> None:
        super().__init__()
        self.rows, self.volume = nn.Conv1d(in_chans, 8, 3, padding=1), nn.Conv3d(1, 4, 3, padding=1)
        self.head = nn.Linear(12, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(torch.cat([self.rows(x.flatten(2)).mean(2), self.volume(x[:, None]).mean((2, 3, 4))], 1))


class SharedNorm(nn.Module):
    """A residual block that uses one BatchNorm twice."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.norm = make_conv(), make_conv(), nn.BatchNorm2d(8)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.norm(self.second(self.norm(self.first(x)).relu()))


class RootMeanSquare(nn.Module):
    """A norm over channels that torch does not have for maps."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(8, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        return self.scale * x * (x.square().mean(1, keepdim=True) + 1e-6).rsqrt()


class FunctionalDropout(nn.Module):
    """Dropout called as a function, in training alone."""

    def forward(self, x: Tensor) -> Tensor:
        return functional.dropout(x, 0.3, self.training)


class OwnWeights(nn.Module):
    """A convolution whose weight is a parameter of the network itself."""

    def __init__(self, num_classes: int, in_chans: int) -> None:
        super().__init__()
        self.kernel = nn.Parameter(torch.randn(8, in_chans, 3, 3) * 0.2)
        self.conv, self.head = make_conv(), nn.Linear(8, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.conv(functional.conv2d(x, self.kernel).relu()).mean((2, 3)))


class Bilinear(nn.Module):
    """Bilinear pooling of two maps."""

    def __init__(self, num_classes: int, in_chans: int) -> None:
        super().__init__()
        self.left, self.right, self.head = make_stem(in_chans), make_stem(in_chans), nn.Bilinear(8, 8, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.left(x).mean((2, 3)), self.right(x).amax((2, 3)))


class Experts(nn.Module):
    """Two experts, one of which each image takes: the way depends on the data."""

    def __init__(self, num_classes: int, in_chans: int) -> None:
        super().__init__()
        self.stem, self.router = make_stem(in_chans), nn.Linear(8, 2)
        self.experts = nn.ModuleList(nn.Linear(8, num_classes) for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        features = self.stem(x).relu().mean((2, 3))
        shares = self.router(features).softmax(1)
        chosen = shares.argmax(1)
        outputs = torch.stack([expert(features) for expert in self.experts], 1)
        return outputs[torch.arange(len(x)), chosen] * shares.gather(1, chosen[:, None])


class Spectrum(Wrapped):
    """A network on the spectrum of the image."""

    def forward(self, x: Tensor) -> Tensor:
        return self.body(torch.fft.rfft2(x).abs().log1p())


class Buffers(Wrapped):
    """Fixed numbers that are not saved."""

    def __init__(self, body: nn.Module) -> None:
        super().__init__(body)
        self.register_buffer("window", torch.hann_window(SIDE), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.body(x * self.window)


class Recomputed(Wrapped):
    """Activations that are computed again in the backward pass."""

    def forward(self, x: Tensor) -> Any:  # noqa: ANN401 - checkpoint has no types
        return checkpoint(self.body, x, use_reentrant=False)


class Unused(Wrapped):
    """A layer that is never called."""

    def __init__(self, body: nn.Module) -> None:
        super().__init__(body)
        self.forgotten = nn.Conv2d(4, 4, 3)


class Widened(nn.Module):
    """Outputs without a layer: a scale for each class."""

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(num_classes))

    def forward(self, x: Tensor) -> Tensor:
        return x.mean(1, keepdim=True) * self.scale
