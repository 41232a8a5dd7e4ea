"""Find the weights in what a training program saved: bare, under a key, EMA beside raw, and who wrote it."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

import torch
from torch import Tensor, nn

from prunescope.api.errors import InputError, UsageError
from prunescope.networks.checkpoints.extent import check_count, check_dimensions
from prunescope.networks.checkpoints.foreign import WHOLE_OF_DEEPSPEED, explain_names
from prunescope.networks.checkpoints.plain import plain

WeightsKind: TypeAlias = Literal["ema", "raw"]

EMA_KEYS = (
    "state_dict_ema",
    "model_ema",
    "ema_state_dict",
    "model_ema_state_dict",
    "ema_model",
    "ema_weights",
    "ema",
)
RAW_KEYS = (
    "state_dict",
    "model_state_dict",
    "model_state",
    "model",
    "net",
    "network",
    "module",
    "weights",
    "params",
    "state",
    "student",
)
FLOATS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)

LONGEST_NAME = 1000

LARGEST = 1 << 31
"""Bytes of a tensor that was sparse."""

DEEPEST = 3
"""Mappings within mappings in which weights are looked for."""

NOT_WEIGHTS = ("optimizer", "scheduler", "scaler", "lr_scheduler", "amp")


@dataclass(frozen=True, kw_only=True)
class FileLayout:
    """The weights found in a file, and what lies beside them."""

    state: dict[str, Tensor]
    beside: dict[str, Any] = field(default_factory=dict)
    """The plain values of the rest of the file: args, epoch, hyper_parameters, ...; see `plain`."""
    format: str
    notes: tuple[str, ...] = ()
    module: nn.Module | None = None
    """The whole network, where the file has it and its code was executed."""


def find_weights(value: Any, *, weights: str | None, source: str) -> FileLayout:  # noqa: ANN401 - whatever was in the file
    """Return the weights in `value`: EMA weights where there are any, unless `weights` is "raw".

    Raises:
        InputError: no weights, or several sets under unknown keys.
        UsageError: `weights` asks for what the file does not have.
    """
    if isinstance(value, nn.Module):
        note = f"the file contains a whole {type(value).__name__}; its weights are used"
        state = dense_tensors(value.state_dict())
        return FileLayout(state=state, format="pickled module", notes=(note,), module=value)
    if not isinstance(value, Mapping):
        raise InputError(
            f"'{source}' contains {_article(type(value).__name__)}, not weights",
            fix="save the state_dict of the network",
        )
    if is_state(value):
        refuse_missing_choice(weights, found=None if names_ema(value) else "raw", source=source)
        return FileLayout(state=dense_tensors(value), format="state_dict", notes=_extra_state_note(value))
    return _unwrap(value, weights=weights, source=source)


def is_state(value: object) -> bool:
    """Whether `value` is a state_dict: tensors by name, and at most the extra state of modules beside them."""
    return (
        isinstance(value, Mapping)
        and any(isinstance(item, Tensor) and item.is_floating_point() for item in value.values())
        and all(
            isinstance(name, str) and (isinstance(item, Tensor) or name.endswith("_extra_state"))
            for name, item in value.items()
        )
    )


def names_ema(state: Iterable[str]) -> bool:
    """Whether some tensors lie behind a prefix that names an average: `ema_model.`, `model_ema.module.`.

    >>> names_ema(["ema_model.fc.weight"]), names_ema(["schema.weight"])
    (True, False)
    """
    return any(re.search(r"(^|[._])ema[._]", name) for name in state)


def _unwrap(value: Mapping[Any, Any], *, weights: str | None, source: str) -> FileLayout:
    ema = _first(value, EMA_KEYS, source=source)
    raw = _first(value, RAW_KEYS, source=source) or (None if ema else _only_unknown(value, source=source))
    if ema is None and raw is None:
        raise _without_weights(value, source=source)
    if ema is not None and raw is not None and _is_exchanged(value):
        ema, raw = raw, ema
    only_raw = ema is None and raw is not None and not names_ema(raw[1].state)
    refuse_missing_choice(weights, found="ema" if raw is None else "raw" if only_raw else None, source=source)
    chosen = raw if ema is None or (weights == "raw" and raw is not None) else ema
    assert chosen is not None  # noqa: S101 - one of them is there
    key, inner = chosen
    return FileLayout(
        state=inner.state,
        beside=plain({name: item for name, item in value.items() if name not in {*EMA_KEYS, *RAW_KEYS}}) | inner.beside,
        format=writer_of(value),
        notes=(*_choice_note(ema, raw, key), *_others_note(value, ema, raw), *_nameless_note(value), *inner.notes),
        module=inner.module,
    )


def _is_exchanged(value: Mapping[Any, Any]) -> bool:
    """Whether the average lies where the weights of the training belong, and these in its place.

    So does MMEngine's EMAHook save them (mmengine.hooks.ema_hook, before_save_checkpoint).
    """
    meta = value.get("meta")
    return isinstance(meta, Mapping) and ("mmengine_version" in meta or "message_hub" in value)


def _without_weights(value: Mapping[Any, Any], *, source: str) -> InputError:
    names = sorted(key for key in value if isinstance(key, str))
    foreign = explain_names(names)
    if foreign is not None:
        return InputError(f"'{source}' holds {foreign[0]}", fix=foreign[1])
    if {"param_shapes", "dp_world_size"} <= set(names):
        what = "a part of a checkpoint of DeepSpeed's ZeRO-3, without the weights"
        return InputError(f"'{source}' is {what}", fix=f"join its parts: {WHOLE_OF_DEEPSPEED}")
    keys = ", ".join(name[:80] for name in names[:8]) or "nothing that has a name"
    return InputError(f"'{source}' contains no weights, only: {keys}", fix="save the state_dict of the network")


def _first(value: Mapping[Any, Any], keys: tuple[str, ...], *, source: str) -> tuple[str, FileLayout] | None:
    for key in keys:
        inner = value.get(key)
        if holds_weights(inner):
            return key, find_weights(inner, weights=None, source=f"{source}[{key}]")
    return None


def holds_weights(value: object) -> bool:
    """Whether `value` is a network, its weights, or a mapping with such under a usual name."""
    return isinstance(value, nn.Module) or is_state(value) or (isinstance(value, Mapping) and _holds_state(value))


def _holds_state(value: Mapping[Any, Any], *, deep: int = DEEPEST) -> bool:
    inner = (value.get(key) for key in (*EMA_KEYS, *RAW_KEYS))
    return any(
        isinstance(item, nn.Module)
        or is_state(item)
        or (deep > 1 and isinstance(item, Mapping) and _holds_state(item, deep=deep - 1))
        for item in inner
    )


def _only_unknown(value: Mapping[Any, Any], *, source: str) -> tuple[str, FileLayout] | None:
    named = ((key, item) for key, item in value.items() if isinstance(key, str))
    found = [key for key, item in named if is_state(item) and not key.startswith(NOT_WEIGHTS)]
    if len(found) > 1:
        raise InputError(
            f"'{source}' contains several sets of weights: {', '.join(sorted(found)[:8])}",
            fix=f"choose one: --weights {min(found)}",
        )
    return (found[0], find_weights(value[found[0]], weights=None, source=source)) if found else None


def refuse_missing_choice(weights: str | None, *, found: WeightsKind | None, source: str) -> None:
    """Raise UsageError where only one kind was found and another choice is wanted; None: both were found."""
    if weights == "ema" and found == "raw":
        raise UsageError(f"'{source}' contains no EMA weights", fix="leave out --weights ema")
    if weights == "raw" and found == "ema":
        raise UsageError(f"'{source}' contains EMA weights only", fix="leave out --weights raw")
    if weights not in (None, "ema", "raw"):
        raise UsageError(f"'{source}' contains one set of weights, and no {weights[:80]!r}", fix="leave out --weights")


def _choice_note(ema: tuple[str, FileLayout] | None, raw: tuple[str, FileLayout] | None, key: str) -> tuple[str, ...]:
    if ema is None or raw is None:
        return (f"weights read from '{key}'",)
    other = ("raw", raw[0]) if key == ema[0] else ("ema", ema[0])
    mine = "EMA" if key == ema[0] else "raw"
    return (f"{mine} weights read from '{key}'; --weights {other[0]} reads '{other[1]}' instead",)


def _others_note(
    value: Mapping[Any, Any], ema: tuple[str, FileLayout] | None, raw: tuple[str, FileLayout] | None
) -> tuple[str, ...]:
    """Name the sets of weights that were not taken."""
    known = {found[0] for found in (ema, raw) if found}
    others = [
        name
        for key, item in value.items()
        if key not in known and not str(key).startswith(NOT_WEIGHTS)
        for name in ([str(key)] if holds_weights(item) else _hidden_sets(item, f"{key}."))
    ]
    if not others:
        return ()
    named = ", ".join(f"'{other}'" for other in sorted(others)[:8])
    return (f"weights that were not read: {named}; --weights {min(others)} reads these",)


def _nameless_note(value: Mapping[Any, Any]) -> tuple[str, ...]:
    """Name averages that are a list of tensors without names, as torch_ema and diffusers save them."""
    keys = [str(key) for key, item in value.items() if isinstance(item, Mapping) and "shadow_params" in item]
    if not keys:
        return ()
    way = "ema.copy_to(model.parameters()), then torch.save(model.state_dict(), path)"
    return (f"an average of the weights that has no names was not read: '{keys[0]}.shadow_params'; to use it: {way}",)


def _hidden_sets(value: object, prefix: str, *, deep: int = DEEPEST) -> list[str]:
    """Return where further weights lie, such as `callbacks.EMA.ema_state_dict` of Lightning."""
    if not isinstance(value, Mapping) or deep == 0:
        return []
    found: list[str] = []
    for key, item in value.items():
        if isinstance(key, str) and is_state(item) and any(tensor.ndim > 1 for tensor in item.values()):
            found.append(prefix + key)
        else:
            found += _hidden_sets(item, f"{prefix}{key}.", deep=deep - 1)
    return found


def writer_of(value: Mapping[Any, Any]) -> str:
    """Return which program wrote a file, as far as its keys show it."""
    if "pytorch-lightning_version" in value:
        return "Lightning"
    if isinstance(value.get("args"), argparse.Namespace) and hasattr(value["args"], "model") and "arch" in value:
        return "timm"
    return "wrapped state_dict"


def dense_tensors(value: Mapping[str, Any]) -> dict[str, Tensor]:
    """Return plain, dense tensors; the extra state of modules is left out."""
    check_count(len(value))
    return {name: _plain(name, item) for name, item in value.items() if isinstance(item, Tensor)}


def _plain(name: str, tensor: Tensor) -> Tensor:
    check_dimensions(name, tensor)
    if tensor.is_quantized:
        raise InputError(f"tensor '{name}' is quantised", fix="give the network before quantisation")
    what = _foreign(name, tensor)
    if what:
        raise InputError(f"tensor {name[:80]!r} {what}", fix="save it as an ordinary tensor of the network's type")
    tensor = tensor.detach()
    return tensor if tensor.layout == torch.strided else tensor.to_dense()


def _foreign(name: str, tensor: Tensor) -> str:
    """Return what makes a tensor none that a network on the CPU computes with; empty where nothing does."""
    if len(name) > LONGEST_NAME:
        return f"has a name of {len(name)} characters"
    if tensor.is_nested or tensor.is_meta:
        return "is nested" if tensor.is_nested else "has no data: it is on the device 'meta'"
    if tensor.is_complex() or (tensor.is_floating_point() and tensor.dtype not in FLOATS):
        return f"has the type {tensor.dtype}"
    dense = tensor.layout == torch.strided
    return (
        ""
        if dense or tensor.numel() * tensor.element_size() <= LARGEST
        else f"is sparse, of {tensor.numel():,} elements"
    )


def _extra_state_note(value: Mapping[str, Any]) -> tuple[str, ...]:
    extra = [name for name, item in value.items() if not isinstance(item, Tensor)]
    return (f"extra state of modules left out: {', '.join(extra[:5])}",) if extra else ()


def _article(word: str) -> str:
    return f"{'an' if word[:1].lower() in 'aeiou' else 'a'} {word}"
