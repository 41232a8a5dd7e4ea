"""Prunescope's own checkpoints: `.pt` (loads with weights_only=True) and `.safetensors`, everything inside.

Both hold the plain state_dict any program can read, and beside it one JSON text: spec, knobs, training, recipe,
provenance, notes. In `.pt` the masks are under "mask"; in `.safetensors` they are text of the metadata, so that the
tensors are those of the network and nothing else (schema 1 had bool tensors named "prunescope.mask/<name>", which are
still read). Nothing is written here: `to_parts` returns the bytes, `runs.files.weights` writes them.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch

from prunescope.api import Mask
from prunescope.api.errors import InputError, UsageError
from prunescope.api.trust import NOTHING, Trust
from prunescope.networks.checkpoints import tensors
from prunescope.networks.checkpoints.finite import check_finite
from prunescope.networks.checkpoints.layouts import dense_tensors
from prunescope.networks.checkpoints.mask_text import decode_mask, encode_mask
from prunescope.networks.checkpoints.plain import plain
from prunescope.networks.checkpoints.reading import Content, read_content
from prunescope.networks.checkpoints.record import Checkpoint
from prunescope.networks.models import ModelSpec

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from torch import Tensor

CHECKPOINT_SCHEMA = 2

KEY = "prunescope"

MASK = "prunescope.mask"
"""Key of the masks in the metadata; in schema 1, with a slash, the beginning of their tensors' names."""


def to_parts(checkpoint: Checkpoint, *, suffix: str) -> list[bytes | memoryview]:
    """Return the parts of a `.pt` or `.safetensors` file, one after the other.

    Raises:
        UsageError: the suffix is another.
        InputError: a weight is NaN or infinite.
    """
    if suffix not in {".pt", ".safetensors"}:
        raise UsageError(f"weights are not a '{suffix}' file", fix="end the name in .pt or .safetensors")
    if suffix == ".safetensors":
        return to_safetensors(checkpoint)
    check_finite(checkpoint.state, source="the checkpoint to save")
    file, mask = io.BytesIO(), checkpoint.mask
    state = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in checkpoint.state.items()}
    kept = {name: tensor.cpu() for name, tensor in mask.kept.items()} if mask else None
    torch.save({KEY: _facts_text(checkpoint), "state_dict": state, "mask": kept}, file)
    return [file.getbuffer()]


def to_safetensors(checkpoint: Checkpoint) -> list[bytes | memoryview]:
    """Return the parts of a `.safetensors` file, one after the other; tensors are not copied.

    Raises:
        InputError: a weight is NaN or infinite.
    """
    check_finite(checkpoint.state, source="the checkpoint to save")
    masked = {MASK: encode_mask(checkpoint.mask, checkpoint.state)} if checkpoint.mask else {}
    return tensors.safetensors_parts(checkpoint.state, {"format": "pt", KEY: _facts_text(checkpoint), **masked})


def reads_back(checkpoint: Checkpoint, path: Path) -> bool:
    """Whether a file holds the checkpoint: weights, masks and facts."""
    trust = Trust(frozenset({checkpoint.spec.name}))  # it is this very network that is saved
    again = unpack(read_content(path, unsafe=False), source=str(path), trust=trust)
    kept = ({} if mask is None else dict(mask.kept) for mask in (checkpoint.mask, again.mask))
    facts = (json.dumps(_facts(one), sort_keys=True) for one in (checkpoint, again))
    return _equal(checkpoint.state, again.state) and _equal(*kept) and len(set(facts)) == 1


def is_own(content: Content) -> bool:
    """Whether prunescope wrote the file."""
    if content.kind == "safetensors":
        return KEY in content.metadata
    return isinstance(content.value, Mapping) and KEY in content.value


