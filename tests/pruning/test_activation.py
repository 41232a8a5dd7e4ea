"""Norms of inputs against an unfolded convolution."""

from __future__ import annotations

import pytest
import torch
from tiny_landscape import learnable_data, net
from torch import nn
from torch.nn import functional

from prunescope.api.errors import UsageError
from prunescope.networks.models import prunable
from prunescope.pruning.activation import activation_weighted, of_convolution


@pytest.mark.parametrize(
    "options",
    [
        {"kernel_size": 3},
        {"kernel_size": (3, 2), "stride": (2, 1), "padding": (1, 0)},
        {"kernel_size": 3, "dilation": 2, "padding": 2},
        {"kernel_size": 3, "padding": "same"},
        {"kernel_size": 1, "stride": 2},
    ],
)
def test_sums_of_squares_are_those_of_the_unfolded_images(options):
    torch.manual_seed(0)
    layer, images = nn.Conv2d(4, 6, **options).double(), torch.randn(3, 4, 7, 8, dtype=torch.float64)
    padding = (1, 1) if layer.padding == "same" else layer.padding
    columns = functional.unfold(
        images, layer.kernel_size, dilation=layer.dilation, padding=padding, stride=layer.stride
    )
    assert torch.allclose(of_convolution(layer, images).flatten(), columns.square().sum((0, 2)))


def test_circular_padding_brings_the_other_side():
    layer = nn.Conv2d(1, 1, 3, padding=1, padding_mode="circular")
    assert torch.allclose(of_convolution(layer, torch.ones(1, 1, 4, 4)), torch.full((1, 3, 3), 16.0).double())


def test_scores_of_a_small_network_by_hand():
    model = nn.Sequential(nn.Conv2d(2, 4, 1, groups=2, bias=False), nn.Flatten(), nn.Linear(4, 1, bias=False))
    with torch.no_grad():
        model[0].weight.copy_(torch.tensor([1.0, -2.0, 3.0, 4.0]).reshape(4, 1, 1, 1))
        model[2].weight.copy_(torch.tensor([[1.0, 1.0, -1.0, 0.5]]))
    images = torch.tensor([[3.0, 1.0], [4.0, 0.0]]).reshape(2, 2, 1, 1)
    batches = [(image, torch.zeros(1, dtype=torch.long)) for image in images.split(1)]
    scores = activation_weighted(model, prunable(model, linear=True), batches)
    # channel 0 is (3, 4): norm 5; channel 1 is (1, 0): norm 1; the first two outputs see channel 0
    assert scores["0.weight"].flatten().tolist() == [5, 10, 3, 4]
    # the four outputs are (3, 4), (-6, -8), (3, 0), (4, 0)
    assert scores["2.weight"].flatten().tolist() == [5, 10, 3, 2]


def test_batches_add_up_and_the_model_stays_as_it_was():
    model, data = net(kind="batch", dropout=0.5), learnable_data()
    model.train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    one = activation_weighted(model, prunable(model), list(data.train.batches(75)))
    several = activation_weighted(model, prunable(model), list(data.train.batches(20)))
    assert all(torch.allclose(one[name], several[name]) for name in one)
    assert model.training
    assert not any(module._forward_hooks for module in model.modules())
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_a_layer_that_is_never_called_is_refused():
    model = nn.MultiheadAttention(4, 1)
    model.forward = lambda images: images
    batch = (torch.zeros(1, 4), torch.zeros(1))
    with pytest.raises(UsageError, match=r"out_proj\.weight.*never called"):
        activation_weighted(model, {"out_proj.weight": model.out_proj.weight}, [batch])
