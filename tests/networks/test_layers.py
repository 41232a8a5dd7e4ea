"""What is prunable: the layers that a network is made of."""

import pytest
import timm
from torch import nn

import prunescope.networks.zoo  # noqa: F401 - registers them with timm
from prunescope.api.errors import UsageError
from prunescope.networks.layers import choose_prunable, describe_weights, prunable
from prunescope.plugins import registry
from prunescope.plugins.testing import toy_data


def empty(name, **options):
    return timm.create_model(name, **options)  # with weights: on the meta device timm 1.0.16 cannot build all of them


@pytest.mark.parametrize(
    "name", ["vit_tiny_patch16_224", "convnext_tiny", "swin_tiny_patch4_window7_224", "mixer_s32_224"]
)
def test_networks_made_of_linear_layers_are_pruned_there(name):
    found = choose_prunable(empty(name))
    assert found.kinds == "convolutions and linear layers, without the last"
    assert found.share > 0.9
    assert sum(isinstance(module, nn.Linear) for module in empty(name).modules()) - 1 <= len(found.weights)


@pytest.mark.parametrize("name", ["resnet18", "preresnet8", "vgg11_bn", "efficientnet_b0", "densenet22_cifar"])
def test_networks_made_of_convolutions_are_pruned_as_in_the_paper(name):
    model = empty(name, num_classes=10)
    found = choose_prunable(model)
    assert found.kinds == "convolutions"
    assert list(found.weights) == list(prunable(model, linear=False))
    assert found.share == sum(w.numel() for w in found.weights.values()) / sum(w.numel() for w in model.parameters())


def test_the_projections_of_attention_are_prunable():
    layer = nn.TransformerEncoderLayer(8, 2, dim_feedforward=16)
    names = list(prunable(nn.Sequential(layer, nn.Linear(8, 2))))
    assert names == [
        "0.self_attn.in_proj_weight",
        "0.self_attn.out_proj.weight",
        "0.linear1.weight",
        "0.linear2.weight",
    ]


def test_a_head_that_holds_most_weights_is_prunable():
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(72, 100))
    assert list(prunable(model)) == ["0.weight", "2.weight"]


def test_too_little_is_refused_unless_asked_for():
    model = nn.Sequential(nn.Embedding(1000, 8), nn.Linear(8, 8), nn.Linear(8, 2))
    with pytest.raises(UsageError, match="only 1 % of the parameters") as caught:
        registry.make("pruners", "magnitude", {}).instance.mask(model, toy_data(), 0.5, seed=0)
    assert "--linear" in caught.value.fix
    mask = registry.make("pruners", "magnitude", {"linear": True}).instance.mask(model, toy_data(), 0.5, seed=0)
    assert list(mask.kept) == ["1.weight", "2.weight"]


@pytest.mark.parametrize(
    ("names", "kinds", "weights"),
    [
        (["0.weight"], "convolutions", 18),
        (["2.weight"], "linear layers", 7200),
        (["0.weight", "2.weight"], "convolutions and linear layers", 7218),
        (["3.weight"], "other layers", 800),
        (["0.weight", "3.weight"], "convolutions and other layers", 818),
    ],
)
def test_the_weights_of_a_mask_are_described(names, kinds, weights):
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(72, 100), nn.Embedding(100, 8))
    assert describe_weights(model, names) == (kinds, weights / (18 + 2 + 7200 + 100 + 800))
