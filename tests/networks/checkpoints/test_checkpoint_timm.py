"""What timm writes: checkpoints of its training script, folders, and names of a hub."""

from __future__ import annotations

import argparse
import csv
import json
import pathlib

import huggingface_hub
import pytest
import timm
import timm.models
import timm.utils
import torch
import yaml
from small_checkpoints import CLASSES, assert_loads, said, small

import prunescope.networks.zoo  # noqa: F401 - registers preresnet8
from prunescope.api.errors import InputError
from prunescope.networks import checkpoints


def timm_arguments(**changes):
    """What timm's train.py puts into `args`, shortened."""
    values = {
        "model": "preresnet8",
        "model_kwargs": {"width": 0.25},
        "num_classes": CLASSES,
        "in_chans": 1,
        "img_size": 16,
        "input_size": None,
        "mean": [0.5],
        "std": [0.25],
        "interpolation": "",
        "crop_pct": None,
        "dataset": "",
        "data_dir": "/data/flowers",
        "batch_size": 64,
        "world_size": 2,
        "grad_accum_steps": 1,
        "lr": None,
        "lr_base": 0.1,
        "lr_base_size": 256,
        "lr_base_scale": "",
        "opt": "sgd",
        "momentum": 0.9,
        "weight_decay": 2e-5,
        "sched": "step",
        "epochs": 60,
        "decay_epochs": 20,
        "decay_rate": 0.1,
        "decay_milestones": [90, 180, 270],
        "warmup_epochs": 5,
        "cooldown_epochs": 0,
        "smoothing": 0.1,
        "mixup": 0.2,
        "seed": 42,
    }
    return argparse.Namespace(**{**values, **changes})


def save_with_timm(folder, model, *, ema=None, epoch=59, **changes):
    folder.mkdir(exist_ok=True)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    saver = timm.utils.CheckpointSaver(
        model, optimizer, args=timm_arguments(**changes), model_ema=ema, checkpoint_dir=str(folder)
    )
    saver.save_checkpoint(epoch, metric=81.25)
    return folder / "last.pth.tar"


def test_a_timm_training_checkpoint_with_ema_and_arguments(tmp_path):
    model = small()
    ema = timm.utils.ModelEmaV3(model, decay=0.5)
    with torch.no_grad():
        model.conv1.weight.add_(1)
    ema.update(model)
    path = save_with_timm(tmp_path, model, ema=ema)
    assert not torch.equal(ema.module.conv1.weight, model.conv1.weight)
    got = assert_loads(path, ema.module)
    assert_loads(path, model, weights="raw")
    assert (got.format, got.spec.name, got.spec.image_size) == ("timm", "preresnet8", (16, 16))
    assert got.knobs == {"epochs": 60, "batch_size": 128, "learning_rate": 0.05, "weight_decay": 2e-5}
    assert got.training == {
        "learning_rate": 0.05,
        "batch_size": 128,
        "epochs": 60,
        "momentum": 0.9,
        "weight_decay": 2e-5,
        "label_smoothing": 0.1,
        "mixup": 0.2,
        "warmup_epochs": 5,
        "seed": 42,
        "optimizer": "sgd",
        "nesterov": True,
        "schedule": "multistep",
        "drop_factor": 0.1,
        "drops": [0.333333, 0.666667],
    }
    assert got.normalization == ((0.5,), (0.25,))
    assert got.data["data_dir"] == "/data/flowers"
    assert got.data["interpolation"] == "bilinear"  # the architecture's own, as timm resolves it


