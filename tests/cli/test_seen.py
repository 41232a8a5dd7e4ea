"""What the program says of how images are seen, and carries on in the commands it advises."""

from __future__ import annotations

import argparse
import json

import numpy as np
import pytest
import timm
import torch
from PIL import Image

from prunescope.report.diagnosis.advice import data_text


@pytest.fixture
def inputs(tmp_path):
    """Return a checkpoint in the layout of timm's train.py, and a folder of images."""
    rng = np.random.default_rng(0)
    for split in ("train", "val"):
        for level, name in enumerate(("dark", "light")):
            (tmp_path / "data" / split / name).mkdir(parents=True)
            for i in range(4):
                pixels = rng.integers(0, 100, (16, 16, 3)) + 150 * level
                Image.fromarray(pixels.astype(np.uint8)).save(tmp_path / "data" / split / name / f"{i}.png")
    torch.manual_seed(0)
    network = timm.create_model("preresnet8", num_classes=2, width=0.25)
    args = argparse.Namespace(
        model="preresnet8", model_kwargs={"width": 0.25}, num_classes=2, img_size=12, mean=[1 / 3] * 3, std=[0.3] * 3,
        hflip=0.0, cutmix=1.0, mixup=0.2, drop_path=0.1, batch_size=4, lr=0.1, lr_base=0.1, epochs=10, opt="sgd",
        momentum=0.9, weight_decay=1e-4, sched="cosine",
    )  # fmt: skip
    file = {"arch": "preresnet8", "state_dict": network.state_dict(), "args": args, "epoch": 9, "version": 2}
    torch.save({**file, "state_dict_ema": network.state_dict()}, tmp_path / "last.pth.tar")
    return tmp_path / "last.pth.tar", tmp_path / "data", tmp_path / "study"


def test_a_dry_run_prints_the_whole_plan(inputs, invoke):
    checkpoint, data, study = inputs
    words = ("diagnose", checkpoint, "--data", data, "--study", study, "--density", "0.5", "--dry-run")
    said = invoke(*words).stderr.replace("\n", " ")
    for part in (
        "images: 12x12, mean 0.333, std 0.3 (checkpoint's args)",
        "network: preresnet8 with 2 classes",
        "EMA weights read from 'state_dict_ema'; --weights raw reads 'state_dict' instead",
        "8 training and 8 test images, 2 classes, 12x12 pixels",
        "mixup=0.2",
        "schedule=cosine, weight_decay=0.0001",
        "prunable: convolutions, 9",
        "CutMix (alpha 1)",
        "stochastic depth (drop-path 0.1)",
    ):
        assert part in said
    assert "CutMix" in json.loads(invoke(*words, "--json").stdout)["dry_run"]["assumptions"][0]


def test_a_diagnosis_carries_the_settings_into_the_next_command(inputs, invoke):
    checkpoint, data, study = inputs
    result = invoke("diagnose", checkpoint, "--data", data, "--study", study, "--density", "none", "--json")
    commands = json.dumps(json.loads(result.stdout)["next"])
    assert "flip=false" in commands
    assert "image_size=12" in commands
    assert f"mean={1 / 3!r}" in commands


def test_a_number_of_an_option_is_printed_whole():
    source = {"name": "timm", "options": {"root": "birds", "mean": [0.49139968, 0.5], "crop_pct": 0.9}}
    assert data_text(source) == "birds:crop_pct=0.9,mean=0.49139968,0.5"


@pytest.mark.parametrize("step", [("prune", "magnitude"), ("probe", "errors")])
def test_every_step_names_the_weights_that_it_reads(inputs, invoke, step):
    checkpoint, data, study = inputs
    words = (*step, checkpoint, *(("--density", "0.5") if step[0] == "prune" else ()), "--data", data, "--study", study)
    result = invoke(*words)
    assert result.exit_code == 0, result.stderr
    assert "weights: EMA weights read from 'state_dict_ema'; --weights raw reads 'state_dict' instead" in result.stderr
