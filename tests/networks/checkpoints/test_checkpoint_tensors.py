"""Our safetensors files are those of the library, and the library reads them."""

from __future__ import annotations

import json

import pytest
import safetensors.torch
import torch

from prunescope.networks.checkpoints import tensors

METADATA = {"format": "pt", "größe": '"quoted"\n'}


def example():
    """Return a tensor of every type, scalars, empty ones, ones that share memory or lie anyhow."""
    made = torch.Generator().manual_seed(0)
    drawn = torch.randn(3, 4, 2, generator=made)
    found = {f"of.{str(kind)[6:]}": (drawn * 3).to(kind) for kind in tensors.TYPE_NAMES}
    return {
        **found,
        "scalar": torch.tensor(7),
        "empty": torch.zeros(0, 3),
        "same": found["of.float32"],
        "part": found["of.float32"][1],
        "turned": drawn.permute(2, 0, 1),
        "last": drawn.contiguous(memory_format=torch.contiguous_format).expand(2, 3, 4, 2),
        "trained": torch.nn.Parameter(drawn),
        "images": torch.randn(2, 3, 4, 5, generator=made).to(memory_format=torch.channels_last),
    }


def written(path, found, metadata):
    path.write_bytes(b"".join(tensors.safetensors_parts(found, metadata)))
    return path


def assert_holds(path, found, metadata):
    with safetensors.safe_open(path, framework="pt") as file:
        assert dict(file.metadata()) == metadata
        assert sorted(file.keys()) == sorted(found)
        for name, tensor in found.items():
            again = file.get_tensor(name)
            assert again.dtype == tensor.dtype
            assert torch.equal(again, tensor.detach())


def test_the_library_reads_what_was_written(tmp_path):
    assert_holds(written(tmp_path / "a.safetensors", example(), METADATA), example(), METADATA)


def test_the_file_is_that_of_the_library_but_for_the_order_of_its_header(tmp_path):
    whole = {name: tensor.detach().contiguous().clone() for name, tensor in example().items()}
    theirs = safetensors.torch.save(whole, metadata=METADATA)
    ours = written(tmp_path / "a.safetensors", example(), METADATA).read_bytes()
    ends = [8 + int.from_bytes(data[:8], "little") for data in (theirs, ours)]
    assert ours[ends[1] :] == theirs[ends[0] :]
    assert json.loads(ours[8 : ends[1]]) == json.loads(theirs[8 : ends[0]])
    assert ends[1] % 8 == 0


@pytest.mark.parametrize("why", ["type", "byte order"])
def test_what_is_unusual_is_left_to_the_library(tmp_path, monkeypatch, why):
    found = {name: tensor for name, tensor in example().items() if name != "same"}
    if why == "type":
        found["eight bits"] = torch.tensor([1.5]).to(torch.float8_e4m3fn)
        path = written(tmp_path / "a.safetensors", found, METADATA)
    else:
        plain = b"".join(tensors.safetensors_parts(found, METADATA))
        monkeypatch.setattr(tensors.sys, "byteorder", "big")
        monkeypatch.setattr(safetensors.torch.sys, "byteorder", "little")
        path = written(tmp_path / "a.safetensors", found, METADATA)
        assert path.read_bytes() == plain
    monkeypatch.undo()
    assert_holds(path, found, METADATA)


def test_tensors_are_not_copied():
    weights = torch.zeros(1000)
    part = tensors.safetensors_parts({"a": weights}, {})[2]
    weights += 1
    assert bytes(part) == weights.numpy().tobytes()
