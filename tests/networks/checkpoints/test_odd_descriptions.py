"""What describes weights (settings, configurations, summaries, facts) is plain, or one clear error, of any kind."""

from __future__ import annotations

import json
import struct

import numpy as np
import pytest
import torch

from prunescope.api import Mask
from prunescope.api.errors import InputError, PrunescopeError
from prunescope.networks import checkpoints
from prunescope.networks.checkpoints.knobs import read_training
from prunescope.networks.checkpoints.neighbours import read_arguments, summary_notes
from prunescope.networks.checkpoints.places import locate
from prunescope.networks.checkpoints.plain import plain
from prunescope.networks.models import create
from prunescope.networks.spec import ModelSpec


class Foreign:
    """What must be neither printed, compared nor hashed."""

    def refuse(self, *_):
        raise AssertionError

    __str__ = __repr__ = __eq__ = __hash__ = __len__ = __bool__ = refuse


LOOP: list = []
LOOP.append(LOOP)

ODD = [
    10**30, 10**400, -1, float("nan"), float("inf"), 1e300, np.longdouble(1), np.array([1, 2]), np.float64("nan"),
    torch.zeros(3), torch.zeros(1, device="meta"), torch.zeros(1).to(torch.float8_e4m3fn), "x" * 100_000, LOOP,
    Foreign(), [Foreign()], {"a": Foreign()}, {1: 2}, None, True, b"bytes", 1j, np.array("text"),
    np.zeros(1, dtype="i4,i4"),
]  # fmt: skip


@pytest.mark.parametrize("odd", ODD, ids=lambda odd: type(odd).__name__)
def test_odd_settings_are_left_out(odd):
    names = ("lr", "epochs", "batch_size", "opt", "sched", "decay_epochs", "decay_rate", "milestones", "world_size",
             "lr_base", "lr_base_size", "momentum", "model", "num_classes", "mean", "std", "img_size", "model_kwargs",
             "input_size", "pretrained_cfg", "cooldown_epochs")  # fmt: skip
    settings = plain(dict.fromkeys(names, odd))
    json.dumps(settings, allow_nan=False)
    found = read_training(settings, plain({"epoch": odd, "optimizer": odd, "args": settings, "loops": odd}))
    json.dumps(found.options, allow_nan=False)
    assert len(json.dumps(found.options)) < 50_000
    assert all(abs(value) <= 1e12 for value in found.options.values() if isinstance(value, int | float))


def test_epochs_without_end_take_no_memory():
    settings = plain({"epochs": 999_999, "sched": "step", "decay_epochs": 1e-9})
    assert "drops" not in read_training(settings, {}).options


def test_a_wrapper_with_foreign_values_is_read_without_looking_at_them(tmp_path):
    value = {"state_dict": {"w": torch.zeros(2)}, "args": {"lr": [[]] * 3}, 5: 1, (1, 2): 3}
    torch.save(value, tmp_path / "a.pt")
    with pytest.raises(PrunescopeError, match="architecture"):
        checkpoints.load_checkpoint(tmp_path / "a.pt")


DEEP = "[" * 100_000


@pytest.mark.parametrize(
    "text",
    [DEEP, '{"a":' * 100_000, '{"architecture": "resnet18", "num_classes": 1e999}', '{"architecture": 5}', "[1]"],
)
def test_a_config_of_any_kind_is_an_error_or_plain(text, tmp_path):
    (tmp_path / "config.json").write_text(text)
    torch.save({"w": torch.zeros(1)}, tmp_path / "model.pth")
    with pytest.raises(PrunescopeError):
        checkpoints.load_checkpoint(tmp_path)
    if "e999" in text:
        assert "num_classes" not in locate(str(tmp_path)).config


MERGES = "a0: &a0 {k: 1}\n" + "".join(f"a{n}: &a{n} {{<<: [*a{n - 1}, *a{n - 1}]}}\n" for n in range(1, 60))

ALIASES = "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]\n" for n in range(1, 60))


