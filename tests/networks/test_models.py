from __future__ import annotations

import json
import sys

import pytest
import timm.models
import torch
from torch import nn

from prunescope.api.errors import InputError, UsageError
from prunescope.networks.models import ModelSpec, create, create_empty, nearest_names, prunable

SPEC = ModelSpec(name="preresnet8", num_classes=10, in_chans=1, image_size=(8, 8), options={"width": 0.5})

OWN = """
import torch

LINEAR = torch.nn.Linear(2, 2)

def plain():
    return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 3))

def fitted(num_classes, in_chans, image_size, *, hidden=4):
    height, width = image_size
    return torch.nn.Sequential(
        torch.nn.Flatten(),
        torch.nn.Linear(in_chans * height * width, hidden),
        torch.nn.Linear(hidden, num_classes),
    )

def keyless():
    return {"not": "a module"}

def broken():
    raise ZeroDivisionError("a bug of their own")
"""


def spec(name, *, classes=3, chans=1, size=(8, 8), **options):
    return ModelSpec(name=name, num_classes=classes, in_chans=chans, image_size=size, options=options)


@pytest.fixture
def own(tmp_path, monkeypatch):
    (tmp_path / "own_networks.py").write_text(OWN)
    monkeypatch.syspath_prepend(tmp_path)
    yield "own_networks"
    sys.modules.pop("own_networks", None)


def test_a_spec_survives_json():
    assert ModelSpec.from_json(json.loads(json.dumps(SPEC.to_json()))) == SPEC


@pytest.mark.parametrize("values", [{}, {"name": "x"}, {**SPEC.to_json(), "image_size": 8}, "preresnet8"])
def test_what_is_no_spec_is_refused(values):
    with pytest.raises(InputError, match="not a model's description"):
        ModelSpec.from_json(values)


def test_weights_depend_on_the_seed_alone_and_leave_the_global_generator():
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    first = create(SPEC, seed=1)
    assert torch.equal(torch.rand(3), expected)
    second, other = create(SPEC, seed=1), create(SPEC, seed=2)
    assert torch.equal(first.conv1.weight, second.conv1.weight)
    assert not torch.equal(first.conv1.weight, other.conv1.weight)
    assert first.conv1.weight.shape == (8, 1, 3, 3)


def test_an_empty_network_has_names_and_shapes_only():
    empty, real = create_empty(SPEC), create(SPEC, seed=0)
    assert {n: p.shape for n, p in empty.state_dict().items()} == {n: p.shape for n, p in real.state_dict().items()}
    assert all(parameter.is_meta for parameter in empty.parameters())


def test_a_network_of_billions_has_names_and_shapes_too_where_its_constructor_reads_numbers(monkeypatch):
    def reading(_name, **_options):
        rates = [rate.item() for rate in torch.linspace(0, 0.1, 2)]
        return nn.Sequential(nn.Linear(10**6, 10**6), nn.Dropout(rates[1]))

    monkeypatch.setattr(timm, "create_model", reading)
    empty = create_empty(spec("resnet18"))
    assert empty[0].weight.shape == (10**6, 10**6)
    assert empty[1].p == pytest.approx(0.1)
    assert all(tensor.is_meta for tensor in empty.state_dict().values())


def test_vision_transformers_get_the_image_size_and_convolutional_networks_do_not():
    vit = create(spec("vit_tiny_patch16_224", size=(32, 48), embed_dim=12, depth=1, num_heads=1), seed=0)
    assert vit(torch.randn(1, 1, 32, 48)).shape == (1, 3)
    assert create(spec("resnet18"), seed=0)(torch.randn(2, 1, 8, 8)).shape == (2, 3)


def test_a_name_may_carry_timms_tag():
    assert create(spec("resnet18.a1_in1k"), seed=0).fc.out_features == 3


