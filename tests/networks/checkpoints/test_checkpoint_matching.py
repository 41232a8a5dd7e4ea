"""Fitting tensors to an architecture, finding it where nobody says it, and saying what does not fit."""

from __future__ import annotations

import sys

import pytest
import timm
import torch
import torchvision
from torch import nn

from prunescope.api.errors import MismatchError, UsageError
from prunescope.networks import checkpoints
from prunescope.networks.checkpoints.fingerprints import fingerprint, shapes
from prunescope.networks.checkpoints.matching import KnownNetwork, check_match, fit_state
from prunescope.networks.checkpoints.names import strip_wrappers, views
from prunescope.networks.checkpoints.search import hinted_names, search
from prunescope.networks.identified import identified
from prunescope.networks.models import ModelSpec, create


def make(name, *, classes=4, chans=3, **options):
    return timm.create_model(name, num_classes=classes, in_chans=chans, **options)


def saved(model, path):
    torch.save(model.state_dict(), path)
    return path


@pytest.mark.parametrize(
    ("name", "options", "spec"),
    [
        ("preresnet14", {"chans": 1, "width": 0.5}, {"options": {"width": 0.5}, "in_chans": 1}),
        ("vgg11_bn_cifar", {"width": 0.125}, {"options": {"width": 0.125}}),
        ("densenet22_cifar", {"width": 0.5}, {"options": {"width": 0.5}}),
        ("small_mlp", {"chans": 1, "img_size": 8}, {"image_size": (8, 8), "in_chans": 1}),
        ("small_mlp", {"img_size": 8, "width": 0.25}, {"image_size": (8, 8), "options": {"width": 0.25}}),
        ("resnet18", {"chans": 1}, {"in_chans": 1, "image_size": (224, 224)}),
        ("vit_tiny_patch16_224", {"img_size": 48}, {"image_size": (48, 48)}),
        ("mobilenetv3_small_050", {}, {}),
    ],
)
def test_an_architecture_is_found_by_names_and_shapes(tmp_path, name, options, spec):
    model = make(name, **options)
    got = checkpoints.load_checkpoint(saved(model, tmp_path / "a.pth"))
    assert got.spec.name == name
    assert got.spec.num_classes == 4
    for key, value in spec.items():
        assert getattr(got.spec, key) == value
    assert any("pixels, inferred" in note for note in got.notes) == ("img_size" in options)
    loaded, x = checkpoints.to_model(got).eval(), torch.randn(1, got.spec.in_chans, *got.spec.image_size)
    assert torch.equal(loaded(x), model.eval()(x))


def test_the_files_name_helps(tmp_path):
    got = checkpoints.load_checkpoint(saved(make("resnet18"), tmp_path / "my-resnet18-flowers.pth"))
    assert any("named by the file" in note for note in got.notes)
    assert hinted_names(("runs/resnet18_best", "x")) == ["resnet18"]
    assert hinted_names(("wide_resnet50_2.pth",)) == ["wide_resnet50_2"]
    assert hinted_names(("myresnet18x", "")) == []