@pytest.mark.parametrize(
    "text", [DEEP, MERGES, ALIASES, "lr: .inf\nepochs: .nan", "? [a]\n: 1", "x" * (5 << 20), "lr: \x00"]
)
def test_settings_beside_a_file_are_an_error_or_plain(text, tmp_path):
    (tmp_path / "args.yaml").write_text(text)
    try:
        found = read_arguments(tmp_path)
    except InputError as error:
        assert "args.yaml" in error.message  # noqa: PT017 - either will do
    else:
        assert len(json.dumps(found, allow_nan=False)) < 10_000_000


@pytest.mark.parametrize("epoch", ["²", "9" * 400, "1.", "-1", "nan", "x" * 200_000, "1\x00"])
def test_a_summary_of_any_kind_is_an_error_or_a_note(epoch, tmp_path):
    (tmp_path / "summary.csv").write_text(f"epoch,train_loss\n{epoch},0.5\n")
    try:
        assert len(summary_notes(tmp_path, 3)) <= 1
    except InputError as error:
        assert "summary.csv" in error.message  # noqa: PT017 - either will do


def test_a_mask_of_no_weights_is_one_error(tmp_path):
    spec = ModelSpec(name="preresnet8", num_classes=3, in_chans=3, image_size=(8, 8), options={"width": 0.25})
    whole = checkpoints.Checkpoint(spec=spec, state=create(spec, seed=0).state_dict(), mask=Mask({}))
    (tmp_path / "a.safetensors").write_bytes(b"".join(map(bytes, checkpoints.to_safetensors(whole))))
    with pytest.raises(InputError, match="its mask holds no weights"):
        checkpoints.load_checkpoint(tmp_path / "a.safetensors")


@pytest.mark.parametrize("facts", [DEEP, "{}", "[]", "NaN", '{"schema": NaN}', '{"schema": 1, "names": 5}'])
def test_facts_of_any_kind_are_one_error(facts, tmp_path):
    header = json.dumps(
        {"__metadata__": {"prunescope": facts}, "w": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}
    )
    (tmp_path / "a.safetensors").write_bytes(struct.pack("<Q", len(header)) + header.encode() + bytes(4))
    with pytest.raises(InputError, match=r"a\.safetensors"):
        checkpoints.load_checkpoint(tmp_path / "a.safetensors")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("provenance", 5), ("provenance", {"a": float("nan")}), ("data", [1]), ("recipe", 3), ("training", []),
        ("training", {"epochs": "x"}), ("training", {"drops": ["x"]}), ("training", {"drop_factor": [1]}),
        ("knobs", {"epochs": "x"}), ("notes", [1]), ("normalization", [1, 2]), ("normalization", [["a"], [1]]),
    ],
)  # fmt: skip
def test_facts_of_another_type_are_one_error(name, value, tmp_path):
    spec = ModelSpec(name="preresnet8", num_classes=3, in_chans=3, image_size=(8, 8), options={"width": 0.25})
    whole = checkpoints.Checkpoint(spec=spec, state=create(spec, seed=0).state_dict())
    data = b"".join(map(bytes, checkpoints.to_safetensors(whole)))
    size = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + size])
    facts = json.loads(header["__metadata__"]["prunescope"])
    header["__metadata__"]["prunescope"] = json.dumps({**facts, name: value})
    text = json.dumps(header).encode()
    (tmp_path / "a.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + data[8 + size :])
    with pytest.raises(InputError, match=r"a\.safetensors' is a damaged prunescope checkpoint"):
        checkpoints.load_checkpoint(tmp_path / "a.safetensors")


@pytest.mark.parametrize(
    "text", ["a: [" + "1," * 1_000_000 + "]", "epochs: 1" + ":59" * 300_000, "a: 1\n" * 500_000], ids=len
)
def test_settings_that_take_minutes_to_read_are_refused_before(text, tmp_path):
    (tmp_path / "args.yaml").write_text(text)
    with pytest.raises(InputError, match=r"args\.yaml has .* bytes"):
        read_arguments(tmp_path)


def test_a_summary_of_many_columns_and_short_lines_takes_no_more_than_its_size(tmp_path):
    header = ",".join(["epoch", *(f"train_{number}" for number in range(200_000))])
    (tmp_path / "summary.csv").write_text(f"{header}\n" + "1\n" * 500_000 + "2,0.5\n")
    assert summary_notes(tmp_path, None) == ("summary.csv: the run went to epoch 3; after epoch 3: train_0 0.5",)