def test_a_timm_run_that_stopped_early_counts_its_epochs_and_reads_its_summary(tmp_path):
    path = save_with_timm(tmp_path, small(), epoch=29)
    with (tmp_path / "summary.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, ["epoch", "train_loss", "eval_top1"])
        writer.writeheader()
        writer.writerows({"epoch": n, "train_loss": 1 / (n + 1), "eval_top1": n} for n in range(35))
    got = checkpoints.load_checkpoint(path)
    assert got.knobs["epochs"] == got.training["epochs"] == 30
    assert got.training["drops"] == [0.666667]
    assert said(got, "saved after epoch 30, planned were 60")
    assert said(got, "the run went to epoch 35; after epoch 30: train_loss 0.0333")


def test_arguments_beside_a_file_without_them(tmp_path):
    model = small()
    torch.save(model.state_dict(), tmp_path / "model.pth")
    (tmp_path / "args.yaml").write_text(yaml.safe_dump(vars(timm_arguments(lr=0.3))))
    got = assert_loads(tmp_path / "model.pth", model)
    assert got.knobs["learning_rate"] == 0.3
    assert said(got, "args.yaml")
    assert not said(got, "found by names")


def test_a_damaged_args_yaml_is_named(tmp_path):
    torch.save(small().state_dict(), tmp_path / "model.pth")
    (tmp_path / "args.yaml").write_text("model: [unclosed")
    with pytest.raises(InputError, match=r"args\.yaml"):
        checkpoints.load_checkpoint(tmp_path / "model.pth")


@pytest.mark.parametrize("safe", [True, False])
def test_a_timm_folder_with_config_and_weights(tmp_path, safe):
    model = small()
    timm.models.save_for_hf(model, tmp_path / "net", safe_serialization=safe, model_args={"width": 0.25})
    config = json.loads((tmp_path / "net" / "config.json").read_text())
    config["num_classes"] = CLASSES
    (tmp_path / "net" / "config.json").write_text(json.dumps(config))
    for name in (tmp_path / "net", f"local-dir:{tmp_path / 'net'}"):
        got = assert_loads(name, model)
        assert (got.format, got.spec.name) == ("timm folder", "preresnet8")
        assert got.data["mean"] == [0.4914, 0.4822, 0.4465]


def test_a_hub_name_is_fetched_file_by_file(tmp_path, monkeypatch):
    model = small()
    timm.models.save_for_hf(model, tmp_path, safe_serialization=True, model_args={"width": 0.25})
    asked = []

    def fetch(repository, file, *, revision):
        asked.append((repository, file, revision))
        return str(tmp_path / file)

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", fetch)
    assert_loads("hf-hub:me/net@v1", model)
    assert asked == [("me/net", "config.json", "v1"), ("me/net", "model.safetensors", "v1")]


def test_a_hub_name_without_network_is_refused(monkeypatch):
    def refuse(*_args, **_options):
        raise ConnectionError("no route to host")

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", refuse)
    with pytest.raises(InputError, match="no route to host") as caught:
        checkpoints.load_checkpoint("hf-hub:me/net")
    assert "network" in caught.value.fix


def test_folders_that_say_too_little_are_refused(tmp_path):
    with pytest.raises(InputError, match="contains no weights"):
        checkpoints.load_checkpoint(tmp_path)
    with pytest.raises(InputError, match="no folder"):
        checkpoints.load_checkpoint(f"local-dir:{tmp_path / 'nowhere'}")
    model = small()
    torch.save(model.state_dict(), tmp_path / "a.pth")
    assert_loads(tmp_path, model)
    torch.save(model.state_dict(), tmp_path / "b.pth")
    with pytest.raises(InputError, match="2 checkpoints"):
        checkpoints.load_checkpoint(tmp_path)
    (tmp_path / "config.json").write_text('{"architectures": ["ResNetForImageClassification"]}')
    with pytest.raises(InputError, match="no 'architecture'"):
        checkpoints.load_checkpoint(tmp_path)
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(InputError, match=r"cannot read .*config\.json"):
        checkpoints.load_checkpoint(tmp_path)


def test_a_hub_name_falls_back_to_the_older_layout(tmp_path, monkeypatch):
    model = small()
    timm.models.save_for_hf(model, tmp_path, safe_serialization=False, model_args={"width": 0.25})

    def fetch(_repository, file, *, revision):
        assert revision is None
        if not (tmp_path / file).exists():
            raise huggingface_hub.errors.EntryNotFoundError(file)
        return str(tmp_path / file)

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", fetch)
    assert_loads("hf-hub:me/net", model)
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(InputError, match="no 'architecture'"):
        checkpoints.load_checkpoint("hf-hub:me/net")


def test_a_folder_without_permission_is_refused(tmp_path, monkeypatch):
    def refuse(_path):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(pathlib.Path, "iterdir", refuse)
    with pytest.raises(InputError, match=r"cannot read folder .* Permission denied"):
        checkpoints.load_checkpoint(tmp_path)


@pytest.mark.parametrize(
    ("name", "given", "built"),
    [
        ("resnet10t", {"gp": "max"}, {"global_pool": "max"}),
        ("resnet10t", {"gp": "catavgmax"}, {"global_pool": "catavgmax"}),
        ("test_efficientnet", {"gp": "avgmax", "bn_eps": 0.1}, {"global_pool": "avgmax", "bn_eps": 0.1}),
    ],
)
def test_arguments_of_the_train_script_reach_the_constructor(tmp_path, name, given, built):
    torch.manual_seed(0)
    model = timm.create_model(name, num_classes=CLASSES, **built).eval()
    plain = timm.create_model(name, num_classes=CLASSES).eval()
    args = timm_arguments(model=name, model_kwargs={}, in_chans=3, mean=None, std=None, **given)
    file = {"arch": name, "state_dict": model.state_dict(), "args": args, "epoch": 1, "version": 2}
    torch.save(file, tmp_path / "last.pth.tar")
    images = torch.randn(2, 3, 32, 32)
    loaded = checkpoints.to_model(checkpoints.load_checkpoint(tmp_path / "last.pth.tar")).eval()
    with torch.no_grad():
        assert torch.equal(loaded(images), model(images))
        assert not torch.allclose(loaded(images), plain(images))
