"""Pruned networks: masks are kept, or inferred from exact zeros; networks of fewer channels are refused."""

from __future__ import annotations

import pytest
import torch
from small_checkpoints import lightning, said, small
from torch import nn
from torch.nn.utils import prune

import prunescope.networks.zoo  # noqa: F401 - registers preresnet8
from prunescope.api.errors import InputError, MismatchError
from prunescope.networks import checkpoints
from prunescope.networks.models import prunable


def test_masks_of_torchs_prune_are_kept(tmp_path):
    model = small()
    for name, module in model.named_modules():
        if isinstance(module, nn.Conv2d) and name != "conv1":
            prune.l1_unstructured(module, "weight", amount=0.75)
    prune.random_unstructured(model.fc, "bias", amount=2)
    torch.save({"state_dict": nn.DataParallel(model).state_dict()}, tmp_path / "a.pth")
    got = checkpoints.load_checkpoint(tmp_path / "a.pth")
    assert list(got.mask.kept) == list(prunable(small()))
    assert got.mask.kept["conv1.weight"].all()
    for name in got.mask.kept:
        if name != "conv1.weight":
            mask = model.get_submodule(name.removesuffix(".weight")).weight_mask
            assert torch.equal(got.mask.kept[name], mask.bool())
    assert torch.equal(got.state["layer1.0.conv1.weight"], model.layer1[0].conv1.weight)
    assert torch.equal(got.state["fc.bias"], model.fc.bias)
    assert said(got, "masks of torch.nn.utils.prune found for 9 tensors")
    assert said(got, "fc.bias")


def test_a_pruned_linear_layer_joins_the_mask_and_prefixes_do_not_matter(tmp_path):
    model = small()
    prune.l1_unstructured(model.fc, "weight", amount=0.5)
    torch.save(lightning(model), tmp_path / "a.ckpt")
    got = checkpoints.load_checkpoint(tmp_path / "a.ckpt")
    assert list(got.mask.kept) == list(prunable(small(), linear=True))
    assert torch.equal(got.mask.kept["fc.weight"], model.fc.weight_mask.bool())


def test_spectral_norm_is_no_pruning(tmp_path):
    model = small()
    nn.utils.spectral_norm(model.layer1[0].conv1)
    nn.utils.spectral_norm(model.fc)
    model.train()
    for _ in range(3):
        model(torch.randn(4, 1, 8, 8))
    model.eval()
    x = torch.randn(2, 1, 8, 8)
    expected = model(x)
    torch.save(model.state_dict(), tmp_path / "a.pth")
    got = checkpoints.load_checkpoint(tmp_path / "a.pth")
    assert got.mask is None
    assert said(got, "spectral norm of 2 tensors")
    torch.testing.assert_close(checkpoints.to_model(got).eval()(x), expected)


def test_a_mask_is_inferred_from_exact_zeros_and_said(tmp_path):
    model = small()
    with torch.no_grad():
        model.layer2[0].conv1.weight[:, ::2] = 0
    torch.save(model.state_dict(), tmp_path / "a.pth")
    got = checkpoints.load_checkpoint(tmp_path / "a.pth")
    assert torch.equal(got.mask.kept["layer2.0.conv1.weight"], model.layer2[0].conv1.weight != 0)
    assert said(got, f"mask inferred from exact zeros: density {got.mask.density:.4f}")


def test_zeros_in_linear_layers_join_an_inferred_mask(tmp_path):
    model = small()
    for module in (model.layer2[0].conv1, model.fc):
        prune.l1_unstructured(module, "weight", amount=0.5)
        prune.remove(module, "weight")
    torch.save(model.state_dict(), tmp_path / "a.pth")
    got = checkpoints.load_checkpoint(tmp_path / "a.pth")
    assert list(got.mask.kept) == list(prunable(small(), linear=True))
    assert torch.equal(got.mask.kept["fc.weight"], model.fc.weight != 0)


def test_a_head_of_zeros_is_no_pruned_layer(tmp_path):
    model = small()
    with torch.no_grad():
        model.layer2[0].conv1.weight[:, ::2] = 0
        model.fc.weight.zero_()
    torch.save(model.state_dict(), tmp_path / "a.pth")
    assert "fc.weight" not in checkpoints.load_checkpoint(tmp_path / "a.pth").mask.kept


def test_a_few_zeros_are_no_mask(tmp_path):
    model = small()
    n_weights = sum(weight.numel() for weight in prunable(model).values())
    with torch.no_grad():
        model.conv1.weight[0, 0, 0, 0] = 0
    torch.save(model.state_dict(), tmp_path / "a.pth")
    got = checkpoints.load_checkpoint(tmp_path / "a.pth")
    assert got.mask is None
    assert said(got, f"1 of {n_weights:,} prunable weights is exactly zero")


def test_a_network_of_zeros_is_refused(tmp_path):
    torch.save({name: torch.zeros_like(tensor) for name, tensor in small().state_dict().items()}, tmp_path / "a.pth")
    with pytest.raises(InputError, match="all prunable weights are zero"):
        checkpoints.load_checkpoint(tmp_path / "a.pth")


def test_structurally_pruned_networks_are_refused(tmp_path):
    state = small().state_dict()
    state["layer1.0.conv1.weight"] = state["layer1.0.conv1.weight"][:3].clone()
    torch.save(state, tmp_path / "a.pth")
    with pytest.raises(MismatchError, match="structurally pruned") as caught:
        checkpoints.load_checkpoint(tmp_path / "a.pth", model="preresnet8")
    assert "layer1.0.conv1.weight" in caught.value.message
    assert caught.value.exit_code == 3
