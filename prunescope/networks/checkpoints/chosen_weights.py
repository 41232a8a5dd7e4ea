"""Take the weights that `--weights` names: a key of the file, or what comes before the names of some of its tensors."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import nn

from prunescope.api.errors import InputError, UsageError
from prunescope.networks.checkpoints.layouts import (
    DEEPEST,
    NOT_WEIGHTS,
    FileLayout,
    dense_tensors,
    find_weights,
    holds_weights,
    is_state,
    writer_of,
)
from prunescope.networks.checkpoints.names import strip_wrappers
from prunescope.networks.checkpoints.plain import plain

BY_KIND = (None, "ema", "raw")
"""Choices that name a kind of weights, not a place in the file."""

LONGEST = 8
"""Bytes of a number of numpy that torch has too."""

MOST_NAMES = 8
"""Of the sets of weights that an error lists."""


def take_weights(value: Any, *, weights: str | None, source: str) -> FileLayout:  # noqa: ANN401 - whatever was in the file
    """Return the weights in `value` that `weights` means: a kind ("ema", "raw"), a key, a prefix, or both by a dot.

    Raises:
        InputError: no weights, or several sets and no choice between them.
        UsageError: the file does not have what `weights` means.
    """
    value = _with_tensors(value)
    if weights in BY_KIND:
        return find_weights(value, weights=weights, source=source)
    assert weights is not None  # noqa: S101 - None is a kind
    found = _take_named(value, weights, source=source)
    if found is None:
        names = ", ".join(_list_sets(value)[:MOST_NAMES])
        raise UsageError(
            f"'{source}' contains no weights named {weights[:80]!r}",
            fix=f"--weights takes ema, raw or the name of a set in the file{': ' if names else ''}{names}",
        )
    note = f"weights read from {weights!r}, as --weights asks"
    return replace(found, notes=(note, *found.notes))


def _with_tensors(value: Any, *, deep: int = DEEPEST) -> Any:  # noqa: ANN401 - whatever was in the file
    """Return the value with tensors in the place of numpy's arrays, where a mapping holds nothing but these."""
    if not isinstance(value, Mapping) or not value or deep == 0:
        return value
    if all(isinstance(key, str) and isinstance(item, np.ndarray) for key, item in value.items()):
        numbers = all(item.dtype.kind in "biuf" and item.dtype.itemsize <= LONGEST for item in value.values())
        return {key: torch.from_numpy(np.array(item)) for key, item in value.items()} if numbers else value
    inner = {key: _with_tensors(item, deep=deep - 1) for key, item in value.items() if isinstance(item, Mapping)}
    return value if all(inner[key] is value[key] for key in inner) else {**value, **inner}


def _take_named(value: object, name: str, *, source: str) -> FileLayout | None:
    if isinstance(value, nn.Module):
        return _take_prefix(FileLayout(state=dense_tensors(value.state_dict()), format="pickled module"), name)
    if not isinstance(value, Mapping):
        return None
    if is_state(value):
        return _take_prefix(FileLayout(state=dense_tensors(value), format="state_dict"), name)
    inner = value.get(name)
    if holds_weights(inner):
        return _with_rest(find_weights(inner, weights=None, source=f"{source}[{name}]"), value)
    for key, item in value.items():
        if isinstance(key, str) and name.startswith(f"{key}."):
            found = _take_named(item, name.removeprefix(f"{key}."), source=f"{source}[{key}]")
            if found is not None:
                return _with_rest(found, value)
    return _take_of_usual(value, name, source=source)


def _take_of_usual(value: Mapping[Any, Any], name: str, *, source: str) -> FileLayout | None:
    """Return the part under the prefix `name` of the weights that are read where nothing is chosen."""
    try:
        usual = find_weights(value, weights=None, source=source)
    except InputError:
        return None
    return _take_prefix(usual, name)


def _take_prefix(layout: FileLayout, name: str) -> FileLayout | None:
    prefix = f"{name.rstrip('.')}."
    named = strip_wrappers(layout.state)
    part = {key.removeprefix(prefix): item for key, item in named.state.items() if key.startswith(prefix)}
    return replace(layout, state=part, notes=named.notes) if part else None


def _with_rest(found: FileLayout, value: Mapping[Any, Any]) -> FileLayout:
    """Add what lies beside the weights in the file, its settings for example."""
    rest = {key: item for key, item in value.items() if not holds_weights(item)}
    return replace(found, beside=plain(rest) | found.beside, format=writer_of(value))


def _list_sets(value: object) -> list[str]:
    """Return the names that `--weights` takes for a file: keys of weights, or the first parts of their names."""
    if isinstance(value, nn.Module):
        value = value.state_dict()
    if not isinstance(value, Mapping):
        return []
    if is_state(value):
        counts = Counter(key.partition(".")[0] for key in strip_wrappers(dense_tensors(value)).state if "." in key)
        return [key for key, _ in counts.most_common()]
    return sorted(str(key) for key, item in value.items() if holds_weights(item) and not _is_other(key))


def _is_other(key: object) -> bool:
    return str(key).startswith(NOT_WEIGHTS)
