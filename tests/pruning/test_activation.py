"""Norms of inputs against an unfolded convolution."""

from __future__ import annotations

import pytest
import torch
from tiny_landscape import learnable_data, net
from torch import nn
from torch.nn import functional

from prunescope.api.errors import UsageError
from prunescope.networks.models import prunable
from prunescope.pruning.activation import activation_weighted


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
    scores = activation_weighted(layer, {"weight": layer.weight}, [(images, torch.zeros(3))])["weight"]
    norms = columns.square().sum((0, 2)).sqrt().reshape(1, *layer.weight.shape[1:])
    assert torch.allclose(scores, layer.weight.detach().abs() * norms)


def test_circular_padding_brings_the_other_side():
    layer = nn.Conv2d(1, 1, 3, padding=1, padding_mode="circular")
    layer.weight.data.fill_(2)
    scores = activation_weighted(layer, {"weight": layer.weight}, [(torch.ones(1, 1, 4, 4), torch.zeros(1))])["weight"]
    assert torch.allclose(scores, torch.full((1, 1, 3, 3), 8.0).double())


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


class Uses(nn.Module):
    """Weights that functions use: cut, transposed, shared by two layers, and one for a whole batch."""

    def __init__(self):
        super().__init__()
        self.cut, self.first, self.second = (nn.Linear(3, size, bias=False) for size in (6, 3, 3))
        self.second.weight = self.first.weight
        self.whole = nn.Linear(3, 2, bias=False)

    def forward(self, x):
        a, b = self.cut.weight.chunk(2)
        rows = nn.functional.linear(x, a) + 2 * x @ b.t()
        whole = torch.bmm(x, self.whole.weight.t().expand(len(x), 3, 2))
        return rows, self.second(self.first(x)), whole


def test_weights_that_functions_use_see_all_their_inputs():
    torch.manual_seed(0)
    model, x = Uses(), torch.randn(4, 5, 3)
    weights = {name: getattr(model, name).weight for name in ("cut", "first", "whole")}
    found = activation_weighted(model, weights, [(x, torch.zeros(4))])
    once = x.double().square().sum((0, 1))
    twice = once + (x @ model.first.weight.t()).double().square().sum((0, 1))
    wanted = {"cut": torch.stack([once] * 3 + [4 * once] * 3), "first": twice.expand(3, 3), "whole": once.expand(2, 3)}
    for name, squares in wanted.items():
        assert torch.allclose(found[name], weights[name].detach().double().abs() * squares.sqrt(), rtol=1e-5)


def test_the_fused_attention_of_torch_is_seen():
    layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
    weights = {"self_attn.in_proj_weight": layer.self_attn.in_proj_weight}
    x = torch.randn(2, 5, 8)
    (scores,) = activation_weighted(layer, weights, [(x, torch.zeros(2))]).values()
    norms = x.double().square().sum((0, 1)).sqrt()
    assert torch.allclose(scores, layer.self_attn.in_proj_weight.detach().double().abs() * norms)
