"""Models by name: timm's, prunescope's own small networks, and networks of one's own ("pkg.mod:factory")."""

from __future__ import annotations

import difflib
import inspect
import json
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import timm
import torch
from timm.models import get_pretrained_cfg, is_model, list_models
from torch import nn

import prunescope.networks.zoo  # noqa: F401 - registers them with timm
from prunescope.api.errors import InputError, UsageError
from prunescope.api.trust import Trust, resolve
from prunescope.api.wording import count_text
from prunescope.networks import constructors, identity, live
from prunescope.networks.caches import forget_between_calls
from prunescope.networks.layers import prunable
from prunescope.networks.spec import JSON, TIMM_SOURCES, ModelSpec
from prunescope.networks.weightless import WeightlessMode

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["JSON", "ModelSpec", "create", "create_empty", "identify", "is_large", "nearest_names", "prunable"]

RESERVED = ("num_classes", "in_chans", "img_size", "image_size", "pretrained")


LARGE = 10**8
"""Weights of a network that is not built only to look at it: a study of a few bytes may name one of any size."""


def create(spec: ModelSpec, *, seed: int) -> nn.Module:
    """Return the network of `spec` with fresh weights drawn from `seed`; torch's global generator is left as it was.

    Raises:
        UsageError: no such network, or one that cannot be built for these classes, channels, image size and options.
        InputError: one of a person's own that computes something else than what `spec` was made of.
    """
    if spec.identity:
        _check_identity(spec)
    return _create(spec, seed)


def identify(spec: ModelSpec) -> str:
    """Return what a network of a person's own computes and its code, as digests; UsageError where it cannot be built.

    It is computed once in a process for each function and its arguments.
    """
    return _identify(resolve(spec.name), json.dumps(replace(spec, identity="").to_json(), sort_keys=True))


@lru_cache(maxsize=64)
def _identify(factory: Callable[..., object], text: str) -> str:
    values = json.loads(text)
    spec = ModelSpec.from_json(values, trust=Trust(frozenset({values["name"]})))
    model = _create(spec, 0)
    behaviour = identity.digest_behaviour(model, (spec.in_chans, *spec.image_size))
    return f"{behaviour}-{identity.digest_source(model, factory)}"


def _check_identity(spec: ModelSpec) -> None:
    """Raise InputError where the code behind a name computes something else; comments and layout may change."""
    was, now = (text.partition("-")[0] for text in (spec.identity, identify(spec)))
    if was != now and identity.UNKNOWN not in (was, now):
        raise InputError(
            f"the network '{spec.name}' computes something else than when this run was made: its code has changed",
            fix="restore its code, or start again from the checkpoint file: the results of both are kept apart",
        )


def _create(spec: ModelSpec, seed: int) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        model = _build(spec)
    forget_between_calls(model)
    return model


def create_empty(spec: ModelSpec) -> nn.Module:
    """Return the network of `spec` on the meta device: names and shapes without memory or initialisation.

    Raises UsageError where it cannot be built so: only a real one tells.
    """
    with torch.random.fork_rng(devices=[]):
        try:
            with torch.device("meta"):
                return _build(spec)
        except UsageError:
            if ":" in spec.name:  # a factory may hand out a network that lives on
                raise
        with WeightlessMode():
            return _build(spec).to("meta")


def is_large(spec: ModelSpec) -> bool:
    """Return whether the network of `spec` holds more than LARGE numbers; False where only a real one can tell.

    >>> is_large(ModelSpec(name="preresnet8", num_classes=10, in_chans=3, image_size=(8, 8), options={"width": 41.0}))
    True
    """
    try:
        return bool(sum(tensor.numel() for tensor in create_empty(spec).state_dict().values()) > LARGE)
    except (NotImplementedError, RuntimeError, UsageError):
        return False


def nearest_names(name: str, *, count: int = 3) -> list[str]:
    """Return the names known to timm that look most like `name`.

    >>> nearest_names("preresnet21")
    ['preresnet14', 'preresnet20', 'preresnet32']
    """
    wanted = name.partition(".")[0].lower()
    likeness = {known: difflib.SequenceMatcher(a=known, b=wanted).ratio() for known in list_models()}
    return sorted(likeness, key=lambda known: (-likeness[known], known))[:count]


