"""Our own files: everything comes back, nothing half-written stays, and other programs read the weights."""

from __future__ import annotations

import base64
import dataclasses
import json
import zlib

import pytest
import safetensors.torch
import timm
import torch

from prunescope.api import Mask
from prunescope.api.errors import InputError, MismatchError, StoreError, UsageError
from prunescope.networks import checkpoints
from prunescope.networks.checkpoints import own
from prunescope.networks.checkpoints.reading import read_content
from prunescope.networks.checkpoints.record import Checkpoint
from prunescope.networks.masks import apply, keep_largest
from prunescope.networks.models import ModelSpec, create, prunable
from prunescope.runs.files import whole
from prunescope.runs.files.weights import save_weights

SPEC = ModelSpec(name="preresnet8", num_classes=3, in_chans=1, image_size=(8, 8), options={"width": 0.25})

SUFFIXES = [".pt", ".safetensors"]

LONG = json.dumps({"conv1.weight": base64.b64encode(zlib.compress(bytes(1_000_000))).decode()})
"""Far more bits than the tensor has weights."""


def example(*, masked=True):
    model = create(SPEC, seed=3).to(memory_format=torch.channels_last)
    generator = torch.Generator().manual_seed(0)
    kept = {name: torch.rand(w.shape, generator=generator) < 0.3 for name, w in reversed(prunable(model).items())}
    return Checkpoint(
        spec=SPEC,
        state=model.state_dict(),
        mask=Mask(kept) if masked else None,
        knobs={"epochs": 160.0, "learning_rate": 0.1},
        training={"epochs": 160, "schedule": "multistep", "drops": [0.5, 0.75], "nesterov": False},
        notes=("made by a test",),
        data={"mean": [0.5], "std": [0.25], "dataset": "digits"},
        normalization=((0.5,), (0.25,)),
        recipe='{"step":"train"}',
        provenance={"prunescope": "0.1.0", "run": "train-0123"},
    )


def test_equal_checkpoints_have_equal_bytes(tmp_path):
    path, found = tmp_path / "ckpt.safetensors", set()
    for _ in range(8):
        save_weights(path, example())
        found.add(path.read_bytes())
    assert len(found) == 1
    assert len(safetensors.torch.load(found.pop())) == len(example().state)


def facts(one):
    values = {field.name: getattr(one, field.name) for field in dataclasses.fields(one)}
    return {name: value for name, value in values.items() if name not in {"state", "mask", "format", "sha256"}}


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("masked", [True, False])
def test_everything_comes_back(tmp_path, suffix, masked):
    path, before = tmp_path / f"ckpt{suffix}", example(masked=masked)
    save_weights(path, before)
    after = checkpoints.load_checkpoint(path)
    assert facts(after) == facts(before)
    assert list(after.state) == list(before.state)
    assert all(torch.equal(after.state[name], tensor) for name, tensor in before.state.items())
    assert after.format == f"prunescope {suffix}"
    if masked:
        assert list(after.mask.kept) == list(before.mask.kept)
        assert all(torch.equal(after.mask.kept[name], kept) for name, kept in before.mask.kept.items())
    else:
        assert after.mask is None
    x = torch.randn(2, 1, 8, 8)
    model = create(SPEC, seed=3).eval()
    torch.testing.assert_close(checkpoints.to_model(after).eval()(x), model(x))


def test_other_programs_read_the_weights(tmp_path):
    before = example()
    save_weights(tmp_path / "a.pt", before)
    save_weights(tmp_path / "b.safetensors", before)
    plain = torch.load(tmp_path / "a.pt", weights_only=True)["state_dict"]
    tensors = safetensors.torch.load_file(tmp_path / "b.safetensors")
    for name, tensor in before.state.items():
        assert torch.equal(plain[name], tensor)
        assert torch.equal(tensors[name], tensor)
    assert set(tensors) == set(plain) == set(before.state)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_timm_loads_a_pruned_network_strictly(tmp_path, suffix):
    model = timm.create_model("resnet10t", num_classes=3).eval()
    mask = keep_largest({name: weight.abs() for name, weight in prunable(model).items()}, 0.2, scope="global")
    apply(model, mask)
    spec = ModelSpec(name="resnet10t", num_classes=3, in_chans=3, image_size=(32, 32))
    save_weights(tmp_path / f"a{suffix}", Checkpoint(spec=spec, state=model.state_dict(), mask=mask))
    other = timm.create_model("resnet10t", num_classes=3, checkpoint_path=str(tmp_path / f"a{suffix}")).eval()
    images = torch.randn(2, 3, 32, 32)
    assert torch.equal(other(images), model(images))


def test_masks_of_the_first_schema_are_read(tmp_path):
    before = example()
    facts = json.loads(own._facts_text(before)) | {"schema": 1}
    tensors = {**before.state, **{f"prunescope.mask/{name}": kept for name, kept in before.mask.kept.items()}}
    whole = {name: tensor.contiguous() for name, tensor in tensors.items()}
    safetensors.torch.save_file(whole, tmp_path / "a.safetensors", {"prunescope": json.dumps(facts)})
    after = checkpoints.load_checkpoint(tmp_path / "a.safetensors")
    assert list(after.state) == list(before.state)
    assert all(torch.equal(after.mask.kept[name], kept) for name, kept in before.mask.kept.items())


