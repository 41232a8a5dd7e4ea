"""Every format a practitioner has, written by its real writer, loads to the same weights."""

from __future__ import annotations

import argparse
import csv
import json
import pathlib
from collections import OrderedDict

import huggingface_hub
import pytest
import safetensors.torch
import timm
import timm.models
import timm.utils
import torch
import yaml
from torch import nn
from torch.nn.utils import prune

import prunescope.networks.zoo  # noqa: F401 - registers preresnet8
from prunescope.api.errors import InputError, MismatchError, UsageError
from prunescope.networks import checkpoints
from prunescope.networks.models import prunable

CLASSES = 5


def small(seed=0, **options):
    torch.manual_seed(seed)
    model = timm.create_model("preresnet8", num_classes=CLASSES, in_chans=1, width=0.25, **options)
    for name, buffer in model.named_buffers():
        if name.endswith("running_mean"):
            buffer.normal_()
    return model


def assert_loads(path, model, /, **choices):
    got = checkpoints.load_checkpoint(path, **choices)
    assert list(got.state) == list(model.state_dict())
    for name, tensor in model.state_dict().items():
        assert torch.equal(got.state[name], tensor), name
    assert got.spec.num_classes == CLASSES
    loaded = checkpoints.to_model(got).eval()
    x = torch.randn(2, got.spec.in_chans, *got.spec.image_size)
    assert torch.equal(loaded(x), model.eval()(x))
    assert len(got.sha256) == 64
    return got


def said(got, text):
    return any(text in note for note in got.notes)


# ---- plain --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("new", [True, False])
def test_a_bare_state_dict(tmp_path, new):
    model = small()
    torch.save(model.state_dict(), tmp_path / "a.pth", _use_new_zipfile_serialization=new)
    got = assert_loads(tmp_path / "a.pth", model)
    assert (got.format, got.spec.name, got.spec.in_chans, got.spec.options) == (
        "state_dict",
        "preresnet8",
        1,
        {"width": 0.25},
    )
    assert said(got, "'preresnet8' found by names and shapes")
    assert (got.mask, got.knobs, got.data) == (None, {}, None)


def test_safetensors(tmp_path):
    model = small()
    safetensors.torch.save_file(model.state_dict(), tmp_path / "a.safetensors", metadata={"format": "pt"})
    assert assert_loads(tmp_path / "a.safetensors", model).format == "safetensors"


def test_safetensors_under_another_name(tmp_path):
    model = small()
    safetensors.torch.save_file(model.state_dict(), tmp_path / "weights.bin")
    assert_loads(tmp_path / "weights.bin", model)


def test_model_and_options_given_by_hand(tmp_path):
    model = small()
    torch.save(model.state_dict(), tmp_path / "a.pth")
    got = assert_loads(tmp_path / "a.pth", model, model="preresnet8", options={"width": 0.25}, image_size=(8, 8))
    assert got.spec.image_size == (8, 8)
    assert got.notes == ()


def test_half_precision_becomes_the_networks_types(tmp_path):
    model = small().half()
    torch.save(model.state_dict(), tmp_path / "a.pth")
    got = checkpoints.load_checkpoint(tmp_path / "a.pth")
    assert got.state["conv1.weight"].dtype == torch.float32
    assert torch.equal(got.state["conv1.weight"], model.conv1.weight.float())
    assert said(got, "torch.float16 converted")


def test_old_files_without_batch_counters(tmp_path):
    state = {name: tensor for name, tensor in small().state_dict().items() if "num_batches" not in name}
    torch.save(state, tmp_path / "a.pth")
    got = checkpoints.load_checkpoint(tmp_path / "a.pth")
    assert got.state["bn.num_batches_tracked"] == 0
    assert said(got, "counters")


# ---- wrapped ------------------------------------------------------------------------------------------------------

WRAPPER_KEYS = ["model", "net", "module", "weights", "state_dict", "model_state_dict", "params", "ema", "my_own_key"]


