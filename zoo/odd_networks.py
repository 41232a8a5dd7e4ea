"""Networks as people write them, each with one property that has been misread somewhere.

`odd_networks:NAME` builds one, from the number of classes and of channels, for images of 12 x 12 pixels (or, where its
name says so, for rows of numbers or tokens).
"""

from __future__ import annotations

from odd_layers import (
    Attention,
    Auxiliary,
    Bilinear,
    Buffers,
    Depth,
    Dictionary,
    Experts,
    FunctionalDropout,
    Gate,
    LastAxis,
    OwnWeights,
    Recomputed,
    Recurrent,
    RootMeanSquare,
    SharedNorm,
    Spectrum,
    Standardised,
    Tokens,
    Tuple,
    TutorialNetwork,
    Unused,
    Widened,
    make_conv,
    make_net,
    make_stem,
)
from torch import nn
from torch.nn.utils import parametrizations

ROW = 9
"""Numbers, or tokens, of a row."""


def tutorial_view(num_classes: int, in_chans: int) -> nn.Module:
    return TutorialNetwork(num_classes, in_chans)


def tied_convolution(num_classes: int, in_chans: int) -> nn.Module:
    shared = make_conv()
    return make_net(num_classes, in_chans, shared, nn.ReLU(), shared)


def weight_norm(num_classes: int, in_chans: int) -> nn.Module:
    return make_net(num_classes, in_chans, parametrizations.weight_norm(make_conv()))


def spectral_norm(num_classes: int, in_chans: int) -> nn.Module:
    return make_net(num_classes, in_chans, parametrizations.spectral_norm(make_conv()))


def weight_standardised(num_classes: int, in_chans: int) -> nn.Module:
    return make_net(num_classes, in_chans, Standardised(8, 8, 3, padding=1))


def multihead_attention(num_classes: int, in_chans: int) -> nn.Module:
    return Attention(num_classes, in_chans)


def tuple_output(num_classes: int, in_chans: int) -> nn.Module:
    return Tuple(make_net(num_classes, in_chans, make_conv()))


def dictionary_output(num_classes: int, in_chans: int) -> nn.Module:
    return Dictionary(make_net(num_classes, in_chans, make_conv()))


def auxiliary_head(num_classes: int, in_chans: int) -> nn.Module:
    return Auxiliary(num_classes, in_chans)


def map_output(num_classes: int, in_chans: int) -> nn.Module:
    return nn.Sequential(make_stem(in_chans), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Conv2d(8, num_classes, 1))


def probabilities(num_classes: int, in_chans: int) -> nn.Module:
    return nn.Sequential(*make_net(num_classes, in_chans, make_conv()), nn.Softmax(1))


def log_probabilities(num_classes: int, in_chans: int) -> nn.Module:
    return nn.Sequential(*make_net(num_classes, in_chans, make_conv()), nn.LogSoftmax(1))


def linear_over_width(num_classes: int, in_chans: int) -> nn.Module:
    return LastAxis(num_classes, in_chans)


def one_channel_gate(num_classes: int, in_chans: int) -> nn.Module:
    return make_net(num_classes, in_chans, make_conv(), Gate())


def gru_over_rows(num_classes: int, in_chans: int) -> nn.Module:
    return Recurrent(num_classes, in_chans, nn.GRU)


def lstm_over_rows(num_classes: int, in_chans: int) -> nn.Module:
    return Recurrent(num_classes, in_chans, nn.LSTM)


def row_perceptron(num_classes: int, in_chans: int) -> nn.Module:
    return nn.Sequential(nn.Linear(in_chans, 16), nn.Tanh(), nn.Linear(16, 16), nn.SELU(), nn.Linear(16, num_classes))


def token_transformer(num_classes: int) -> nn.Module:
    return Tokens(num_classes)


def one_and_three_dimensions(num_classes: int, in_chans: int) -> nn.Module:
    return Depth(num_classes, in_chans)


def depthwise_separable(num_classes: int, in_chans: int) -> nn.Module:
    return make_net(num_classes, in_chans, make_conv(groups=8), nn.Conv2d(8, 8, 1), nn.BatchNorm2d(8), nn.Hardswish())


