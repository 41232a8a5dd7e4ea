"""Networks that live in this process alone: objects of a notebook that no name can build again.

A recipe names such a network `live:<class>-<digest>`; the digest is of its structure, and of its class's source where
there is one. The table below is the one place of the package that remembers objects between calls: without it a step
could not build the network that its recipe names.
"""

from __future__ import annotations

import copy
import hashlib
import inspect
from typing import TYPE_CHECKING

from prunescope.api.errors import InputError
from prunescope.api.trust import LIVE

if TYPE_CHECKING:
    from torch import nn

DIGITS = 12

_KEPT: dict[str, nn.Module] = {}


def keep_network(model: nn.Module) -> str:
    """Remember the structure of a network in this process; return the name that stands for it."""
    name = f"{LIVE}{type(model).__name__}-{_structure(model)}"
    _KEPT.setdefault(name, copy.deepcopy(model).cpu())
    return name


def any_kept() -> bool:
    """Whether this process keeps any network."""
    return bool(_KEPT)


def is_live(name: str) -> bool:
    """Whether a network's name stands for an object of some process."""
    return name.startswith(LIVE)


def rebuild_network(name: str) -> nn.Module:
    """Return a copy of a network that is kept here; InputError where its process was another one."""
    if name not in _KEPT:
        raise InputError(
            f"the network '{name}' was an object of another process, which no name can build again",
            fix="give the object once more in this process, or make it importable: --model pkg.mod:factory",
        )
    return copy.deepcopy(_KEPT[name])


def _structure(model: nn.Module) -> str:
    shapes = ",".join(f"{name}:{tuple(value.shape)}:{value.dtype}" for name, value in model.state_dict().items())
    parts = [repr(model), shapes, *sorted({_source(type(part)) for part in model.modules()})]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:DIGITS]


def _source(cls: type) -> str:
    """Return a class's name and its source, where it has one: another `forward` is another network."""
    named = f"{cls.__module__}.{cls.__qualname__}"
    if cls.__module__.startswith("torch."):
        return named
    try:
        return f"{named}\n{inspect.getsource(cls)}"
    except (OSError, TypeError):
        return named