@pytest.mark.parametrize("key", WRAPPER_KEYS)
def test_weights_under_a_key(tmp_path, key):
    model = small()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    model(torch.randn(2, 1, 8, 8)).sum().backward()
    optimizer.step()
    torch.save({key: model.state_dict(), "optimizer": optimizer.state_dict(), "epoch": 9}, tmp_path / "a.pth")
    got = assert_loads(tmp_path / "a.pth", model)
    assert said(got, f"'{key}'")
    assert got.training["epochs"] == 10
    assert got.training["momentum"] == 0.9


def test_nested_wrappers(tmp_path):
    model = small()
    torch.save({"model": {"state_dict": model.state_dict()}, "step": 5}, tmp_path / "a.pth")
    assert_loads(tmp_path / "a.pth", model)


def test_several_unknown_sets_of_weights_are_refused(tmp_path):
    torch.save({"generator": small().state_dict(), "critic": small(1).state_dict()}, tmp_path / "a.pth")
    with pytest.raises(InputError, match="critic, generator"):
        checkpoints.load_checkpoint(tmp_path / "a.pth")


def test_ema_or_raw_is_a_choice_that_is_said(tmp_path):
    raw, ema = small(0), small(1)
    torch.save({"state_dict": raw.state_dict(), "state_dict_ema": ema.state_dict()}, tmp_path / "a.pth")
    assert said(assert_loads(tmp_path / "a.pth", ema), "EMA weights read from 'state_dict_ema'; --weights raw")
    assert_loads(tmp_path / "a.pth", ema, weights="ema")
    assert said(
        assert_loads(tmp_path / "a.pth", raw, weights="raw"), "raw weights read from 'state_dict'; --weights ema"
    )


@pytest.mark.parametrize(("key", "choice"), [("state_dict", "ema"), ("ema", "raw"), (None, "ema")])
def test_a_choice_that_is_not_there_is_refused(tmp_path, key, choice):
    state = small().state_dict()
    torch.save({key: state} if key else state, tmp_path / "a.pth")
    with pytest.raises(UsageError, match="EMA weights"):
        checkpoints.load_checkpoint(tmp_path / "a.pth", weights=choice)


def test_data_parallel(tmp_path):
    model = small()
    torch.save(nn.DataParallel(nn.DataParallel(model)).state_dict(), tmp_path / "a.pth")
    assert said(assert_loads(tmp_path / "a.pth", model), "'module.'")


def test_torch_compile_and_data_parallel_in_any_order(tmp_path):
    model = small()
    torch.save(torch.compile(nn.DataParallel(torch.compile(model))).state_dict(), tmp_path / "a.pth")
    assert all(name.startswith("_orig_mod.module._orig_mod.") for name in torch.load(tmp_path / "a.pth"))
    assert said(assert_loads(tmp_path / "a.pth", model), "'_orig_mod.'")


def test_a_compiled_part_of_a_network(tmp_path):
    model = small()
    compiled = small()
    compiled.layer1 = torch.compile(compiled.layer1)
    torch.save(compiled.state_dict(), tmp_path / "a.pth")
    assert_loads(tmp_path / "a.pth", model)


def test_averaged_model_of_torch(tmp_path):
    averaged = torch.optim.swa_utils.AveragedModel(small())
    torch.save(averaged.state_dict(), tmp_path / "a.pth")
    assert_loads(tmp_path / "a.pth", averaged.module)


def test_a_whole_module_gives_its_weights_when_unsafe(tmp_path):
    model = nn.Sequential(OrderedDict(net=small()))
    torch.save({"model": model, "epoch": 1}, tmp_path / "a.pth")
    with pytest.raises(InputError, match="was not loaded"):
        checkpoints.load_checkpoint(tmp_path / "a.pth")
    assert said(assert_loads(tmp_path / "a.pth", model.net, unsafe=True), "whole Sequential")


# ---- Lightning: the layout of Trainer.save_checkpoint (Lightning 2), written by hand to keep it out of the tests --