@pytest.mark.parametrize(
    "text", ["[]", '{"no such tensor": ""}', '{"conv1.weight": "!"}', '{"conv1.weight": "QUJD"}', "{", LONG]
)
def test_a_damaged_mask_is_an_error(tmp_path, text):
    parts = own.to_safetensors(example())
    (tmp_path / "a.safetensors").write_bytes(b"".join(parts))
    metadata = read_content(tmp_path / "a.safetensors", unsafe=False).metadata
    state = {name: tensor.contiguous() for name, tensor in example().state.items()}
    safetensors.torch.save_file(state, tmp_path / "b.safetensors", {**metadata, own.MASK: text})
    with pytest.raises(InputError, match="damaged prunescope checkpoint"):
        checkpoints.load_checkpoint(tmp_path / "b.safetensors")


def test_views_into_one_storage_are_saved_apart(tmp_path):
    before = example(masked=False)
    whole = torch.randn(4, 3)
    state = {**before.state, "fc.bias": whole[0]}
    for suffix in SUFFIXES:
        path = tmp_path / f"a{suffix}"
        save_weights(path, dataclasses.replace(before, state=state))
        assert torch.equal(checkpoints.load_checkpoint(path).state["fc.bias"], whole[0])


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_saving_replaces_the_old_file_and_leaves_nothing_else(tmp_path, suffix):
    path = tmp_path / f"ckpt{suffix}"
    path.write_text("old")
    save_weights(path, example())
    save_weights(path, example(masked=False))
    assert checkpoints.load_checkpoint(path).mask is None
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_file_that_does_not_read_back_is_not_kept(tmp_path, suffix, monkeypatch):
    path = tmp_path / f"ckpt{suffix}"
    save_weights(path, example())
    good = path.read_bytes()
    wrong = dataclasses.replace(example(), knobs={"epochs": 1.0})
    monkeypatch.setattr(own, "unpack", lambda _content, **_given: wrong)
    with pytest.raises(StoreError, match="is read back with other content"):
        save_weights(path, example())
    assert path.read_bytes() == good
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_a_write_that_fails_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "ckpt.pt"
    save_weights(path, example())
    good = path.read_bytes()

    def full(*_args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(whole.os, "fsync", full)
    with pytest.raises(StoreError, match="No space left"):
        save_weights(path, example(masked=False))
    assert path.read_bytes() == good
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_what_cannot_be_saved_is_refused(tmp_path):
    with pytest.raises(UsageError, match=r"'\.bin'"):
        save_weights(tmp_path / "a.bin", example())
    with pytest.raises(StoreError, match="cannot write"):
        save_weights(tmp_path / "nowhere" / "a.pt", example())
    bad = example()
    bad.state["fc.bias"][0] = torch.nan
    with pytest.raises(InputError, match=r"'fc\.bias'"):
        save_weights(tmp_path / "a.pt", bad)
    assert list(tmp_path.iterdir()) == []


def rewrite(path, change):
    value = torch.load(path, weights_only=True)
    value["prunescope"] = json.dumps(change(json.loads(value["prunescope"])))
    torch.save(value, path)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda facts: {**facts, "schema": 99}, "schema 99"),
        (lambda facts: {key: value for key, value in facts.items() if key != "notes"}, "damaged prunescope"),
        (lambda facts: {**facts, "spec": {}}, "not a model's description"),
        (lambda _facts: [], "damaged prunescope"),
    ],
)
def test_damaged_files_of_our_own_are_refused(tmp_path, change, words):
    path = tmp_path / "a.pt"
    save_weights(path, example())
    rewrite(path, change)
    with pytest.raises(InputError, match=words):
        checkpoints.load_checkpoint(path)


def test_another_model_than_the_file_says_must_fit(tmp_path):
    path = tmp_path / "a.pt"
    save_weights(path, example(masked=False))
    assert checkpoints.load_checkpoint(path, model="preresnet8").recipe
    with pytest.raises(MismatchError, match="preresnet14"):
        checkpoints.load_checkpoint(path, model="preresnet14")


def test_a_state_that_does_not_fit_its_spec_makes_no_model():
    state = {name: tensor for name, tensor in example().state.items() if name != "fc.bias"}
    with pytest.raises(MismatchError, match=r"1 missing \(fc\.bias\)"):
        checkpoints.to_model(dataclasses.replace(example(), state=state))


def test_our_files_hold_no_ema_weights(tmp_path):
    save_weights(tmp_path / "a.pt", example())
    assert checkpoints.load_checkpoint(tmp_path / "a.pt", weights="raw").mask is not None
    with pytest.raises(UsageError, match="no EMA weights"):
        checkpoints.load_checkpoint(tmp_path / "a.pt", weights="ema")
