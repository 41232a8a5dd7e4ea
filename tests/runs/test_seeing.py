"""Images are seen as the checkpoint's training saw them, compared with timm's and torchvision's own transforms."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from PIL import Image
from timm.data import create_transform, resolve_data_config
from torchvision import transforms

from prunescope.api.errors import MismatchError
from prunescope.api.trust import Trust
from prunescope.data import places, sources
from prunescope.plugins import registry
from prunescope.runs.importing import import_checkpoint
from prunescope.runs.opening import open_data, open_network
from prunescope.runs.seeing import describe_unheeded
from prunescope.runs.session import Session
from prunescope.runs.store import Store
from prunescope.runs.watching import Silent


class Noted(Silent):
    def __init__(self):
        self.lines = []

    def note(self, text):
        self.lines.append(text)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Images of mixed sizes, as a person's own folder has them."""
    root, rng = tmp_path_factory.mktemp("mixed") / "data", np.random.default_rng(0)
    for split in ("train", "val"):
        for name in ("ant", "bee"):
            (root / split / name).mkdir(parents=True)
            for i, size in enumerate(((70, 90), (100, 80), (66, 66))):
                pixels = rng.integers(0, 256, (*size, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(root / split / name / f"{i}.png")
    return root


@pytest.fixture
def session(tmp_path):
    executor = registry.make("executors", "local", {"workers": 1})
    return Session(store=Store(tmp_path / "study"), device="cpu", executor=executor, watcher=Noted())


def saved(path, *, model="test_resnet", in_chans=3, create=None, **args):
    """Write what timm's train.py saves."""
    network = timm.create_model(model, num_classes=2, in_chans=in_chans, **(create or {}))
    said = argparse.Namespace(
        model=model, num_classes=2, batch_size=8, lr_base=0.1, lr=0.1, epochs=2, opt="sgd", **args
    )
    torch.save({"arch": model, "state_dict": network.state_dict(), "args": said, "epoch": 1, "version": 2}, path)
    return network


def opened(path, data, session):
    reference = open_network(str(path), session)
    source = open_data(str(data), [reference], session)
    return source, sources.open_source(source.to_json(), device="cpu")


def seen_by(transform, folder, mode="RGB"):
    files = sorted((folder / "val").glob("*/*.png"))
    return torch.stack([transform(Image.open(file).convert(mode)) for file in files])


def same_images(data, wanted):
    """Whether the test split holds these images, in whatever order."""
    found = next(data.test.batches(len(wanted)))[0]
    return all(any(torch.allclose(one, other, atol=1e-6) for other in found) for one in wanted)


@pytest.mark.parametrize(
    "args",
    [
        {"img_size": 64, "mean": (0.5,), "std": (0.25,), "crop_pct": None, "interpolation": ""},
        {"input_size": (3, 48, 40), "mean": None, "std": None, "crop_pct": 0.8, "interpolation": "bilinear"},
        {"img_size": 72, "crop_mode": "squash", "crop_pct": 0.9},
        {"img_size": 72, "crop_mode": "border"},
        {},
    ],
)
def test_images_are_seen_as_timm_sees_them(tmp_path, folder, session, args):
    network = saved(tmp_path / "last.pth.tar", **args)
    config = resolve_data_config({key: value for key, value in args.items() if value}, model=network)
    _, data = opened(tmp_path / "last.pth.tar", folder, session)
    assert data.image_size == config["input_size"][1:]
    assert same_images(data, seen_by(create_transform(**config), folder))


def test_the_line_names_where_each_setting_was_read(tmp_path, folder, session):
    saved(tmp_path / "last.pth.tar", img_size=64, mean=(0.5,) * 3, std=(0.5,) * 3, no_aug=True, hflip=0.5)
    opened(tmp_path / "last.pth.tar", f"{folder}:interpolation=nearest", session)
    line = next(line for line in session.watcher.lines if line.startswith("images: "))
    assert "64x64, mean 0.5, std 0.5 (checkpoint's args)" in line
    assert "nearest (--data)" in line
    assert "centre crop of 0.95 (timm's default for test_resnet)" in line
    assert "no flips, no random crops (checkpoint's args)" in line


@pytest.mark.parametrize(("hflip", "no_aug", "flips"), [(0.0, False, False), (0.5, False, True), (0.5, True, False)])
@pytest.mark.parametrize("in_memory", ["always", "never"])
def test_flips_are_the_checkpoints(tmp_path, folder, session, hflip, no_aug, flips, in_memory):
    saved(tmp_path / "last.pth.tar", img_size=64, hflip=hflip, no_aug=no_aug, scale=[1.0, 1.0])
    _, data = opened(tmp_path / "last.pth.tar", f"{folder}:in_memory={in_memory}", session)
    still = next(data.train.batches(8))[0]
    epochs = [next(data.train.epoch(8, generator=torch.Generator().manual_seed(seed)))[0] for seed in range(6)]
    mirrored = [all(not torch.allclose(one, other, atol=1e-5) for other in still) for one in torch.cat(epochs)]
    assert any(mirrored) == flips
    assert not all(mirrored)


def test_what_a_person_gives_goes_before(tmp_path, folder, session):
    saved(tmp_path / "last.pth.tar", img_size=64, mean=(0.5,) * 3, std=(0.5,) * 3, hflip=0.0)
    source, data = opened(tmp_path / "last.pth.tar", f"{folder}:image_size=32,mean=0.1,std=0.2,flip=true", session)
    assert data.image_size == (32, 32)
    assert data.train.mean == (0.1,) * 3
    assert "flip" not in source.options  # true is the option's default


def test_a_grey_network_sees_grey_images(tmp_path, folder, session):
    saved(tmp_path / "last.pth.tar", in_chans=1, img_size=64, crop_pct=1.0)
    _, data = opened(tmp_path / "last.pth.tar", folder, session)
    assert data.in_chans == 1
    shown = transforms.Compose(
        [transforms.Resize(64, transforms.InterpolationMode.BILINEAR), transforms.CenterCrop(64)]
    )
    tensor = transforms.Compose([shown, transforms.ToTensor(), transforms.Normalize(0.5, 0.5)])  # test_resnet's own
    assert same_images(data, seen_by(tensor, folder, "L"))


def test_a_grey_network_of_ones_own_sees_grey_images(tmp_path, folder, session, monkeypatch):
    (tmp_path / "grey_nets.py").write_text(
        "from torch import nn\n"
        "def net(num_classes=2, in_chans=3):\n"
        "    return nn.Sequential(nn.Conv2d(in_chans, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2))\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    network = __import__("grey_nets").net
    torch.save(network(in_chans=1).state_dict(), tmp_path / "grey.pt")
    torch.save(network(in_chans=3).state_dict(), tmp_path / "colour.pt")
    session = replace(session, store=Store(tmp_path / "own", trust=Trust(frozenset({"grey_nets:net"}))))
    for name, channels in (("grey", 1), ("colour", 3)):
        run = import_checkpoint(tmp_path / f"{name}.pt", session.store, model="grey_nets:net")
        source = open_data(f"{folder}:image_size=32", [run], session)
        assert sources.open_source(source.to_json(), device="cpu").in_chans == channels
        assert ("grey (the network)" in session.watcher.lines[-1]) == (channels == 1)


def test_torchvisions_references_are_read(tmp_path, folder, session):
    args = {"val_resize_size": 72, "val_crop_size": 64, "train_crop_size": 56, "interpolation": "bilinear"}
    network = timm.create_model("test_resnet", num_classes=2)
    said = argparse.Namespace(model="test_resnet", batch_size=8, lr=0.1, epochs=2, **args)
    torch.save({"model": network.state_dict(), "args": said, "epoch": 1}, tmp_path / "model_1.pth")
    _, data = opened(tmp_path / "model_1.pth", folder, session)
    imagenet = transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
    shown = [transforms.Resize(72), transforms.CenterCrop(64), transforms.ToTensor(), imagenet]
    assert same_images(data, seen_by(transforms.Compose(shown), folder))
    assert any("torchvision's reference" in line for line in session.watcher.lines)


def test_a_network_of_one_size_sees_images_at_that_size(tmp_path, folder, session):
    """A bare state_dict of a vision transformer says nothing but its grid of patches."""
    network = timm.create_model("deit_tiny_patch16_224", num_classes=2, img_size=96)
    torch.save(network.state_dict(), tmp_path / "deit_tiny_patch16_224.pt")
    _, data = opened(tmp_path / "deit_tiny_patch16_224.pt", folder, session)
    assert data.image_size == (96, 96)
    assert any("96x96 (the network)" in line for line in session.watcher.lines)
    with pytest.raises(MismatchError, match="only images of 96x96 pixels"):
        opened(tmp_path / "deit_tiny_patch16_224.pt", f"{folder}:image_size=64", session)


def test_lightning_and_grey_levels(tmp_path, folder, session):
    network = timm.create_model("test_resnet", num_classes=2)
    state = {f"model.{name}": value for name, value in network.state_dict().items()}
    settings = {"model": "test_resnet", "data": {"image_size": 48, "mean": [127.5] * 3, "std": [51.0] * 3}}
    file = {"state_dict": state, "hyper_parameters": settings, "pytorch-lightning_version": "2.1.0", "epoch": 1}
    torch.save(file, tmp_path / "a.ckpt")
    _, data = opened(tmp_path / "a.ckpt", folder, session)
    assert data.image_size == (48, 48)
    assert data.train.mean == (0.5,) * 3
    assert data.train.std == (0.2,) * 3


def test_a_run_of_ours_is_measured_as_it_was_trained(folder, session):
    from prunescope import train

    trained = train(
        "test_resnet",
        f"{folder}:image_size=40,flip=false,mean=0.5,std=0.5",
        trainer_options={"epochs": 1},
        study=session.store.study,
    )
    source = open_data(str(folder), [trained.run], session)
    assert source.options["image_size"] == 40
    assert source.options["flip"] is False
    assert Path(places.find_places(source)[0]["root"]) == folder
    assert "root" not in source.options


@pytest.mark.parametrize(
    ("args", "in_memory", "named"),
    [
        ({"scale": [0.6, 1.0]}, "always", "random crops from 0.6 of the image (here out of a border"),
        ({"scale": [0.6, 1.0]}, "never", None),
        ({"scale": [0.6, 1.0], "no_aug": True}, "always", None),
        ({"scale": [1.0, 1.0]}, "always", None),
        ({"scale": [0.6, 1.0], "ratio": [0.5, 2.0]}, "never", "random crops of a width of 0.5 to 2 heights"),
        ({"scale": [0.6, 1.0], "ratio": [0.75, 4 / 3]}, "never", None),
        ({"scale": [0.6, 1.0], "train_crop_mode": "rkrc"}, "never", "random crops by timm's rkrc"),
        ({"model_ema": True}, "always", "a moving average of the weights (EMA)"),
        ({"model_ema": False}, "always", None),
    ],
)
def test_what_retraining_does_not_repeat_is_named(tmp_path, folder, session, args, in_memory, named):
    saved(tmp_path / "last.pth.tar", img_size=64, **args)
    reference = open_network(str(tmp_path / "last.pth.tar"), session)
    source = open_data(f"{folder}:in_memory={in_memory}", [reference], session)
    found = describe_unheeded(reference, source, registry.make("trainers", "sgd", {}), session)
    assert (named in found) if named else found == ""


def test_an_average_that_retraining_keeps_too_is_not_named(tmp_path, folder, session):
    saved(tmp_path / "last.pth.tar", img_size=64, model_ema=True)
    reference = open_network(str(tmp_path / "last.pth.tar"), session)
    source = open_data(str(folder), [reference], session)
    assert describe_unheeded(reference, source, registry.make("trainers", "sgd", {"ema": "0.9"}), session) == ""


def test_the_class_map_of_a_training_is_named_unless_one_is_given(tmp_path, folder, session):
    (tmp_path / "map.txt").write_text("bee\nant\n")
    saved(tmp_path / "last.pth.tar", img_size=64, class_map="map.txt")
    for given, named in ((str(folder), True), (f"{folder}:classes={tmp_path / 'map.txt'}", False)):
        session.watcher.lines.clear()
        opened(tmp_path / "last.pth.tar", given, session)
        assert any("class map 'map.txt'" in line for line in session.watcher.lines) == named
