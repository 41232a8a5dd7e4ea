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
    from types import CodeType, FunctionType

    from torch import nn

DIGITS = 12

_KEPT: dict[str, nn.Module] = {}


def keep_network(model: nn.Module) -> str:
    """Remember the structure of a network in this process; return the name that stands for it."""
    name = f"{LIVE}{type(model).__name__}-{_structure(model)}"
    _KEPT.setdefault(name, copy.deepcopy(model).cpu())
    return name


def any_network_kept() -> bool:
    """Whether this process keeps any network."""
    return bool(_KEPT)


def is_live(name: str) -> bool:
    """Whether a network's name stands for an object of some process."""
    return name.startswith(LIVE)


def rebuild_network(name: str) -> nn.Module:
    """Return a copy of a network that is kept here; InputError where its process was another one."""
    if name not in _KEPT:
        raise InputError(
            f"the network '{name}' is an object of another process and cannot be rebuilt from a name",
            fix="give the object again in this process, or make it importable: --model pkg.mod:factory",
        )
    return copy.deepcopy(_KEPT[name])


def _structure(model: nn.Module) -> str:
    shapes = ",".join(f"{name}:{tuple(value.shape)}:{value.dtype}" for name, value in model.state_dict().items())
    parts = [repr(model), shapes, *sorted({_source(type(part)) for part in model.modules()})]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:DIGITS]


def _source(cls: type) -> str:
    """Return a class's name and the source of its functions: another `forward` is another network.

    A notebook's classes have no source of their own, its functions have; those of a prompt have their compiled code.
    """
    named = f"{cls.__module__}.{cls.__qualname__}"
    if cls.__module__.startswith("torch."):
        return named
    functions = [value for cls_ in inspect.getmro(cls) for value in vars(cls_).values() if _is_own(value)]
    return "\n".join([named, *map(_text, functions)])


def _is_own(value: object) -> bool:
    """Whether something in a class is a function that torch has not written."""
    return inspect.isfunction(value) and not value.__module__.startswith("torch.")


def _text(function: FunctionType) -> str:
    try:
        return inspect.getsource(function)
    except (OSError, TypeError):
        return _compiled(function.__code__)


def _compiled(code: CodeType) -> str:
    inner = [_compiled(one) if inspect.iscode(one) else repr(one) for one in code.co_consts]
    return f"{code.co_name} {code.co_code.hex()} {code.co_names} {code.co_varnames} {inner}"
