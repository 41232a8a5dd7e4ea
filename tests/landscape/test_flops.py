from __future__ import annotations

import pytest
import timm
import torch
from tiny_landscape import net, same_state, state_of
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from prunescope.landscape.flops import Flops, layer_flops


def counted_by_torch(model, image):
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model.eval()(image)
    return counter.get_total_flops()


@pytest.mark.parametrize(
    ("name", "size"),
    [("resnet18", 64), ("mobilenetv3_small_050", 64), ("regnetx_002", 64), ("densenet121", 32), ("convnext_atto", 64)],
)
def test_dense_totals_are_those_of_torchs_counter(name, size):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = timm.create_model(name, num_classes=7)
    image = torch.zeros(1, 3, size, size)
    found = layer_flops(model, image)
    assert sum(layer.dense for layer in found.values()) == counted_by_torch(model, image)


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (nn.Conv1d(4, 6, 3, stride=2, padding=1, groups=2), (1, 4, 9)),
        (nn.Conv3d(2, 3, (1, 2, 3), dilation=1), (1, 2, 4, 5, 6)),
        (nn.ConvTranspose2d(4, 6, 3, stride=2, groups=2), (1, 4, 5, 5)),
        (nn.Linear(5, 3), (1, 7, 5)),
    ],
)
def test_every_kind_of_layer(layer, shape):
    image = torch.zeros(shape)
    if isinstance(layer, nn.ConvTranspose2d):  # torch's counter takes groups for one here
        weights, places = 4 * 3 * 3 * 3, 25
        assert layer_flops(layer, image) == {"": Flops(2 * weights * places, 2 * weights * places)}
    else:
        assert layer_flops(layer, image)[""].dense == counted_by_torch(layer, image)


def test_kept_operations_are_those_of_the_non_zero_weights():
    model = nn.Sequential(nn.Conv2d(1, 2, 3, padding=1), nn.Flatten(), nn.Linear(32, 3))
    with torch.no_grad():
        model[0].weight[0] = 0.0
        model[2].weight[:, :30] = 0.0
    found = layer_flops(model, torch.zeros(1, 1, 4, 4))
    assert found == {"0": Flops(dense=2 * 18 * 16, kept=2 * 9 * 16), "2": Flops(dense=2 * 96, kept=2 * 6)}


def test_a_layer_wholly_masked_keeps_no_operation():
    layer = nn.Conv2d(1, 2, 3)
    nn.init.zeros_(layer.weight)
    assert layer_flops(layer, torch.zeros(1, 1, 4, 4))[""].kept == 0


def test_a_layer_called_twice_counts_twice():
    shared = nn.Linear(3, 3)
    assert layer_flops(nn.Sequential(shared, shared), torch.zeros(1, 3)) == {"0": Flops(36, 36)}


def test_the_model_is_left_as_it_was():
    model = net(dropout=0.5).train()
    before = state_of(model)
    layer_flops(model, torch.zeros(1, 2, 6, 6))
    assert same_state(before, state_of(model))
