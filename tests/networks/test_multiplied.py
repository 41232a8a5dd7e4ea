"""Layers that multiply by other numbers than they store are refused by name; ordinary subclasses are not."""

from __future__ import annotations

import warnings

import pytest
import timm
import torch
from timm.layers import Conv2dSame, ScaledStdConv2d, ScaledStdConv2dSame, StdConv2d, StdConv2dSame
from torch import nn
from torch.nn import functional
from torch.nn.utils import parametrizations, parametrize

from prunescope.api import Mask
from prunescope.api.errors import UsageError
from prunescope.networks.checkpoints import Checkpoint
from prunescope.networks.layers import choose_prunable
from prunescope.networks.models import ModelSpec, create
from prunescope.networks.multiplied import computed, refuse_computed
from prunescope.runs.steps.result import model_on_device


class Lora(nn.Linear):
    """A linear layer with an adapter beside it."""

    def __init__(self, features: int) -> None:
        nn.Linear.__init__(self, features, features)
        self.down = nn.Parameter(torch.randn(2, features))
        self.up = nn.Parameter(torch.randn(features, 2))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return functional.linear(x, self.weight, self.bias) + x @ self.down.t() @ self.up.t()


class Scaled(nn.Conv2d):
    """A convolution whose weights are scaled when used: zeros stay zeros."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return functional.conv2d(x, self.weight * 0.3, self.bias)


class Centred(nn.Linear):
    """A linear layer that subtracts the mean of its weights, by a product of matrices."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x @ (self.weight - self.weight.mean()).t()


class Doubled(nn.Module):
    """A parametrization of one's own."""

    def forward(self, weight: torch.Tensor) -> torch.Tensor:
        return 2 * weight


STANDARDISED = [StdConv2d, StdConv2dSame, ScaledStdConv2d, ScaledStdConv2dSame]


@pytest.mark.parametrize("kind", STANDARDISED)
@pytest.mark.parametrize("groups", [1, 4])
def test_a_standardised_convolution_is_known_by_its_operand(kind: type[nn.Conv2d], groups: int) -> None:
    assert f"not what {kind.__name__} multiplies by" in computed(kind(4, 8, 3, groups=groups), "weight")


def test_a_linear_layer_that_subtracts_its_mean_is_known_too() -> None:
    assert computed(Centred(4, 4), "weight")


@pytest.mark.parametrize(
    "layer", [nn.Conv2d(3, 4, 3), nn.Linear(3, 4), Conv2dSame(3, 4, 3, stride=2), Scaled(3, 4, 3), Lora(6)]
)
def test_layers_whose_zeros_stay_zeros_are_not_refused(layer: nn.Module) -> None:
    before = layer.weight.clone()  # type: ignore[operator]
    assert not computed(layer, "weight")
    assert torch.equal(layer.weight, before)  # type: ignore[arg-type]


def _old_weight_norm(layer: nn.Module) -> nn.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return nn.utils.weight_norm(layer)


def _own(layer: nn.Module) -> nn.Module:
    return parametrize.register_parametrization(layer, "weight", Doubled())


@pytest.mark.parametrize(
    "wrap",
    [_old_weight_norm, _own, nn.utils.spectral_norm, parametrizations.weight_norm, parametrizations.spectral_norm],
)
def test_a_parametrized_layer_is_among_the_prunable_and_refused_by_name(wrap) -> None:  # type: ignore[no-untyped-def]
    model = nn.Sequential(nn.Conv2d(1, 4, 3), wrap(nn.Conv2d(4, 16, 3)), nn.Flatten(), nn.Linear(16, 2))
    state = {name: value.clone() for name, value in model.state_dict().items()}
    found = choose_prunable(model)
    assert list(found.computed) == ["1.weight"]
    with pytest.raises(UsageError, match=r"the weight '1\.weight' is computed by"):
        refuse_computed(found.computed)
    assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())


def test_a_parametrized_layer_can_be_left_out() -> None:
    model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.Flatten(), parametrizations.weight_norm(nn.Linear(4, 2)))
    assert not choose_prunable(model, linear=True, last=False).computed
    assert not choose_prunable(model, linear=False).computed


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("test_nfnet", {}),
        ("nf_regnet_b0", {}),
        ("resnetv2_50x1_bit", {"channels": (128, 128, 128, 128)}),
    ],
)
def test_networks_of_standardised_convolutions_are_refused(name: str, options: dict[str, object]) -> None:
    model = timm.create_model(name, num_classes=2, **options)
    reasons = choose_prunable(model).computed
    assert reasons
    with pytest.raises(UsageError, match="where it is multiplied"):
        refuse_computed(reasons)


def test_ordinary_networks_are_not_refused() -> None:
    for name in ("test_efficientnet", "test_vit", "test_mambaout", "tf_mobilenetv3_small_minimal_100"):
        assert not choose_prunable(timm.create_model(name, num_classes=2), linear=True).computed


def test_a_mask_of_a_file_on_standardised_weights_is_refused_by_every_step() -> None:
    spec = ModelSpec(name="test_nfnet", num_classes=2, in_chans=3, image_size=(32, 32))
    model = create(spec, seed=0)
    mask = Mask({name: weight > 0 for name, weight in choose_prunable(model).weights.items()})
    found = Checkpoint(spec=spec, state=model.state_dict(), mask=mask)
    with pytest.raises(UsageError, match="would not hold where it is multiplied"):
        model_on_device(found, "cpu")