def lightning(model, *, prefix="model.", extra=None, **hyper_parameters):
    state = {f"{prefix}{name}": tensor for name, tensor in model.state_dict().items()}
    return {
        "epoch": 11,
        "global_step": 1200,
        "pytorch-lightning_version": "2.4.0",
        "state_dict": OrderedDict(state | (extra or {})),
        "loops": {"fit_loop": {"epoch_progress": {"current": {"ready": 12, "completed": 11, "processed": 12}}}},
        "callbacks": {},
        "optimizer_states": [],
        "lr_schedulers": [],
        "hparams_name": "kwargs",
        "hyper_parameters": hyper_parameters,
    }


@pytest.mark.parametrize("prefix", ["model.", "net.", "model._orig_mod.", "wrapper.backbone."])
def test_lightning(tmp_path, prefix):
    model = small()
    file = lightning(model, prefix=prefix, lr=0.05, batch_size=128, max_epochs=30, weight_decay=5e-4)
    torch.save(file, tmp_path / "a.ckpt")
    got = assert_loads(tmp_path / "a.ckpt", model)
    assert got.format == "Lightning"
    assert said(got, f"prefix '{prefix.replace('_orig_mod.', '')}'")
    assert got.knobs == {"epochs": 12, "batch_size": 128, "learning_rate": 0.05, "weight_decay": 5e-4}
    assert said(got, "saved after epoch 12, planned were 30")


def test_lightning_leaves_out_what_is_not_the_network_and_says_so(tmp_path):
    model = small()
    file = lightning(model, extra={"loss.weight": torch.ones(CLASSES), "accuracy.tp": torch.zeros(1)})
    torch.save(file, tmp_path / "a.ckpt")
    assert said(assert_loads(tmp_path / "a.ckpt", model), "left out: loss.weight, accuracy.tp")


def test_of_two_networks_in_one_file_the_ema_is_taken_or_not(tmp_path):
    raw, ema = small(0), small(1)
    extra = {f"ema_model.{name}": tensor for name, tensor in ema.state_dict().items()}
    torch.save(lightning(raw, extra=extra), tmp_path / "a.ckpt")
    assert said(assert_loads(tmp_path / "a.ckpt", ema), "prefix 'ema_model.'")


# ---- timm ---------------------------------------------------------------------------------------------------------


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


# ---- pruned -------------------------------------------------------------------------------------------------------


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


def test_a_few_zeros_are_no_mask(tmp_path):
    model = small()
    n_weights = sum(weight.numel() for weight in prunable(model).values())
    with torch.no_grad():
        model.conv1.weight[0, 0, 0, 0] = 0
    torch.save(model.state_dict(), tmp_path / "a.pth")
    got = checkpoints.load_checkpoint(tmp_path / "a.pth")
    assert got.mask is None
    assert said(got, f"1 of {n_weights} prunable weights are exactly zero")


def test_a_network_of_zeros_is_refused(tmp_path):
    torch.save({name: torch.zeros_like(tensor) for name, tensor in small().state_dict().items()}, tmp_path / "a.pth")
    with pytest.raises(InputError, match="all prunable weights are zero"):
        checkpoints.load_checkpoint(tmp_path / "a.pth")


# ---- refused ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_no_numbers_are_named(tmp_path, value):
    model = small()
    with torch.no_grad():
        model.layer1[0].conv1.weight[0, 0] = value
    torch.save(model.state_dict(), tmp_path / "a.pth")
    with pytest.raises(InputError, match=r"9 of the 144 values of 'layer1\.0\.conv1\.weight'"):
        checkpoints.load_checkpoint(tmp_path / "a.pth")


def test_structurally_pruned_networks_are_refused(tmp_path):
    state = small().state_dict()
    state["layer1.0.conv1.weight"] = state["layer1.0.conv1.weight"][:3].clone()
    torch.save(state, tmp_path / "a.pth")
    with pytest.raises(MismatchError, match="structurally pruned") as caught:
        checkpoints.load_checkpoint(tmp_path / "a.pth", model="preresnet8")
    assert "layer1.0.conv1.weight" in caught.value.message
    assert caught.value.exit_code == 3