def test_an_unknown_name_gets_the_three_nearest():
    with pytest.raises(UsageError, match="'preresnet21'") as caught:
        create(spec("preresnet21"), seed=0)
    assert "'preresnet20'" in caught.value.fix
    assert len(nearest_names("preresnet21")) == 3


@pytest.mark.parametrize(
    ("wrong", "culprit"),
    [
        (spec("preresnet8", wdth=2), "wdth"),
        (spec("preresnet8", num_classes=4), "num_classes"),
        (spec("vit_tiny_patch16_224", num_heads=7), "vit_tiny_patch16_224"),
        (spec("no_such_module:f"), "no_such_module"),
        (spec("math:no_such_function"), "no_such_function"),
        (spec("math:pi"), "float"),
    ],
)
def test_what_cannot_be_built_names_the_culprit(wrong, culprit):
    with pytest.raises(UsageError, match=culprit) as caught:
        create(wrong, seed=0)
    assert caught.value.fix


def test_a_factory_gets_what_its_signature_takes(own):
    assert create(spec(f"{own}:plain"), seed=0)(torch.zeros(2, 1, 8, 8)).shape == (2, 3)
    fitted = create(spec(f"{own}:fitted", hidden=5), seed=0)
    assert [tuple(p.shape) for p in prunable(fitted, linear=True).values()] == [(5, 64), (3, 5)]


@pytest.mark.parametrize(("name", "culprit"), [("keyless", "dict"), ("broken", "a bug of their own")])
def test_a_factory_that_fails_is_named(own, name, culprit):
    with pytest.raises(UsageError, match=culprit):
        create(spec(f"{own}:{name}"), seed=0)


def test_prunable_weights_are_the_convolutions_first_and_shortcuts_in():
    model = create(SPEC, seed=0)
    names = list(prunable(model))
    assert names[:3] == ["conv1.weight", "layer1.0.conv1.weight", "layer1.0.conv2.weight"]
    assert "layer2.0.downsample.0.weight" in names
    assert "fc.weight" not in names
    assert len(names) == 9
    assert all(weight is dict(model.named_parameters())[name] for name, weight in prunable(model).items())


def test_linear_first_and_last_are_choices():
    model = create(SPEC, seed=0)
    assert list(prunable(model, linear=True))[-1] == "fc.weight"
    assert list(prunable(model, linear=True, last=False)) == list(prunable(model))
    assert list(prunable(model, last=False)) == list(prunable(model))
    assert list(prunable(model, first=False)) == list(prunable(model))[1:]


def test_convolutions_of_every_dimension_count_and_norms_do_not():
    model = nn.ModuleList([nn.Conv1d(1, 1, 1), nn.Conv3d(1, 1, 1), nn.BatchNorm1d(1), nn.ConvTranspose1d(1, 1, 1)])
    assert list(prunable(model)) == ["0.weight", "1.weight"]
    assert list(prunable(nn.Conv2d(1, 1, 1))) == ["weight"]


def test_a_shared_weight_counts_once():
    a, b = nn.Linear(3, 3), nn.Linear(3, 3)
    b.weight = a.weight
    assert list(prunable(nn.Sequential(a, b), linear=True)) == ["0.weight"]


def test_a_timm_folder_makes_its_network(tmp_path):
    timm.models.save_for_hf(create(SPEC, seed=0), tmp_path, safe_serialization=True, model_args={"width": 0.5})
    model = create(spec(f"local-dir:{tmp_path}", classes=10), seed=0)
    assert model.conv1.weight.shape == (8, 1, 3, 3)


@pytest.mark.parametrize("number", [10**400, -(10**400), [1, 10**400], float("inf")])
def test_a_number_without_end_is_no_option_of_a_network(number):
    described = {"name": "resnet18", "num_classes": 2, "in_chans": 3, "image_size": [8, 8]}
    with pytest.raises(InputError, match="not a model's description"):
        ModelSpec.from_json(described | {"options": {"width": number}})
