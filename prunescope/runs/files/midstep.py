"""The state of a training under way, as a file: tensors as safetensors, the rest as JSON, and the digest of all bytes.

Reading it runs no code. A file that is not whole, of another step, or made by other versions or on another kind of
machine counts as absent: the step is then performed from its beginning.
"""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from prunescope.api.errors import InputError, PluginError
from prunescope.api.regular import read_regular
from prunescope.runs.files import hdf5
from prunescope.runs.files.whole import make_folder, whole_file

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from torch import Tensor

SCALARS = (str, bool, int, float, type(None))


def write_state(path: Path, state: Mapping[str, Any], *, about: Mapping[str, str]) -> None:
    """Write a state in place of the one before; a full disk keeps that one.

    Raises PluginError for a state that holds something else than tensors, numbers, texts and None.
    """
    from safetensors.torch import save

    tensors: dict[str, Tensor] = {}
    tree = json.dumps(_packed(state, tensors))
    data = bytes(hdf5.BLOCK) + save(tensors, metadata={"tree": tree, **about})
    with suppress(OSError):
        make_folder(path.parent)
        with whole_file(path) as file:
            file.write(hdf5.block(data, name=path.stem))
            file.write(memoryview(data)[hdf5.BLOCK :])


def read_state(path: Path, *, about: Mapping[str, str]) -> dict[str, Any] | None:
    """Return a state that was written with the same `about`; None where there is none that is whole."""
    from safetensors import SafetensorError
    from safetensors.torch import load

    with suppress(OSError, ValueError, KeyError, TypeError, RecursionError, InputError, SafetensorError):
        data = read_regular(path, follow=False)
        if data[: hdf5.BLOCK] != hdf5.block(data, name=path.stem):
            return None
        written = _metadata(data)
        if {name: written.get(name) for name in about} != dict(about):
            return None
        state = _unpacked(json.loads(written["tree"]), load(data[hdf5.BLOCK :]))
        return state if isinstance(state, dict) else None
    return None


def _metadata(data: bytes) -> dict[str, str]:
    """Return the texts in the header of safetensors: its length in 8 bytes, then JSON."""
    start = hdf5.BLOCK + 8
    length = int.from_bytes(data[hdf5.BLOCK : start], "little")
    found: dict[str, str] = json.loads(data[start : start + length])["__metadata__"]
    return found


def _packed(value: object, tensors: dict[str, Tensor]) -> Any:  # noqa: ANN401 - JSON
    """Return a value as JSON, its tensors by name."""
    import torch

    if isinstance(value, torch.Tensor):
        name = str(len(tensors))
        tensors[name] = value.detach().cpu().contiguous().clone()
        return {"tensor": name}
    if isinstance(value, dict):
        return {"dict": [[_packed(key, tensors), _packed(one, tensors)] for key, one in value.items()]}
    if isinstance(value, list | tuple):
        return {type(value).__name__: [_packed(one, tensors) for one in value]}
    if type(value) not in SCALARS:
        raise PluginError(
            f"the state of a training holds a {type(value).__name__}, which cannot be saved",
            fix="save tensors, numbers, texts and None, in dictionaries, lists and tuples",
        )
    return value


def _unpacked(value: Any, tensors: Mapping[str, Tensor]) -> Any:  # noqa: ANN401 - JSON
    if not isinstance(value, dict):
        return value
    ((kind, held),) = value.items()
    if kind == "tensor":
        return tensors[held]
    if kind == "dict":
        return {_unpacked(key, tensors): _unpacked(one, tensors) for key, one in held}
    found = [_unpacked(one, tensors) for one in held]
    return {"list": list, "tuple": tuple}[kind](found)