def test_an_own_network_needs_its_factory(tmp_path, monkeypatch):
    (tmp_path / "flower_nets.py").write_text(
        "from torch import nn\n"
        "def net(num_classes, in_chans, hidden=8):\n"
        "    return nn.Sequential(nn.Conv2d(in_chans, hidden, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(),\n"
        "                         nn.Linear(hidden, num_classes))\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    spec = ModelSpec(name="flower_nets:net", num_classes=3, in_chans=2, image_size=(8, 8), options={"hidden": 8})
    path = saved(create(spec, seed=0), tmp_path / "a.pth")
    with pytest.raises(MismatchError, match="does not name its architecture") as caught:
        checkpoints.load_checkpoint(path)
    assert "--model pkg.mod:factory" in caught.value.fix
    got = checkpoints.load_checkpoint(path, model=spec.name, options=spec.options, image_size=(8, 8))
    assert got.spec == identified(spec)
    sys.modules.pop("flower_nets")


def test_a_network_that_asks_for_the_version_of_its_weights_gets_it(tmp_path):
    model = torchvision.models.mnasnet0_5(num_classes=3).eval()
    torch.save(model.state_dict(), tmp_path / "a.pth")
    found = checkpoints.load_checkpoint(tmp_path / "a.pth", model="torchvision.models:mnasnet0_5")
    images = torch.randn(1, 3, 32, 32)
    with torch.no_grad():
        assert torch.equal(checkpoints.to_model(found).eval()(images), model(images))


def test_a_network_that_cannot_be_built_on_the_meta_device(tmp_path, monkeypatch):
    (tmp_path / "counting_nets.py").write_text(
        "from torch import nn\n"
        "def net(num_classes):\n"
        "    layer = nn.Linear(4, num_classes)\n"
        "    layer.weight.data *= 1 / layer.weight.abs().max().item()\n"
        "    return layer\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    path = saved(nn.Linear(4, 7), tmp_path / "a.pth")
    assert checkpoints.load_checkpoint(path, model="counting_nets:net").spec.num_classes == 7
    sys.modules.pop("counting_nets")


def test_a_wrong_architecture_lists_five_names_and_the_one_that_fits(tmp_path):
    path = saved(make("preresnet8", width=0.25), tmp_path / "a.pth")
    with pytest.raises(MismatchError, match="does not fit 'preresnet14'") as caught:
        checkpoints.load_checkpoint(path, model="preresnet14")
    message = caught.value.message
    assert message.count("layer1.1.") == 5
    assert ", ..." in message
    assert "unexpected" not in message
    assert "--model preresnet8" in caught.value.fix


def test_a_near_miss_names_the_three_nearest(tmp_path):
    state = make("preresnet8", width=0.25).state_dict()
    state |= {"extra.weight": torch.ones(2), "extra.bias": torch.ones(2)}
    torch.save(state, tmp_path / "a.pth")
    with pytest.raises(MismatchError, match=r"2 unexpected \(extra\.weight, extra\.bias\)") as caught:
        checkpoints.load_checkpoint(tmp_path / "a.pth", model="preresnet8")
    assert caught.value.fix.count("of the tensors fit") == 3
    assert "'preresnet8'" in caught.value.fix


def test_never_loads_with_a_name_too_few_or_too_many(tmp_path):
    state = make("preresnet8", width=0.25).state_dict()
    for broken in (
        {name: tensor for name, tensor in state.items() if name != "fc.bias"},
        {**state, "fc2.bias": torch.ones(1)},
        {**state, "bn.weight": torch.ones(17)},
    ):
        torch.save(broken, tmp_path / "a.pth")
        with pytest.raises(MismatchError):
            checkpoints.load_checkpoint(tmp_path / "a.pth", model="preresnet8", options={"width": 0.25})


def test_an_unknown_model_is_a_usage_error(tmp_path):
    path = saved(make("preresnet8", width=0.25), tmp_path / "a.pth")
    with pytest.raises(UsageError, match="preresnet9"):
        checkpoints.load_checkpoint(path, model="preresnet9")


def test_an_architecture_timm_does_not_know_is_only_a_hint(tmp_path):
    state = make("preresnet8", width=0.25).state_dict()
    torch.save({"arch": "cifar10_preresnet", "state_dict": state}, tmp_path / "a.pth")
    assert checkpoints.load_checkpoint(tmp_path / "a.pth").spec.name == "preresnet8"


def test_the_prefix_with_most_matches_wins():
    state = {f"a.net.{name}": tensor for name, tensor in make("preresnet8", width=0.25).state_dict().items()}
    state |= {f"b.{name}": tensor for name, tensor in make("preresnet14", width=0.25).state_dict().items()}
    eight, fourteen = (fit_state(state, KnownNetwork(name=name)) for name in ("preresnet8", "preresnet14"))
    assert any("'a.net.'" in note for note in eight.notes)
    assert any("'b.'" in note for note in fourteen.notes)
    assert any("left out: b.conv1.weight" in note for note in eight.notes)


def test_views_are_parts_under_a_common_prefix():
    state = {"x.fc.weight": torch.ones(1), "x.fc.bias": torch.ones(1), "y": torch.ones(1)}
    assert {prefix: sorted(part) for prefix, part in views(state).items()} == {
        "": ["x.fc.bias", "x.fc.weight", "y"],
        "x.": ["fc.bias", "fc.weight"],
        "x.fc.": ["bias", "weight"],
    }


def test_a_networks_own_part_called_module_stays():
    assert list(strip_wrappers({"module.w": torch.ones(1), "head.w": torch.ones(1)}).state) == ["module.w", "head.w"]


def test_fingerprints_know_where_a_network_meets_the_data():
    found = fingerprint("resnet18")
    assert (found.classifier, found.stem, found.image_size) == ("fc.weight", "conv1.weight", (224, 224))
    assert found.shapes == shapes(timm.create_model("resnet18").state_dict())


def test_of_nothing_alike_nothing_is_near():
    found = search({"zz.qq": torch.ones(3, 3)}, KnownNetwork())
    assert found.match is None
    assert all(share == 0 for _, share in found.nearest)


def test_shapes_that_grew_are_not_called_structurally_pruned():
    with pytest.raises(MismatchError, match=r"1 of another shape \('a' has \(3,\), wanted \(2,\)\)"):
        check_match({"a": (3,)}, {"a": (2,)}, name="net")
    with pytest.raises(MismatchError, match="structurally"):
        check_match({"a": (1,)}, {"a": (2,)}, name="net")
    check_match({"a": (2,)}, {"a": (2,)}, name="net")


def test_a_perceptron_of_oblong_images_needs_their_size(tmp_path):
    path = saved(timm.create_model("small_mlp", num_classes=4, in_chans=2, img_size=(4, 5)), tmp_path / "a.pth")
    got = checkpoints.load_checkpoint(path, model="small_mlp", image_size=(4, 5))
    assert (got.spec.in_chans, got.spec.image_size) == (2, (4, 5))
    with pytest.raises(MismatchError, match="fc1"):
        checkpoints.load_checkpoint(path, model="small_mlp")


def test_an_architecture_that_cannot_be_built_here_is_passed_over(monkeypatch):
    monkeypatch.setattr("prunescope.networks.checkpoints.search.COMMON", ("no_such_architecture",))
    state = make("preresnet8", width=0.25).state_dict()
    assert search({**state, "extra": torch.ones(1)}, KnownNetwork()).nearest[0][0] == "preresnet8"
