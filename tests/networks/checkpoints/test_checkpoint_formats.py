"""Every format a practitioner has, written by its real writer, loads to the same weights."""

from __future__ import annotations

from collections import OrderedDict

import pytest
import safetensors.torch
import torch
from small_checkpoints import CLASSES, assert_loads, lightning, said, small
from torch import nn

import prunescope.networks.zoo  # noqa: F401 - registers preresnet8
from prunescope.api.errors import InputError, UsageError
from prunescope.networks import checkpoints

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


# ---- Lightning ----------------------------------------------------------------------------------------------------


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


# ---- refused ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_no_numbers_are_named(tmp_path, value):
    model = small()
    with torch.no_grad():
        model.layer1[0].conv1.weight[0, 0] = value
    torch.save(model.state_dict(), tmp_path / "a.pth")
    with pytest.raises(InputError, match=r"9 of the 144 values of 'layer1\.0\.conv1\.weight'"):
        checkpoints.load_checkpoint(tmp_path / "a.pth")


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


# ---- other tensors beside the network's ---------------------------------------------------------------------------


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