def grouped_dilated(num_classes: int, in_chans: int) -> nn.Module:
    return make_net(
        num_classes, in_chans, make_conv(groups=2, dilation=2, padding=2), nn.ReLU(), make_conv(stride=2, bias=False)
    )


def reflecting_padding(num_classes: int, in_chans: int) -> nn.Module:
    return make_net(
        num_classes, in_chans, make_conv(padding_mode="reflect"), nn.ReLU(), make_conv(padding_mode="circular")
    )


def transposed_convolution(num_classes: int, in_chans: int) -> nn.Module:
    return make_net(
        num_classes, in_chans, make_conv(stride=2), nn.ReLU(), nn.ConvTranspose2d(8, 8, 2, 2), nn.ReLU(), make_conv()
    )


def shared_batchnorm(num_classes: int, in_chans: int) -> nn.Module:
    return make_net(num_classes, in_chans, SharedNorm())


def group_and_instance_norm(num_classes: int, in_chans: int) -> nn.Module:
    return make_net(
        num_classes, in_chans, make_conv(), nn.GroupNorm(2, 8), nn.ReLU(), make_conv(), nn.InstanceNorm2d(8)
    )


def own_norm(num_classes: int, in_chans: int) -> nn.Module:
    return make_net(num_classes, in_chans, make_conv(), RootMeanSquare(), nn.SiLU(), make_conv())


def functional_dropout(num_classes: int, in_chans: int) -> nn.Module:
    return make_net(num_classes, in_chans, make_conv(), FunctionalDropout(), make_conv())


def lazy_layer(num_classes: int, in_chans: int) -> nn.Module:
    return nn.Sequential(make_stem(in_chans), nn.Flatten(), nn.LazyLinear(num_classes))


def half_precision(num_classes: int, in_chans: int) -> nn.Module:
    return make_net(num_classes, in_chans, make_conv(), nn.BatchNorm2d(8)).half()


def double_precision(num_classes: int, in_chans: int) -> nn.Module:
    return make_net(num_classes, in_chans, make_conv(), nn.BatchNorm2d(8)).double()


def weights_of_its_own(num_classes: int, in_chans: int) -> nn.Module:
    return OwnWeights(num_classes, in_chans)


def bilinear_pooling(num_classes: int, in_chans: int) -> nn.Module:
    return Bilinear(num_classes, in_chans)


def mixture_of_experts(num_classes: int, in_chans: int) -> nn.Module:
    return Experts(num_classes, in_chans)


def frozen_stem(num_classes: int, in_chans: int) -> nn.Module:
    made = make_net(num_classes, in_chans, make_conv(), nn.ReLU(), make_conv())
    made[0].requires_grad_(False)  # noqa: FBT003 - torch's own signature
    return made


def fourier_features(num_classes: int, in_chans: int) -> nn.Module:
    return Spectrum(make_net(num_classes, in_chans, make_conv()))


def unsaved_buffer(num_classes: int, in_chans: int) -> nn.Module:
    return Buffers(make_net(num_classes, in_chans, make_conv()))


def in_place(num_classes: int, in_chans: int) -> nn.Module:
    return make_net(num_classes, in_chans, make_conv(), nn.ReLU(inplace=True), make_conv(), nn.Hardtanh(inplace=True))


def recomputed_activations(num_classes: int, in_chans: int) -> nn.Module:
    return Recomputed(make_net(num_classes, in_chans, make_conv(), nn.BatchNorm2d(8)))


def unused_layer(num_classes: int, in_chans: int) -> nn.Module:
    return Unused(make_net(num_classes, in_chans, make_conv(), nn.ReLU(), make_conv()))


def nothing_to_prune(num_classes: int, in_chans: int) -> nn.Module:
    return nn.Sequential(nn.BatchNorm2d(in_chans), nn.AdaptiveAvgPool2d(1), nn.Flatten(), Widened(num_classes))


def more_outputs_than_classes(num_classes: int, in_chans: int) -> nn.Module:
    return make_net(2 * num_classes, in_chans, make_conv())


def fewer_outputs_than_classes(num_classes: int, in_chans: int) -> nn.Module:
    return make_net(num_classes - 1, in_chans, make_conv())


NAMES = tuple(
    name
    for name, value in list(globals().items())
    if getattr(value, "__module__", "") == __name__ and name[0].islower() and not isinstance(value, type)
)
"""Every function above that makes a network."""
