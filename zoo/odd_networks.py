"""Networks as people write them, each with one property that has been misread somewhere.

`odd_networks:NAME` builds one, from the number of classes and of channels, for images of 12 x 12 pixels (or, where its
name says so, for rows of numbers or tokens).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils import parametrizations
from torch.utils.checkpoint import checkpoint

SIDE = 12

ROW = 9
"""Numbers, or tokens, of a row."""


def _net(num_classes: int, in_chans: int, *layers: nn.Module, width: int = 8) -> nn.Sequential:
    stem = (nn.Conv2d(in_chans, width, 3, padding=1), nn.ReLU())
    return nn.Sequential(*stem, *layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, num_classes))


def _conv(width: int = 8, **options: Any) -> nn.Conv2d:  # noqa: ANN401 - handed on
    return nn.Conv2d(width, width, 3, padding=options.pop("padding", 1), **options)


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


def tutorial_view(num_classes: int, in_chans: int) -> nn.Module:
    return TutorialNetwork(num_classes, in_chans)


def tied_convolution(num_classes: int, in_chans: int) -> nn.Module:
    shared = _conv()
    return _net(num_classes, in_chans, shared, nn.ReLU(), shared)


def weight_norm(num_classes: int, in_chans: int) -> nn.Module:
    return _net(num_classes, in_chans, parametrizations.weight_norm(_conv()))


def spectral_norm(num_classes: int, in_chans: int) -> nn.Module:
    return _net(num_classes, in_chans, parametrizations.spectral_norm(_conv()))


class Standardised(nn.Conv2d):
    """A convolution whose filters have mean 0 when they are used."""

    def forward(self, x: Tensor) -> Tensor:
        weight = self.weight - self.weight.mean((1, 2, 3), keepdim=True)
        return functional.conv2d(x, weight, self.bias, padding=self.padding)


def weight_standardised(num_classes: int, in_chans: int) -> nn.Module:
    return _net(num_classes, in_chans, Standardised(8, 8, 3, padding=1))


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


def multihead_attention(num_classes: int, in_chans: int) -> nn.Module:
    return Attention(num_classes, in_chans)


class Tuple(Wrapped):
    """Logits first, then something else."""

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return self.body(x), x.mean((1, 2, 3))


def tuple_output(num_classes: int, in_chans: int) -> nn.Module:
    return Tuple(_net(num_classes, in_chans, _conv()))


class Dictionary(Wrapped):
    """Logits under a name, as Hugging Face's networks return them."""

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        return {"logits": self.body(x)}


def dictionary_output(num_classes: int, in_chans: int) -> nn.Module:
    return Dictionary(_net(num_classes, in_chans, _conv()))


class Auxiliary(nn.Module):
    """A second head in training, as GoogLeNet has."""

    def __init__(self, num_classes: int, in_chans: int) -> None:
        super().__init__()
        self.body, self.side = _net(num_classes, in_chans, _conv()), nn.Linear(in_chans, num_classes)

    def forward(self, x: Tensor) -> Any:  # noqa: ANN401 - one tensor, or two
        return (self.body(x), self.side(x.mean((2, 3)))) if self.training else self.body(x)


def auxiliary_head(num_classes: int, in_chans: int) -> nn.Module:
    return Auxiliary(num_classes, in_chans)


def map_output(num_classes: int, in_chans: int) -> nn.Module:
    return nn.Sequential(_conv_in(in_chans), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Conv2d(8, num_classes, 1))


def _conv_in(in_chans: int) -> nn.Conv2d:
    return nn.Conv2d(in_chans, 8, 3, padding=1)


def probabilities(num_classes: int, in_chans: int) -> nn.Module:
    return nn.Sequential(*_net(num_classes, in_chans, _conv()), nn.Softmax(1))


def log_probabilities(num_classes: int, in_chans: int) -> nn.Module:
    return nn.Sequential(*_net(num_classes, in_chans, _conv()), nn.LogSoftmax(1))


