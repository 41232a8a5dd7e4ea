from __future__ import annotations

import sys
from dataclasses import replace

import pytest
import torch
from prunescope_structured import command, compact, files, load
from prunescope_structured.plugins import ChannelPruning, Compact

from prunescope.api import Mask, Replica
from prunescope.api.errors import InputError
from prunescope.networks import checkpoints, masks
from prunescope.networks.models import ModelSpec, create, prunable
from prunescope.plugins import registry
from prunescope.plugins.testing import check_probe, check_pruner, toy_data, toy_model, toy_replicas
from prunescope.runs.files.weights import save_weights

REACHABLE = (0.05, 0.1, 1 / 3, 0.5, 0.9, 1.0)

NETWORKS = {
    "preresnet8": {"width": 0.5},
    "densenet22_cifar": {},
    "vgg11_bn_cifar": {"width": 0.25},
    "small_mlp": {},
    "resnet18": {},
    "mobilenetv2_050": {},
}
"""Of prunescope and of timm."""


def with_statistics(model, images):
    """Run a network in training mode, so that BatchNorm has something to shift by."""
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.weight.uniform_(0.5, 1.5)
                module.bias.normal_()
        model.train()
        for _ in range(3):
            model(images)
    return model.eval()


def pruned(name, density, size=32):
    spec = ModelSpec(name=name, num_classes=10, in_chans=3, image_size=(size, size), options=NETWORKS[name])
    images = files.example(spec)
    model = with_statistics(create(spec, seed=0), images)
    data = replace(toy_data(), train=Images(images))
    mask = ChannelPruning().mask(model, data, density, seed=0)
    masks.apply(model, mask)
    return spec, model, mask, images


class Images:
    """A split of some images."""

    def __init__(self, images):
        self.images = images

    def batches(self, size, *, limit=None):  # noqa: ARG002
        yield self.images[:size], torch.zeros(len(self.images[:size]), dtype=torch.int64)


def test_it_is_a_pruner():
    check_pruner(ChannelPruning(), densities=REACHABLE)


def test_it_is_a_probe():
    check_probe(Compact(repeats=1))


@pytest.mark.parametrize(("group", "name"), [("pruners", "channels"), ("probes", "compact")])
def test_prunescope_finds_it(group, name):
    assert registry.get(group, name).distribution == "prunescope-structured"


@pytest.mark.parametrize("name", NETWORKS)
def test_the_compact_network_computes_what_the_masked_one_does(name):
    _, model, mask, images = pruned(name, 0.3)
    made, removed = compact.compact(model, mask, images)
    assert compact.difference(model, made, images) < 1e-5
    assert model(images).abs().max() > 1e-6
    assert sum(weight.numel() for weight in prunable(made, linear=True).values()) == mask.n_kept
    assert sum(map(len, removed.values())) > 0
    assert 0.25 < mask.density <= 0.3


def test_masks_of_single_weights_lose_the_channels_that_are_empty_by_chance():
    (replica,) = toy_replicas(1)
    kept = {
        name: torch.ones_like(weight, dtype=torch.bool) for name, weight in prunable(replica.model, linear=True).items()
    }
    kept["0.weight"][5] = False
    kept["3.weight"][:, 5] = False
    kept["3.weight"][2, 1] = False
    masks.apply(replica.model, Mask(kept))
    images = next(iter(toy_data().test.batches(8)))[0]
    made, removed = compact.compact(replica.model, Mask(kept), images)
    assert removed == {"0": [5]}
    assert made[0].weight.shape[0] == 7


def test_the_probe_says_how_many_are_gone():
    data, model = toy_data(), toy_model()
    mask = ChannelPruning().mask(model, data, 0.3, seed=0)
    masks.apply(model, mask)
    readings = Compact(repeats=1).measure([Replica(model=model, mask=mask)], data, seed=0)
    gone = readings["channels_removed"].value
    assert 0 < gone < 24
    assert readings["parameters"].value == mask.n_kept + 2 * (24 - gone) + 4  # BatchNorm's two a channel, four biases


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    """Write a pruned checkpoint as prunescope does; return its path, network and mask."""
    spec, model, mask, _ = pruned("preresnet8", 0.3)
    path = tmp_path_factory.mktemp("pruned") / "pruned.safetensors"
    save_weights(path, checkpoints.Checkpoint(spec=spec, state=model.state_dict(), mask=mask))
    return path, model, spec


def run(monkeypatch, *words):
    monkeypatch.setattr(sys, "argv", ["prunescope-compact", *map(str, words)])
    return command.main()


def test_a_file_there_and_back(file, tmp_path, monkeypatch, capsys):
    path, model, spec = file
    assert run(monkeypatch, path, tmp_path / "small.safetensors", "--repeats", 1) == 0
    assert "times as fast" in capsys.readouterr().err
    found = load(tmp_path / "small.safetensors")
    assert compact.difference(model, found, files.example(spec)) < 1e-5
    assert (tmp_path / "small.safetensors").stat().st_size < 0.5 * path.stat().st_size


def test_an_exported_program_needs_no_prunescope_and_takes_any_batch(file, tmp_path, monkeypatch):
    path, model, spec = file
    assert run(monkeypatch, path, tmp_path / "small.pt2", "--repeats", 1) == 0
    program = torch.export.load(tmp_path / "small.pt2").module()
    for count in (1, 2, 7):
        images = torch.randn(count, 3, *spec.image_size)
        torch.testing.assert_close(program(images), model(images), rtol=1e-4, atol=1e-4)


def test_wrong_usage_is_told_in_two_lines(file, tmp_path, monkeypatch, capsys):
    path, _, spec = file
    assert run(monkeypatch, path, tmp_path / "small.onnx") == 2
    dense = tmp_path / "dense.safetensors"
    save_weights(dense, checkpoints.Checkpoint(spec=spec, state=create(spec, seed=0).state_dict()))
    assert run(monkeypatch, dense, tmp_path / "small.pt2") == 2
    told = capsys.readouterr().err
    assert "'.onnx'" in told
    assert "has no mask" in told


def test_other_files_are_refused(file, tmp_path):
    with pytest.raises(InputError, match="no compact network"):
        load(file[0])
    (tmp_path / "x.safetensors").write_text("x")
    with pytest.raises(InputError, match="no compact network"):
        load(tmp_path / "x.safetensors")
    with pytest.raises(InputError, match="no compact network"):
        load(tmp_path / "missing.safetensors")
