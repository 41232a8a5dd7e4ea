"""Exported folders name the size and the preparation of the images that the network saw, or none."""

from __future__ import annotations

import json

import numpy as np
import pytest
import timm
import torch
from PIL import Image
from timm.data import create_transform, resolve_data_config

import prunescope
from prunescope.api.trust import NOTHING
from prunescope.data import live, sources
from prunescope.data.objects import objects_to_data
from prunescope.data.sight import list_preparation

DATA = "patches:images=64,test_images=40"

READS_FOLDERS = pytest.mark.skipif(timm.__version__ == "1.0.16", reason="timm 1.0.16 reads no safetensors of a folder")


@pytest.fixture
def file(tmp_path):
    torch.manual_seed(0)
    torch.save(timm.create_model("resnet10t", num_classes=10).state_dict(), tmp_path / "a.pth")
    return {"network": tmp_path / "a.pth", "model": "resnet10t", "study": tmp_path / "study"}


def folder(path, **given):
    """Export a network; return its pretrained_cfg and its card."""
    prunescope.export(**given, to="hf", output=path)
    config = json.loads((path / "config.json").read_text(encoding="utf-8"))
    return config["pretrained_cfg"], (path / "README.md").read_text(encoding="utf-8")


@READS_FOLDERS
def test_the_size_is_that_of_the_data_and_none_where_they_are_unknown(file, tmp_path):
    unknown, card = folder(tmp_path / "unknown", **file)
    assert "input_size" not in unknown
    assert "- Network: resnet10t, 10 classes, 3 channels\n" in card
    named, card = folder(tmp_path / "named", data=DATA, **file)
    assert named["input_size"] == [3, 8, 8]
    assert "3 channels, 8x8 pixels" in card
    assert len(named["mean"]) == len(named["std"]) == 3


@READS_FOLDERS
def test_a_network_that_was_measured_has_the_size_of_what_it_was_measured_on(file, tmp_path):
    prunescope.probe(file["network"], "errors", data=DATA, model="resnet10t", study=file["study"])
    measured, _ = folder(tmp_path / "measured", **file)
    assert measured["input_size"] == [3, 8, 8]
    other = "patches:images=64,test_images=40,size=12"
    prunescope.probe(file["network"], "errors", data=other, model="resnet10t", study=file["study"])
    several, _ = folder(tmp_path / "several", **file)
    assert "input_size" not in several


@READS_FOLDERS
def test_a_pruned_file_has_the_size_of_what_it_was_pruned_on(file, tmp_path):
    pruned = prunescope.prune(**file, data=DATA, density=0.5)
    found, _ = folder(tmp_path / "pruned", network=pruned, study=file["study"])
    assert found["input_size"] == [3, 8, 8]


@READS_FOLDERS
def test_a_network_of_one_size_alone_has_that_size(tmp_path):
    small = {"num_classes": 10, "img_size": 32}
    torch.save(timm.create_model("vit_tiny_patch16_224", **small).state_dict(), tmp_path / "vit.pth")
    model = "vit_tiny_patch16_224"
    found, card = folder(tmp_path / "vit", network=tmp_path / "vit.pth", model=model, study=tmp_path / "study")
    assert found["input_size"] == [3, 32, 32]
    assert "32x32 pixels" in card


@pytest.mark.parametrize(("side", "more"), [(16, ""), (80, ":image_size=72"), (80, ":image_size=72,mean=0.5,std=0.25")])
def test_timm_prepares_images_from_these_settings_as_the_data_set_does(side, more, tmp_path):
    draw, paths = np.random.default_rng(0), []
    for split in ("train", "val"):
        for number in range(4):
            paths.append(tmp_path / split / f"class{number % 2}" / f"{number}.png")
            paths[-1].parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(draw.integers(0, 255, (side, side, 3), dtype=np.uint8)).save(paths[-1])
    source = sources.describe(f"{tmp_path}{more}")
    data = sources.open_source(source.to_json(), device="cpu")
    settings = list_preparation(data, sources.all_options(source))
    network = timm.create_model("resnet10t", num_classes=2, pretrained_cfg_overlay=settings)
    transform = create_transform(**resolve_data_config(model=network))
    wanted = torch.stack([transform(Image.open(path)) for path in paths[4:]])
    found = torch.cat([images for images, _ in data.test.batches(4)])
    totals = [images.sum(dim=(1, 2, 3)).argsort() for images in (wanted, found)]
    torch.testing.assert_close(found[totals[1]], wanted[totals[0]], rtol=0, atol=1e-5, check_stride=False)


def test_data_that_are_objects_of_this_process_have_no_options():
    images = torch.zeros(4, 1, 6, 6, dtype=torch.uint8)
    source = live.keep_data(objects_to_data((images, torch.arange(4) % 2)))
    opened = sources.open_source(source.to_json(), device="cpu", trust=NOTHING)
    assert list_preparation(opened, sources.all_options(source))["input_size"] == [1, 6, 6]