def unpack(content: Content, *, source: str, trust: Trust = NOTHING) -> Checkpoint:
    """Return what the file of `to_parts` holds.

    Raises InputError for a damaged file, one from a newer prunescope, or one whose network is code that `trust` does
    not hold.
    """
    try:
        if content.kind == "safetensors":
            facts = json.loads(content.metadata[KEY])
            state, kept = _split_masks(content, facts)
        else:
            facts = json.loads(content.value[KEY])
            state, kept = dense_tensors(content.value["state_dict"]), content.value["mask"]
            kept = None if kept is None else dense_tensors(kept)
        _check_schema(facts, source)
        if kept is not None and not sum(tensor.numel() for tensor in kept.values()):
            raise ValueError("its mask holds no weights")  # noqa: TRY301 - one of those below
        return replace(
            _from_facts(facts, source=f"'{source}'", trust=trust),
            state=dict(state),
            mask=None if kept is None else Mask(dict(kept)),
            format=f"prunescope {'.safetensors' if content.kind == 'safetensors' else '.pt'}",
            sha256=content.sha256,
        )
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, OverflowError, RecursionError) as error:
        raise InputError(f"'{source}' is a damaged prunescope checkpoint: {error!r}", fix="save it again") from error


def _check_schema(facts: Mapping[str, Any], source: str) -> None:
    if facts["schema"] > CHECKPOINT_SCHEMA:
        raise InputError(
            f"'{source}' has schema {facts['schema']}, this prunescope supports up to {CHECKPOINT_SCHEMA}",
            fix="update prunescope",
        )


# ---- writing ------------------------------------------------------------------------------------------------------


def _facts_text(checkpoint: Checkpoint) -> str:
    return json.dumps(_facts(checkpoint), allow_nan=False)


def _facts(checkpoint: Checkpoint) -> dict[str, Any]:
    return {
        "schema": CHECKPOINT_SCHEMA,
        "spec": checkpoint.spec.to_json(),
        "names": list(checkpoint.state),
        "masked": None if checkpoint.mask is None else list(checkpoint.mask.kept),
        "knobs": dict(checkpoint.knobs),
        "training": dict(checkpoint.training),
        "notes": list(checkpoint.notes),
        "data": None if checkpoint.data is None else dict(checkpoint.data),
        "normalization": checkpoint.normalization,
        "recipe": checkpoint.recipe,
        "provenance": dict(checkpoint.provenance),
    }


def _from_facts(facts: Mapping[str, Any], *, source: str, trust: Trust) -> Checkpoint:
    """Return what the facts of a file say; TypeError or ValueError where one is of another type than ours."""
    json.dumps(facts, allow_nan=False)
    normalization, data = facts["normalization"], facts["data"]
    return Checkpoint(
        spec=ModelSpec.from_json(facts["spec"], source=source, trust=trust),
        state={},
        knobs={name: _number(value) for name, value in plain(_mapping(facts["knobs"])).items()},
        training=_training(plain(_mapping(facts["training"]))),
        notes=tuple(map(_text, facts["notes"])),
        data=None if data is None else _mapping(data),
        normalization=None if normalization is None else _per_channel(normalization),
        recipe=_text(facts["recipe"]),
        provenance=_mapping(facts["provenance"]),
    )


def _mapping(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise TypeError(f"{type(value).__name__} in place of a mapping")
    return value


def _training(values: dict[str, Any]) -> dict[str, Any]:
    """Return the settings of a training, of which these are computed with."""
    numbers = [values.get("epochs"), values.get("drop_factor"), *(values.get("drops") or ())]
    for number in numbers:
        if number is not None:
            _number(number)
    return values


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{type(value).__name__} in place of a text")
    return value


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{type(value).__name__} in place of a number")
    return value


def _per_channel(value: Sequence[Sequence[object]]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return mean and standard deviation by channel."""
    mean, deviation = value
    return tuple(map(_number, mean)), tuple(map(_number, deviation))


def _split_masks(content: Content, facts: Mapping[str, Any]) -> tuple[dict[str, Tensor], Mapping[str, Tensor] | None]:
    """Put tensors back into the order they had, which safetensors does not keep."""
    state = {name: content.value[name] for name in facts["names"]}
    masked = facts["masked"]
    if masked is None:
        return state, None
    if facts["schema"] == 1:
        return state, {name: content.value[f"{MASK}/{name}"] for name in masked}
    return state, decode_mask(content.metadata[MASK], state).kept


# ---- comparing ----------------------------------------------------------------------------------------------------


def _equal(one: Mapping[str, Tensor], other: Mapping[str, Tensor]) -> bool:
    return list(one) == list(other) and all(
        tensor.dtype == other[name].dtype and torch.equal(tensor.cpu(), other[name]) for name, tensor in one.items()
    )
