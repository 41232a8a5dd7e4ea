from __future__ import annotations

import pytest
import torch
from prunescope_structured import channels
from torch import nn

from prunescope.api.errors import UsageError
from prunescope.networks.models import ModelSpec, create
from prunescope.plugins.testing import toy_model

IMAGES = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))


def network(name, **options):
    spec = ModelSpec(name=name, num_classes=10, in_chans=3, image_size=(32, 32), options=options)
    return create(spec, seed=0).eval()


def places(one):
    return {(member.parameter, member.axis) for member in one.members}


def test_a_chain_of_layers():
    first, second = channels.find(toy_model(), IMAGES)
    assert (first.root, first.count, places(first)) == ("0", 8, {("0.weight", 0), ("3.weight", 1)})
    assert (second.root, second.count, places(second)) == ("3", 16, {("3.weight", 0), ("8.weight", 1)})


def test_a_residual_stream_is_one_set():
    sets = channels.find(network("preresnet8", width=0.5), IMAGES)
    stream = next(one for one in sets if one.root == "conv1")
    assert ("layer1.0.conv2.weight", channels.OUTPUT) in places(stream)
    assert ("layer2.0.conv1.weight", channels.INPUT) in places(stream)
    assert ("layer2.0.downsample.0.weight", channels.INPUT) in places(stream)


def test_a_flattened_map_has_a_column_for_every_pixel():
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(4 * 30 * 30, 10))
    (one,) = channels.find(model, IMAGES)
    (columns,) = [member for member in one.members if member.parameter == "2.weight"]
    assert columns.places[1] == tuple(range(900, 1800))


def test_the_output_is_not_touched():
    assert not any("fc" in one.root for one in channels.find(network("preresnet8", width=0.5), IMAGES))


def test_the_model_is_left_as_it_was():
    model = toy_model()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    model.requires_grad_(False)  # noqa: FBT003 - torch takes it so
    channels.find(model, IMAGES)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert not any(parameter.requires_grad or parameter.grad is not None for parameter in model.parameters())
    assert not any(module._forward_hooks for module in model.modules())


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("vit_tiny_patch16_224", "attention|normalises"),
        ("convnext_atto", "normalises"),
        ("resnext50_32x4d", "32 groups"),
    ],
)
def test_what_does_not_fit_is_refused(name, why):
    spec = ModelSpec(name=name, num_classes=10, in_chans=3, image_size=(32, 32))
    with pytest.raises(UsageError, match=why):
        channels.find(create(spec, seed=0), IMAGES)