class LastAxis(nn.Module):
    """A linear layer over the width of a map."""

    def __init__(self, num_classes: int, in_chans: int) -> None:
        super().__init__()
        self.stem, self.rows, self.head = _conv_in(in_chans), nn.Linear(SIDE, SIDE), nn.Linear(8, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(functional.gelu(self.rows(self.stem(x))).mean((2, 3)))


def linear_over_width(num_classes: int, in_chans: int) -> nn.Module:
    return LastAxis(num_classes, in_chans)


class Gate(nn.Module):
    """A gate of one channel."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = nn.Conv2d(8, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        return x * self.gate(x).sigmoid()


def one_channel_gate(num_classes: int, in_chans: int) -> nn.Module:
    return _net(num_classes, in_chans, _conv(), Gate())


class Recurrent(nn.Module):
    """A recurrent layer over the rows of an image."""

    def __init__(self, num_classes: int, in_chans: int, kind: type[nn.RNNBase]) -> None:
        super().__init__()
        self.recurrent, self.head = kind(in_chans * SIDE, 16, batch_first=True), nn.Linear(16, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.recurrent(x.transpose(1, 2).flatten(2))[0][:, -1])


def gru_over_rows(num_classes: int, in_chans: int) -> nn.Module:
    return Recurrent(num_classes, in_chans, nn.GRU)


def lstm_over_rows(num_classes: int, in_chans: int) -> nn.Module:
    return Recurrent(num_classes, in_chans, nn.LSTM)


def row_perceptron(num_classes: int, in_chans: int) -> nn.Module:
    return nn.Sequential(nn.Linear(in_chans, 16), nn.Tanh(), nn.Linear(16, 16), nn.SELU(), nn.Linear(16, num_classes))


class Tokens(nn.Module):
    """An encoder of token ids whose output layer is its embedding."""

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(16, 16)
        self.layer = nn.TransformerEncoderLayer(16, 2, 32, dropout=0.1, batch_first=True)
        self.head = nn.Linear(16, num_classes)

    def forward(self, ids: Tensor) -> Tensor:
        return self.head(self.layer(self.embedding(ids)).mean(1))


def token_transformer(num_classes: int) -> nn.Module:
    return Tokens(num_classes)


class Depth(nn.Module):
    """Convolutions of one and of three dimensions on one image."""

    def __init__(self, num_classes: int, in_chans: int) -> None:
        super().__init__()
        self.rows, self.volume = nn.Conv1d(in_chans, 8, 3, padding=1), nn.Conv3d(1, 4, 3, padding=1)
        self.head = nn.Linear(12, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(torch.cat([self.rows(x.flatten(2)).mean(2), self.volume(x[:, None]).mean((2, 3, 4))], 1))


def one_and_three_dimensions(num_classes: int, in_chans: int) -> nn.Module:
    return Depth(num_classes, in_chans)


def depthwise_separable(num_classes: int, in_chans: int) -> nn.Module:
    return _net(num_classes, in_chans, _conv(groups=8), nn.Conv2d(8, 8, 1), nn.BatchNorm2d(8), nn.Hardswish())


def grouped_dilated(num_classes: int, in_chans: int) -> nn.Module:
    return _net(num_classes, in_chans, _conv(groups=2, dilation=2, padding=2), nn.ReLU(), _conv(stride=2, bias=False))


def reflecting_padding(num_classes: int, in_chans: int) -> nn.Module:
    return _net(num_classes, in_chans, _conv(padding_mode="reflect"), nn.ReLU(), _conv(padding_mode="circular"))


def transposed_convolution(num_classes: int, in_chans: int) -> nn.Module:
    return _net(num_classes, in_chans, _conv(stride=2), nn.ReLU(), nn.ConvTranspose2d(8, 8, 2, 2), nn.ReLU(), _conv())


class SharedNorm(nn.Module):
    """A residual block that uses one BatchNorm twice."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.norm = _conv(), _conv(), nn.BatchNorm2d(8)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.norm(self.second(self.norm(self.first(x)).relu()))


def shared_batchnorm(num_classes: int, in_chans: int) -> nn.Module:
    return _net(num_classes, in_chans, SharedNorm())


def group_and_instance_norm(num_classes: int, in_chans: int) -> nn.Module:
    return _net(num_classes, in_chans, _conv(), nn.GroupNorm(2, 8), nn.ReLU(), _conv(), nn.InstanceNorm2d(8))


class RootMeanSquare(nn.Module):
    """A norm over channels that torch does not have for maps."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(8, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        return self.scale * x * (x.square().mean(1, keepdim=True) + 1e-6).rsqrt()


def own_norm(num_classes: int, in_chans: int) -> nn.Module:
    return _net(num_classes, in_chans, _conv(), RootMeanSquare(), nn.SiLU(), _conv())


class FunctionalDropout(nn.Module):
    """Dropout called as a function, in training alone."""

    def forward(self, x: Tensor) -> Tensor:
        return functional.dropout(x, 0.3, self.training)


def functional_dropout(num_classes: int, in_chans: int) -> nn.Module:
    return _net(num_classes, in_chans, _conv(), FunctionalDropout(), _conv())


def lazy_layer(num_classes: int, in_chans: int) -> nn.Module:
    return nn.Sequential(_conv_in(in_chans), nn.Flatten(), nn.LazyLinear(num_classes))


def half_precision(num_classes: int, in_chans: int) -> nn.Module:
    return _net(num_classes, in_chans, _conv(), nn.BatchNorm2d(8)).half()


def double_precision(num_classes: int, in_chans: int) -> nn.Module:
    return _net(num_classes, in_chans, _conv(), nn.BatchNorm2d(8)).double()


class OwnWeights(nn.Module):
    """A convolution whose weight is a parameter of the network itself."""

    def __init__(self, num_classes: int, in_chans: int) -> None:
        super().__init__()
        self.kernel = nn.Parameter(torch.randn(8, in_chans, 3, 3) * 0.2)
        self.conv, self.head = _conv(), nn.Linear(8, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.conv(functional.conv2d(x, self.kernel).relu()).mean((2, 3)))


def weights_of_its_own(num_classes: int, in_chans: int) -> nn.Module:
    return OwnWeights(num_classes, in_chans)


class Bilinear(nn.Module):
    """Bilinear pooling of two maps."""

    def __init__(self, num_classes: int, in_chans: int) -> None:
        super().__init__()
        self.left, self.right, self.head = _conv_in(in_chans), _conv_in(in_chans), nn.Bilinear(8, 8, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.left(x).mean((2, 3)), self.right(x).amax((2, 3)))


def bilinear_pooling(num_classes: int, in_chans: int) -> nn.Module:
    return Bilinear(num_classes, in_chans)


class Experts(nn.Module):
    """Two experts, one of which each image takes: the way depends on the data."""

    def __init__(self, num_classes: int, in_chans: int) -> None:
        super().__init__()
        self.stem, self.router = _conv_in(in_chans), nn.Linear(8, 2)
        self.experts = nn.ModuleList(nn.Linear(8, num_classes) for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        features = self.stem(x).relu().mean((2, 3))
        shares = self.router(features).softmax(1)
        chosen = shares.argmax(1)
        outputs = torch.stack([expert(features) for expert in self.experts], 1)
        return outputs[torch.arange(len(x)), chosen] * shares.gather(1, chosen[:, None])


def mixture_of_experts(num_classes: int, in_chans: int) -> nn.Module:
    return Experts(num_classes, in_chans)


def frozen_stem(num_classes: int, in_chans: int) -> nn.Module:
    made = _net(num_classes, in_chans, _conv(), nn.ReLU(), _conv())
    made[0].requires_grad_(False)  # noqa: FBT003 - torch's own signature
    return made


class Spectrum(Wrapped):
    """A network on the spectrum of the image."""

    def forward(self, x: Tensor) -> Tensor:
        return self.body(torch.fft.rfft2(x).abs().log1p())


def fourier_features(num_classes: int, in_chans: int) -> nn.Module:
    return Spectrum(_net(num_classes, in_chans, _conv()))


class Buffers(Wrapped):
    """Fixed numbers that are not saved."""

    def __init__(self, body: nn.Module) -> None:
        super().__init__(body)
        self.register_buffer("window", torch.hann_window(SIDE), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.body(x * self.window)


def unsaved_buffer(num_classes: int, in_chans: int) -> nn.Module:
    return Buffers(_net(num_classes, in_chans, _conv()))


def in_place(num_classes: int, in_chans: int) -> nn.Module:
    return _net(num_classes, in_chans, _conv(), nn.ReLU(inplace=True), _conv(), nn.Hardtanh(inplace=True))


class Recomputed(Wrapped):
    """Activations that are computed again in the backward pass."""

    def forward(self, x: Tensor) -> Any:  # noqa: ANN401 - checkpoint has no types
        return checkpoint(self.body, x, use_reentrant=False)


def recomputed_activations(num_classes: int, in_chans: int) -> nn.Module:
    return Recomputed(_net(num_classes, in_chans, _conv(), nn.BatchNorm2d(8)))


class Unused(Wrapped):
    """A layer that is never called."""

    def __init__(self, body: nn.Module) -> None:
        super().__init__(body)
        self.forgotten = nn.Conv2d(4, 4, 3)


def unused_layer(num_classes: int, in_chans: int) -> nn.Module:
    return Unused(_net(num_classes, in_chans, _conv(), nn.ReLU(), _conv()))


def nothing_to_prune(num_classes: int, in_chans: int) -> nn.Module:
    return nn.Sequential(nn.BatchNorm2d(in_chans), nn.AdaptiveAvgPool2d(1), nn.Flatten(), Widened(num_classes))


class Widened(nn.Module):
    """Outputs without a layer: a scale for each class."""

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(num_classes))

    def forward(self, x: Tensor) -> Tensor:
        return x.mean(1, keepdim=True) * self.scale


def more_outputs_than_classes(num_classes: int, in_chans: int) -> nn.Module:
    return _net(2 * num_classes, in_chans, _conv())


def fewer_outputs_than_classes(num_classes: int, in_chans: int) -> nn.Module:
    return _net(num_classes - 1, in_chans, _conv())


NAMES = tuple(
    name
    for name, value in list(globals().items())
    if getattr(value, "__module__", "") == __name__ and name[0].islower() and not isinstance(value, type)
)
"""Every function above that makes a network."""
