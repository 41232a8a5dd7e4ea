"""Networks that live in this process alone: objects of a notebook that no name can build again.

A recipe names such a network `live:<class>-<digest>`; the digest is of its structure, of its outputs on a fixed input
at fixed weights, and of its classes' source where there is one. The table below is the one place of the package that
remembers objects between calls: without it a step could not build the network that its recipe names.
"""

from __future__ import annotations

import copy
import hashlib
from typing import TYPE_CHECKING

from prunescope.api.errors import InputError, UsageError
from prunescope.api.trust import LIVE
from prunescope.networks.identity import DIGITS, digest_behaviour, layer_sources

if TYPE_CHECKING:
    from torch import nn

_KEPT: dict[str, nn.Module] = {}


def keep_network(model: nn.Module, *, shape: tuple[int, ...] = ()) -> str:
    """Remember the structure of a network in this process; return its name.

    shape: of one input, such as (channels, height, width).
    """
    name = f"{LIVE}{type(model).__name__}-{_structure(model, shape)}"
    if name not in _KEPT:
        _KEPT[name] = _copied(model).cpu()
    return name


def _copied(model: nn.Module) -> nn.Module:
    try:
        return copy.deepcopy(model)
    except Exception as error:
        raise UsageError(
            f"the network {type(model).__name__} cannot be copied: {str(error).splitlines()[0]}",
            fix="take off what computes its weights (torch.nn.utils.prune.remove, remove_weight_norm); or give its "
            "state_dict in a file, which keeps masks, and model=",
        ) from error


def any_network_kept() -> bool:
    """Whether this process keeps any network."""
    return bool(_KEPT)


def is_live(name: str) -> bool:
    """Whether a network's name is that of an object of some process."""
    return name.startswith(LIVE)


def rebuild_network(name: str) -> nn.Module:
    """Return a copy of a network that is kept here; InputError where its process was another one."""
    if name not in _KEPT:
        raise InputError(
            f"the network '{name}' is an object of another process and cannot be rebuilt from a name",
            fix="give the object again in this process, or make it importable: --model pkg.mod:factory",
        )
    return copy.deepcopy(_KEPT[name])


def _structure(model: nn.Module, shape: tuple[int, ...]) -> str:
    shapes = ",".join(f"{name}:{tuple(value.shape)}:{value.dtype}" for name, value in model.state_dict().items())
    parts = [repr(model), shapes, *layer_sources(model), digest_behaviour(model, shape)]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:DIGITS]
