"""Which options a network of timm takes: those of its constructor, plain values that name no file.

`timm.create_model` hands unknown keywords on, and some of them (checkpoint_path, pretrained_cfg, cache_dir) read files.
"""

from __future__ import annotations

import inspect
import re
from dataclasses import fields, is_dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, get_args, get_type_hints

import timm
import torch
from timm.models import is_model, model_entrypoint
from torch import nn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

COMMON_OPTIONS = frozenset(
    {
        "act_layer",
        "bn_eps",
        "bn_momentum",
        "bn_tf",
        "channel_multiplier",
        "depth_multiplier",
        "drop_block_rate",
        "drop_path_rate",
        "drop_rate",
        "global_pool",
        "norm_layer",
        "output_stride",
    }
)
"""What timm's builders take in beside the arguments of the constructor."""

NEVER = frozenset({"exportable", "features_only", "no_jit", "scriptable"})
"""Arguments of timm.create_model that make another network of it, or set a global switch."""

OF_FILES = re.compile(
    r"(^|_)(cache|cfg|checkpoint|config|dir|file|files|folder|hub|path|pretrained|source|url|weights)($|_)"
)
"""Words in the name of an option that names where to read something."""

NOT_OF_FILES = re.compile(r"(^|_)drop_path")
"""Stochastic depth drops paths of the network."""

WORD = re.compile(r"[\w.+-]{0,64}")
"""A text that an option may be: `relu`, `batchnorm2d`; no path, no address, no module:function."""

LARGEST_NUMBER = 65_536
"""Largest number, and most items of a list, that an option may be."""


def accepted(name: str) -> frozenset[str]:
    """Return the names of the options that the architecture takes; the common ones where timm does not have it.

    >>> "width" in accepted("preresnet8"), "checkpoint_path" in accepted("resnet18")
    (True, False)
    """
    architecture = name.partition(".")[0]
    known = _arguments(architecture) if is_model(architecture) else COMMON_OPTIONS
    return frozenset(option for option in known - NEVER if NOT_OF_FILES.search(option) or not OF_FILES.search(option))


def is_plain(value: object) -> bool:
    """Whether a value is a truth value, a number of ordinary size, a single word, None, or a short list of these.

    >>> is_plain("relu"), is_plain([2, 2]), is_plain("weights/best.pth"), is_plain(10**30)
    (True, True, False, False)
    """
    if isinstance(value, list | tuple):
        return len(value) <= LARGEST_NUMBER and all(
            not isinstance(item, list | tuple) and is_plain(item) for item in value
        )
    if isinstance(value, str):
        return WORD.fullmatch(value) is not None
    return value is None or (isinstance(value, int | float) and abs(value) <= LARGEST_NUMBER)


def sifted(name: str, options: Mapping[str, Any]) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return the options that the architecture takes, and the names of the others."""
    known = accepted(name)
    kept = {option: value for option, value in options.items() if option in known and is_plain(value)}
    return kept, tuple(sorted(set(map(str, options)) - set(kept)))


@lru_cache(maxsize=256)
def _arguments(architecture: str) -> frozenset[str]:
    """Return the arguments of the function that builds an architecture, and of the class of what it builds."""
    parameters = inspect.signature(model_entrypoint(architecture)).parameters.values()
    named = {each.name for each in parameters if each.kind not in (each.VAR_KEYWORD, each.VAR_POSITIONAL)}
    if not any(each.kind is each.VAR_KEYWORD for each in parameters):
        return frozenset(named)
    return frozenset(named | COMMON_OPTIONS | _of_classes(type(_built(architecture))))


def _of_classes(kind: type) -> set[str]:
    """Return the arguments of the constructors of a class and of those it derives from."""
    found: set[str] = set()
    for base in kind.__mro__[: kind.__mro__.index(nn.Module)]:
        if "__init__" in vars(base):
            found |= set(inspect.signature(vars(base)["__init__"]).parameters) | _of_configuration(
                vars(base)["__init__"]
            )
    return found - {"self", "args", "kwargs"}


def _of_configuration(constructor: Callable[..., None]) -> set[str]:
    """Return the fields of the configuration that a constructor takes, where further keywords replace its values.

    NFNets, MaxxViTs, NaFlexViTs and ByobNets are built so; a MaxxViT's `transformer_cfg` and `conv_cfg` have their
    fields behind `transformer_` and `conv_`.
    """
    parameters = inspect.signature(constructor).parameters
    if "cfg" not in parameters or not any(each.kind is each.VAR_KEYWORD for each in parameters.values()):
        return set()
    hints = get_type_hints(constructor)
    kinds = [kind for kind in (hints["cfg"], *get_args(hints["cfg"])) if is_dataclass(kind)]
    return {name for kind in kinds for field in fields(kind) for name in _names(field.name, field.default_factory)}


def _names(field: str, factory: object) -> Iterator[str]:
    """Yield the keywords of a field: its name; of a configuration within, those of its fields behind its prefix."""
    yield field
    if is_dataclass(factory):
        yield from (f"{field.removesuffix('cfg')}{inner.name}" for inner in fields(factory))


def _built(architecture: str) -> nn.Module:
    """Return the architecture as it comes, without memory where it can be built so."""
    with torch.random.fork_rng(devices=[]):
        try:
            with torch.device("meta"):
                model: nn.Module = timm.create_model(architecture, pretrained=False)
        except Exception:  # noqa: BLE001 - a network that computes with its own weights while it is built
            model = timm.create_model(architecture, pretrained=False)
    return model
