"""A file with several sets of weights: `--weights NAME` reads the one that is meant, and names them otherwise."""

from __future__ import annotations

import pytest
import torch
from small_checkpoints import assert_loads, lightning, said, small

from prunescope.api.errors import InputError, UsageError
from prunescope.networks import checkpoints


def under(prefix, model):
    return {f"{prefix}{name}": tensor for name, tensor in model.state_dict().items()}


SEVERAL = {
    "beside the usual key": (lambda a, b: {"model": a, "best_model": b}, "model", "best_model"),
    "unknown keys": (lambda a, b: {"critic": a, "generator": b}, "critic", "generator"),
    "by epoch": (lambda a, b: {"epoch_1": {"state_dict": a}, "epoch_2": {"state_dict": b}}, "epoch_1", "epoch_2"),
    "inside a key": (lambda a, b: {"checkpoints": {"last": a, "best": b}}, "checkpoints.last", "checkpoints.best"),
    "EMA under its key": (lambda a, b: {"state_dict": a, "state_dict_ema": b}, "state_dict", "state_dict_ema"),
}


@pytest.mark.parametrize("kind", SEVERAL)
def test_a_key_of_the_file(tmp_path, kind):
    first, second = small(0), small(1)
    write, *names = SEVERAL[kind]
    held = write(first.state_dict(), second.state_dict())
    torch.save({**held, "args": {"epochs": 7}, "optimizer": {"state": {}}}, tmp_path / "preresnet8.pt")
    for name, model in zip(names, (first, second), strict=True):
        got = assert_loads(tmp_path / "preresnet8.pt", model, weights=name)
        assert said(got, f"weights read from {name!r}, as --weights asks")
        assert got.training["epochs"] == 7


@pytest.mark.parametrize("wrap", [dict, lambda state: {"state_dict": state}, lambda state: {"nets": {"ema": state}}])
@pytest.mark.parametrize("names", [("teacher.", "pupil."), ("a.b.", "a.c."), ("module.x.", "module.y.")])
def test_a_prefix_of_tensors(tmp_path, wrap, names):
    key = "nets.ema." if "nets" in wrap({}) else ""
    first, second = small(0), small(1)
    torch.save(wrap({**under(names[0], first), **under(names[1], second)}), tmp_path / "preresnet8.pt")
    shown = [name.removeprefix("module.").rstrip(".") for name in names]
    assert_loads(tmp_path / "preresnet8.pt", first, weights=key + shown[0])
    assert_loads(tmp_path / "preresnet8.pt", second, weights=key + shown[1])


def test_the_advice_of_each_refusal_loads(tmp_path):
    files = {
        "keys": {"critic": small(0).state_dict(), "generator": small(1).state_dict()},
        "prefixes": {**under("critic.", small(0)), **under("generator.", small(1))},
        "lightning": lightning(small(0), prefix="critic.", extra=under("generator.", small(1))),
    }
    for name, held in files.items():
        torch.save(held, tmp_path / f"{name}.preresnet8.pt")
        with pytest.raises(InputError, match=r"critic.*generator") as caught:
            checkpoints.load_checkpoint(tmp_path / f"{name}.preresnet8.pt")
        asked = caught.value.fix.rpartition("--weights ")[2]
        assert_loads(tmp_path / f"{name}.preresnet8.pt", small(0), weights=asked)


def test_another_set_beside_the_one_that_is_read_is_named_with_its_choice(tmp_path):
    torch.save({"model": small(0).state_dict(), "best_model": small(1).state_dict()}, tmp_path / "preresnet8.pt")
    got = assert_loads(tmp_path / "preresnet8.pt", small(0))
    assert said(got, "not read: 'best_model'; --weights best_model reads these")


@pytest.mark.parametrize("held", ["keys", "bare", "module"])
def test_a_name_that_is_not_there_lists_those_that_are(tmp_path, held):
    model = small()
    content = {"keys": {"model": model.state_dict(), "best_model": model.state_dict()},
               "bare": under("critic.", model), "module": model}[held]  # fmt: skip
    torch.save(content, tmp_path / "preresnet8.pt")
    with pytest.raises(UsageError, match="contains no weights named 'worst'") as caught:
        checkpoints.load_checkpoint(tmp_path / "preresnet8.pt", weights="worst", unsafe=held == "module")
    assert {"keys": "best_model, model", "bare": "critic", "module": "conv1"}[held] in caught.value.fix


def test_a_file_of_our_own_has_one_set(tmp_path):
    torch.save(small().state_dict(), tmp_path / "preresnet8.pt")
    one = checkpoints.load_checkpoint(tmp_path / "preresnet8.pt")
    (tmp_path / "own.safetensors").write_bytes(b"".join(checkpoints.to_safetensors(one)))
    with pytest.raises(UsageError, match="one set of weights, and no 'best'"):
        checkpoints.load_checkpoint(tmp_path / "own.safetensors", weights="best")


def test_ema_of_a_lightning_module_lies_behind_a_prefix(tmp_path):
    raw, ema = small(0), small(1)
    torch.save(lightning(raw, extra=under("ema_model.", ema)), tmp_path / "preresnet8.ckpt")
    assert_loads(tmp_path / "preresnet8.ckpt", raw, weights="raw")
    assert_loads(tmp_path / "preresnet8.ckpt", ema, weights="ema")
