"""Transformers of other patches and windows than their name says; a weights file beside its config.json."""

from __future__ import annotations

import json
from argparse import Namespace

import pytest
import timm
import torch
from safetensors.torch import save_file

from prunescope.api.errors import MismatchError
from prunescope.networks import checkpoints

SMALL = {
    "vit_tiny_patch16_224": {"patch_size": 8, "depth": 1},
    "deit_tiny_patch16_224": {"patch_size": 4, "depth": 1},
    "swin_tiny_patch4_window7_224": {"window_size": 4, "depths": (1, 1, 1, 1), "embed_dim": 24},
}
V2 = {"depths": (1, 1, 1, 1), "embed_dim": 24, "num_heads": (3, 3, 6, 6)}

SIDE = {"vit_tiny_patch16_224": 32, "deit_tiny_patch16_224": 32}


def _made(name):
    torch.manual_seed(0)
    side = SIDE.get(name, 64)
    return timm.create_model(name, num_classes=3, img_size=side, **SMALL[name]).eval(), side


def _saved(path, net, name, *, side, left_out):
    options = {key: value for key, value in SMALL[name].items() if key not in left_out}
    args = Namespace(model=name, img_size=side, num_classes=3, lr=0.1, model_kwargs=options)
    torch.save({"arch": name, "state_dict": net.state_dict(), "args": args}, path)


@pytest.mark.parametrize("name", SMALL)
def test_patches_and_windows_are_read_off_the_tensors(tmp_path, name):
    net, side = _made(name)
    _saved(tmp_path / "net.pt", net, name, side=side, left_out=("patch_size", "window_size"))
    inputs = torch.randn(2, 3, side, side)
    found = checkpoints.load_checkpoint(tmp_path / "net.pt")
    with torch.inference_mode():
        assert torch.equal(checkpoints.to_model(found).eval()(inputs), net(inputs))
    assert any("inferred from the tensors" in note for note in found.notes)


def test_a_window_that_no_tensor_shows_is_an_argument(tmp_path):
    name = "swinv2_tiny_window8_256"
    args = Namespace(model=name, img_size=64, lr=0.1, window_size=4, patch_size=None, model_kwargs=V2)
    net = timm.create_model(name, num_classes=3, img_size=64, window_size=4, **V2)
    torch.save({"arch": name, "state_dict": net.state_dict(), "args": args}, tmp_path / "net.pt")
    assert checkpoints.load_checkpoint(tmp_path / "net.pt").spec.options["window_size"] == 4


def test_a_depth_that_no_one_gives_is_a_mismatch(tmp_path):
    name = "vit_tiny_patch16_224"
    net, side = _made(name)
    _saved(tmp_path / "net.pt", net, name, side=side, left_out=("depth",))
    with pytest.raises(MismatchError, match="missing"):
        checkpoints.load_checkpoint(tmp_path / "net.pt")


@pytest.mark.parametrize("form", ["folder", "file"])
def test_a_weights_file_is_read_with_the_configuration_beside_it(tmp_path, form):
    net = timm.create_model("test_resnet", num_classes=3)
    file = tmp_path / "weights.safetensors"
    save_file(net.state_dict(), file)
    seen = {"input_size": [3, 64, 64], "mean": [0.5, 0.4, 0.3], "std": [0.2, 0.2, 0.2]}
    described = {"architecture": "test_resnet", "num_classes": 3, "pretrained_cfg": seen}
    (tmp_path / "config.json").write_text(json.dumps(described))
    found = checkpoints.load_checkpoint(tmp_path if form == "folder" else file)
    assert found.spec.image_size == (64, 64)
    assert found.normalization == ((0.5, 0.4, 0.3), (0.2, 0.2, 0.2))


def test_a_configuration_that_is_of_another_file_is_left_alone(tmp_path):
    torch.save(timm.create_model("test_resnet", num_classes=3).state_dict(), tmp_path / "one.pt")
    torch.save(timm.create_model("test_resnet", num_classes=4).state_dict(), tmp_path / "two.pt")
    (tmp_path / "config.json").write_text(json.dumps({"architecture": "test_vit", "num_classes": 4}))
    assert checkpoints.load_checkpoint(tmp_path / "one.pt").spec.num_classes == 3
    (tmp_path / "two.pt").unlink()
    (tmp_path / "config.json").write_text("{")
    assert checkpoints.load_checkpoint(tmp_path / "one.pt").spec.name == "test_resnet"