@pytest.mark.filterwarnings("ignore:.*quantize")
def test_quantised_tensors_are_refused(tmp_path):
    state = {"fc.weight": torch.quantize_per_tensor(torch.ones(2, 2), 0.1, 0, torch.qint8), "fc.bias": torch.ones(2)}
    torch.save(state, tmp_path / "a.pth")
    with pytest.raises(InputError, match=r"'fc\.weight' is quantised"):
        checkpoints.load_checkpoint(tmp_path / "a.pth")


def test_sparse_tensors_become_dense(tmp_path):
    model = small()
    state = model.state_dict()
    state["fc.weight"] = state["fc.weight"].to_sparse()
    torch.save(state, tmp_path / "a.pth")
    assert_loads(tmp_path / "a.pth", model)


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


# ---- several files, several networks --------------------------------------------------------------------------------


def shard(folder, model, *, lost=False):
    """Write a model as Hugging Face does: two files and their index."""
    folder.mkdir()
    state = model.state_dict()
    parts = {name: f"model-0000{1 + i % 2}-of-00002.safetensors" for i, name in enumerate(state)}
    for part in sorted(set(parts.values()))[: 1 if lost else 2]:
        safetensors.torch.save_file({n: t for n, t in state.items() if parts[n] == part}, folder / part)
    (folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": parts}))
    (folder / "config.json").write_text(json.dumps({"architecture": "preresnet8"}))
    return folder


def test_shards_and_their_index_are_one_checkpoint(tmp_path):
    model = small()
    folder = shard(tmp_path / "net", model)
    one, other = assert_loads(folder, model), assert_loads(folder / "model.safetensors.index.json", model)
    assert one.sha256 == other.sha256 != ""


def test_a_shard_that_is_not_there_is_named(tmp_path):
    with pytest.raises(InputError, match="model-00002-of-00002"):
        checkpoints.load_checkpoint(shard(tmp_path / "net", small(), lost=True))


@pytest.mark.parametrize(
    "index",
    [
        "{}", '{"weight_map": {"a": "../x.safetensors"}}', "[", '{"weight_map": {}}',
        '{"weight_map": {"a": "/etc/passwd"}}',
        f'{{"weight_map": {{"a": "{"x" * 5000}"}}}}', '{"weight_map": {"a": "\\u0000"}}',
    ],
    ids=range(7),
)  # fmt: skip
def test_an_index_that_names_no_shards_beside_it_is_refused(tmp_path, index):
    (tmp_path / "net").mkdir()
    (tmp_path / "net" / "model.safetensors.index.json").write_text(index)
    with pytest.raises(InputError):
        checkpoints.load_checkpoint(tmp_path / "net")


def test_thops_counters_are_left_out(tmp_path):
    model = small()
    counters = {f"{name}.{key}".lstrip("."): torch.zeros(1) for name, _ in model.named_modules()
                for key in ("total_ops", "total_params")}  # fmt: skip
    torch.save(model.state_dict() | counters, tmp_path / "preresnet8.pt")
    assert said(assert_loads(tmp_path / "preresnet8.pt", model), "counters of thop")


@pytest.mark.parametrize("names", [("net_a.", "net_b."), ("teacher.", "pupil."), ("a.b.", "a.c.")])
def test_two_networks_side_by_side_are_both_named(tmp_path, names):
    state = {
        f"{prefix}{key}": value for seed, prefix in enumerate(names) for key, value in small(seed).state_dict().items()
    }
    torch.save(state, tmp_path / "preresnet8.pt")
    with pytest.raises(InputError, match="2 networks") as caught:
        checkpoints.load_checkpoint(tmp_path / "preresnet8.pt")
    assert all(prefix in str(caught.value) for prefix in names)


def test_weights_under_another_key_are_named(tmp_path):
    model = small()
    torch.save({"model": model.state_dict(), "best_model": small(1).state_dict()}, tmp_path / "preresnet8.pt")
    assert said(assert_loads(tmp_path / "preresnet8.pt", model), "not read: 'best_model'")


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
