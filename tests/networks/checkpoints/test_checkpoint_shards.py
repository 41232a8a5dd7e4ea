"""A checkpoint in several files with an index, as Hugging Face writes it."""

from __future__ import annotations

import json

import pytest
import safetensors.torch
from small_checkpoints import assert_loads, small

import prunescope.networks.zoo  # noqa: F401 - registers preresnet8
from prunescope.api.errors import InputError
from prunescope.networks import checkpoints


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
