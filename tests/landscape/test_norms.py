"""Norms of timm and of one's own only scale in the flow of SynFlow; what is no norm stays as it is."""

from __future__ import annotations

import pytest
import torch
from timm.layers import EvoNorm2dB0, EvoNorm2dS0, FilterResponseNormAct2d, LayerNorm2d, RmsNorm2d, SimpleNorm2d
from timm.layers.filter_response_norm import FilterResponseNormTlu2d
from torch import nn

from prunescope.api.errors import UsageError
from prunescope.landscape.linear_flow import positive
from prunescope.landscape.norms import other_norms
from prunescope.networks.models import prunable
from prunescope.pruning.synflow import synaptic_flow, synflow


class Unscaled(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x / x.norm(dim=1, keepdim=True)


class Mixing(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.eye(6))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        rows = x / x.norm(dim=1, keepdim=True)
        return torch.einsum("bchw,cd->bdhw", rows, self.weight)


def network(norm: nn.Module) -> nn.Sequential:
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(2, 6, 3), norm, nn.ReLU(), nn.Conv2d(6, 5, 1), nn.Flatten(), nn.Linear(5 * 4 * 4, 3)
    )
    for parameter in norm.parameters():
        nn.init.uniform_(parameter, 0.5, 2)
    return model


NORMS = [
    RmsNorm2d,
    SimpleNorm2d,
    EvoNorm2dS0,
    EvoNorm2dB0,
    FilterResponseNormTlu2d,
    FilterResponseNormAct2d,
    LayerNorm2d,
]


@pytest.mark.parametrize("kind", NORMS)
def test_the_flow_into_a_norm_of_timm_is_the_flow_out_of_it(kind: type[nn.Module]) -> None:
    options = {"groups": 3} if kind is EvoNorm2dS0 else {}
    model = network(kind(6, **options))
    flow = synaptic_flow(model, list(prunable(model, linear=True)), (2, 6, 6))
    sums = [float(one.sum()) for one in flow.values()]
    assert sums == pytest.approx([sums[0]] * 3, rel=1e-9)
    weight = model[1].weight.detach().double().abs()  # type: ignore[union-attr, operator]
    scaled = network(nn.Identity())
    scaled[0].weight.data = (model[0].weight.detach().double().abs() * weight.reshape(-1, 1, 1, 1)).float()  # type: ignore[operator]
    scaled.load_state_dict({k: v for k, v in model.state_dict().items() if k[0] in "35"}, strict=False)
    wanted = synaptic_flow(scaled, ["0.weight"], (2, 6, 6))["0.weight"]
    assert torch.allclose(flow["0.weight"], wanted, rtol=1e-5)


def test_a_norm_of_ones_own_without_weight_passes_the_flow_on() -> None:
    model = network(Unscaled())
    flow = synaptic_flow(model, ["0.weight"], (2, 6, 6))["0.weight"]
    plain = synaptic_flow(network(nn.Identity()), ["0.weight"], (2, 6, 6))["0.weight"]
    assert torch.equal(flow, plain)


def test_a_norm_that_mixes_channels_is_refused_by_name() -> None:
    model = network(Mixing())
    with pytest.raises(UsageError, match=r"layer '1' \(Mixing\) normalises"):
        synflow(model, prunable(model), 0.5, shape=(2, 6, 6))


@pytest.mark.parametrize("layer", [nn.Sigmoid(), nn.Softmax(1), nn.Hardtanh(), nn.GELU(), nn.BatchNorm2d(6), nn.Tanh()])
def test_what_is_no_norm_is_not_taken_for_one(layer: nn.Module) -> None:
    assert other_norms(positive(network(layer)), (2, 6, 6)) == {}
