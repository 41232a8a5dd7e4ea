"""Synaptic flow against sums over paths, its conservation, and the collapse of layers that it avoids."""

from __future__ import annotations

from itertools import product

import pytest
import timm
import torch
from tiny_landscape import NORMS, net
from torch import nn

import prunescope.networks.zoo  # noqa: F401 - registers them with timm
from prunescope.api.errors import UsageError
from prunescope.networks.models import prunable
from prunescope.pruning.synflow import synaptic_flow, synflow

RGB = (3, 32, 32)


def vgg():
    torch.manual_seed(0)
    return timm.create_model("vgg11_bn_cifar", num_classes=10, width=0.125)


def test_the_flow_through_a_weight_is_the_sum_over_the_paths_it_lies_on():
    torch.manual_seed(1)
    layers = [nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2)]
    model = nn.Sequential(nn.Flatten(), *layers).double()
    names = ["1.weight", "3.weight", "5.weight"]
    matrices = [model.get_parameter(name).detach().abs() for name in names]
    slow = [torch.zeros_like(matrix) for matrix in matrices]
    for path in product(range(2), range(3), range(4), range(2)):
        places = [(path[i + 1], path[i]) for i in range(3)]
        flow = torch.stack([matrix[place] for matrix, place in zip(matrices, places, strict=True)]).prod()
        for sums, place in zip(slow, places, strict=True):
            sums[place] += flow
    found = synaptic_flow(model, names, (2, 1, 1))
    assert all(torch.allclose(found[name], sums) for name, sums in zip(names, slow, strict=True))


def test_flow_is_conserved_through_the_layers_of_a_trained_network_with_batchnorm():
    model = vgg()
    draw = torch.Generator().manual_seed(5)
    for norm in [module for module in model.modules() if isinstance(module, nn.BatchNorm2d)]:
        for tensor in (norm.weight.data, norm.running_mean):
            tensor.normal_(generator=draw)
        norm.running_var.uniform_(0.5, 2, generator=draw)
        norm.bias.data.normal_(generator=draw)
    names = list(prunable(model, linear=True))
    sums = [float(flow.sum()) for flow in synaptic_flow(model, names, RGB).values()]
    assert len(sums) == 9
    assert sums == pytest.approx([sums[0]] * 9, rel=1e-12)


@pytest.mark.parametrize("kind", NORMS)
def test_norms_of_every_kind_only_scale(kind):
    model = net(kind=kind)
    names = list(prunable(model, linear=True))
    before = {name: value.clone() for name, value in model.state_dict().items()}
    sums = [float(flow.sum()) for flow in synaptic_flow(model, names, (2, 6, 6)).values()]
    assert sums == pytest.approx([sums[0]] * 3, rel=1e-12)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def empty(mask):
    return [name for name, kept in mask.kept.items() if not kept.any()]


def test_no_layer_collapses_where_one_shot_pruning_by_the_same_score_loses_layers():
    model = vgg()
    weights = prunable(model)
    density = 0.002
    mask = synflow(model, weights, density, shape=RGB)
    assert not empty(mask)
    assert mask.n_kept == round(density * mask.n_weights)
    assert empty(synflow(model, weights, density, shape=RGB, rounds=1))


def test_it_reaches_the_greatest_compression_there_is_without_collapse():
    """Tanaka 2020, theorem 3: down to one weight for every layer (maximal critical compression)."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(12, 30), nn.ReLU(), nn.Linear(30, 20), nn.ReLU(), nn.Linear(20, 5))
    weights = prunable(model, linear=True)
    size = sum(weight.numel() for weight in weights.values())
    mask = synflow(model, weights, 3 / size, shape=(3, 2, 2))
    assert [int(kept.sum()) for kept in mask.kept.values()] == [1, 1, 1]


def test_what_a_round_removed_stays_removed():
    """Density 0.1 in 5 rounds passes through the same states as density 0.01 in 10."""
    model = net(kind="batch")
    weights = prunable(model, linear=True)
    halfway = synflow(model, weights, 0.1, shape=(2, 6, 6), rounds=5)
    end = synflow(model, weights, 0.01, shape=(2, 6, 6), rounds=10)
    assert end.n_kept < halfway.n_kept
    assert all(bool((halfway.kept[name] | ~end.kept[name]).all()) for name in weights)


def test_a_flow_beyond_float64_is_refused():
    model = nn.Sequential(nn.Flatten(), *[nn.Linear(2, 2) for _ in range(12)])
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.fill_(3e38)
    with pytest.raises(UsageError, match="does not fit into float64"):
        synflow(model, prunable(model, linear=True), 0.5, shape=(2, 1, 1))


@pytest.mark.parametrize("kind", ["LayerNorm2d", "LayerNormAct2d", "LayerNormExp2d", "RmsNorm2d"])
def test_a_norm_over_channels_scales_channels_on_a_map_as_wide_as_it_has_channels(kind):
    """Eight channels and eight columns: along the last axis the weight would fit, and mean something else."""
    norm = getattr(timm.layers, kind, None) or getattr(timm.layers.norm, kind)
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 8, 1, bias=False), norm(8), nn.Conv2d(8, 2, 1, bias=False), nn.Flatten())
    with torch.no_grad():
        model[1].weight.copy_(torch.arange(1.0, 9.0))
    found = synaptic_flow(model, ["0.weight", "2.weight"], (3, 8, 8))
    first, last = model[0].weight.detach().double().abs(), model[2].weight.detach().double().abs()
    scale = torch.arange(1.0, 9.0, dtype=torch.float64)
    expected = 64 * first[..., 0, 0] * (scale * last[..., 0, 0].sum(0))[:, None]
    assert torch.allclose(found["0.weight"][..., 0, 0], expected)