def _build(spec: ModelSpec) -> nn.Module:
    taken = sorted(set(spec.options) & set(RESERVED))
    if taken:
        raise UsageError(
            f"option '{taken[0]}' of model '{spec.name}' is set by prunescope",
            fix="leave it out: classes, channels and image size follow from the data",
        )
    if live.is_live(spec.name):
        return _ready(live.rebuild_network(spec.name))
    if spec.name.startswith(TIMM_SOURCES) or ":" not in spec.name:
        return _timm_model(spec)
    return _ready(_own_model(spec))


def _ready(model: nn.Module) -> nn.Module:
    """Return the network in float32, in which everything is computed; UsageError where a layer's shape is unknown."""
    for name, parameter in model.named_parameters():
        if isinstance(parameter, nn.UninitializedParameter):
            path = name.rpartition(".")[0]
            kind = type(model.get_submodule(path)).__name__
            raise UsageError(
                f"layer '{path}' is a {kind}, whose shape is not known before a first call",
                fix="give it its input's size (Conv2d for LazyConv2d, ...), or call the network once in its factory",
            )
    return model.float()


def _timm_model(spec: ModelSpec) -> nn.Module:
    if ":" not in spec.name and not is_model(spec.name.partition(".")[0]):
        raise UsageError(
            f"no model is called '{spec.name}'", fix=f"did you mean {_or(nearest_names(spec.name))}? Or pkg.mod:factory"
        )
    _check_options(spec)
    arguments: dict[str, Any] = {"num_classes": spec.num_classes, "in_chans": spec.in_chans, **spec.options}
    if needs_image_size(spec.name):
        arguments["img_size"] = spec.image_size
    try:
        model: nn.Module = timm.create_model(spec.name, pretrained=False, **arguments)
    except Exception as error:  # whatever the constructors of a thousand architectures raise
        raise _cannot_build(spec, error) from error
    return model


def _check_options(spec: ModelSpec) -> None:
    """Refuse what the constructor does not take: timm hands every keyword on, and some of them read files."""
    if not spec.options:
        return
    known = constructors.accepted(spec.name) - set(RESERVED)
    unknown = sorted(set(spec.options) - known)
    if unknown:
        raise UsageError(
            f"option {unknown[0]!r} of model '{spec.name}' is not an argument of its constructor",
            fix=f"it takes: {', '.join(sorted(known))}",
        )
    for name, value in sorted(spec.options.items()):
        if not constructors.is_plain(value):
            raise UsageError(
                f"option {name!r} of model '{spec.name}' got {str(value)[:80]!r}",
                fix="it requires true, false, a number of ordinary size, a word, or a list of these",
            )


def needs_image_size(name: str) -> bool:
    """Whether the architecture is built for one image size and takes it as img_size, as vision transformers do."""
    if name.startswith(TIMM_SOURCES):
        return False
    config = get_pretrained_cfg(name, allow_unregistered=True)
    return bool(config is not None and config.fixed_input_size)


def _own_model(spec: ModelSpec) -> nn.Module:
    factory = resolve(spec.name)
    known = {
        "num_classes": spec.num_classes,
        "in_chans": spec.in_chans,
        "img_size": spec.image_size,
        "image_size": spec.image_size,
    }
    try:
        taken = {name: value for name, value in known.items() if name in _arguments(factory)}
        model = factory(**taken, **spec.options)
    except (Exception, SystemExit) as error:  # whatever a foreign function raises
        raise _cannot_build(spec, error) from error
    if not isinstance(model, nn.Module):
        raise UsageError(
            f"'{spec.name}' returned {type(model).__name__}, wanted a torch.nn.Module", fix="return the network itself"
        )
    return model


def _arguments(factory: Callable[..., object]) -> frozenset[str]:
    """Return what a function takes by name; those of Torchvision hand the number of classes on."""
    handed_on = {"num_classes"} if factory.__module__.startswith("torchvision.models.") else set()
    return frozenset({*inspect.signature(factory).parameters, *handed_on})


def _cannot_build(spec: ModelSpec, error: BaseException) -> UsageError:
    size = "x".join(map(str, spec.image_size))
    options = "".join(f", {name}={value}" for name, value in sorted(spec.options.items()))
    return UsageError(
        f"cannot build '{spec.name}' for {count_text(spec.num_classes, 'class')}, "
        f"{count_text(spec.in_chans, 'channel')}, "
        f"{size + ' images' if size else 'rows of numbers'}{options}: {type(error).__name__}: {error}",
        fix="check the options, and whether the network accepts images of this size",
    )


def _or(names: list[str]) -> str:
    return " or ".join(f"'{name}'" for name in names)
