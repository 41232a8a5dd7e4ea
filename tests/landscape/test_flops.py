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


class Functional(nn.Module):
    """Weights used by functions: fused, cut, by a product of matrices, and scaled."""

    def __init__(self):
        super().__init__()
        self.qkv, self.scaled = nn.Linear(6, 9, bias=False), nn.Conv2d(3, 4, 1)

    def forward(self, x):
        scaled = nn.functional.conv2d(x, self.scaled.weight * 0.5)
        rows = x.flatten(2)
        q, k, v = self.qkv.weight.chunk(3)
        return nn.functional.linear(rows, q), rows @ k.t(), torch.einsum("bnd,ed->bne", rows, v), scaled


def test_weights_that_functions_use_count():
    model = Functional()
    with torch.no_grad():
        model.qkv.weight[3:6] = 0
        model.scaled.weight[0] = 0
    found = layer_flops(model, torch.ones(1, 3, 2, 3))
    assert found["qkv"] == Flops(dense=2 * 54 * 3, kept=2 * 36 * 3)
    assert found["scaled"] == Flops(dense=2 * 12 * 6, kept=2 * 9 * 6)


@pytest.mark.parametrize(
    ("name", "layer"), [("beit_base_patch16_224", "attn.qkv"), ("eva02_tiny_patch14_224", "attn.qkv")]
)
def test_projections_of_attention_count_in_timms_networks(name, layer):
    small = {"beit": {"embed_dim": 48, "num_heads": 2}, "eva0": {"embed_dim": 48, "num_heads": 2}}[name[:4]]
    model = timm.create_model(name, num_classes=2, img_size=28, patch_size=14, depth=1, **small)
    found = layer_flops(model, torch.zeros(1, 3, 28, 28))
    assert any(layer in path for path in found)
    assert sum(count.dense for path, count in found.items() if ".attn." in path) == 2 * 5 * 4 * 48 * 48


def test_swin_v2_counts_all_that_torchs_counter_counts_but_attention():
    model = timm.create_model("swinv2_cr_tiny_ns_224", num_classes=2, img_size=64, window_size=2, embed_dim=24)
    other = timm.create_model(
        "swinv2_tiny_window8_256", num_classes=2, img_size=64, window_size=4, embed_dim=24, depths=(1, 1, 1, 1)
    )
    for one in (model, other):
        found = layer_flops(one, torch.zeros(1, 3, 64, 64))
        assert any(path.endswith("attn.qkv") for path in found)


def test_attention_of_torch_counts_its_projections():
    layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
    found = layer_flops(layer, torch.zeros(1, 5, 8))
    assert sum(count.dense for count in found.values()) == 2 * 5 * (4 * 64 + 2 * 128)


def test_computed_weights_count_as_they_are_multiplied():
    found = layer_flops(nn.utils.parametrizations.spectral_norm(nn.Linear(6, 4)), torch.ones(1, 6))
    assert found == {"": Flops(48, 48)}


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


def test_a_fixed_filter_is_pooling_and_not_counted():
    blur = timm.layers.BlurPool2d(4)
    model = nn.Sequential(nn.Conv2d(3, 4, 1, bias=False), blur)
    assert {name: found.dense for name, found in layer_flops(model, torch.zeros(1, 3, 8, 8)).items()} == {
        "0": 2 * 12 * 64
    }
