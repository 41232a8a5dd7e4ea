"""Data sets by name: text -> plugin and options -> data, with the fingerprint that goes into every recipe."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from prunescope.api import CLASSIFICATION
from prunescope.api.errors import InputError, UsageError
from prunescope.api.trust import NOTHING
from prunescope.data import live, views
from prunescope.data.inventory import Inventory
from prunescope.data.spec import Source, parse_spec
from prunescope.plugins import checks, options, registry

if TYPE_CHECKING:
    from collections.abc import Mapping

    from prunescope.api import Data
    from prunescope.api.trust import Trust
    from prunescope.plugins.registry import Loaded

EMPTY: Mapping[str, Any] = MappingProxyType({})


def describe(
    text: str, *, trust: Trust = NOTHING, limit_batches: int | None = None, more: Mapping[str, Any] = EMPTY
) -> Source:
    """Load the data set that `text` names once and return it as a source with its fingerprint.

    text: "digits", "patches:noise=0.2", "torch/cifar10", a folder, "pkg.mod:factory" (see data.spec). more: options
    that count where the text does not give them.
    Raises InputError where it names code that `trust` does not hold.
    """
    loaded = _named(text, trust, more)
    source = Source(
        name=loaded.plugin.name,
        options=options.non_default(loaded.instance),
        version=loaded.instance.version,
        limit_batches=limit_batches,
    )
    found = _load(json.dumps(source.to_json()), "cpu", trust)
    return Source(**{**source.to_json(), "fingerprint": found.fingerprint})


def code(text: str) -> tuple[str, ...]:
    """Return what a person who types `text` for a data set names of code."""
    return _named(text, None).code


def given_options(text: str) -> tuple[str, frozenset[str], frozenset[str]]:
    """Return the plugin that `text` names, the options given there, and all that the plugin has."""
    name, values = parse_spec(text)
    known = {field.name for field in options.fields(type(_named(text, None).instance))}
    return name, frozenset(values), frozenset(known)


def inventory(text: str, *, trust: Trust = NOTHING, more: Mapping[str, Any] = EMPTY) -> dict[str, Inventory]:
    """Return what each split of the data set that `text` names holds; {} where it is no folder of files."""
    found = _named(text, trust, more).instance.inventory()
    return {split: Inventory(**values) for split, values in found.items()}


def source_inventory(source: Source, *, trust: Trust = NOTHING) -> dict[str, Inventory]:
    """Return what each split of a source holds; {} where it is no folder of files."""
    if live.is_live_source(source):
        return {}
    found = registry.make("datasets", source.name, source.options, trust=trust).instance.inventory()
    return {split: Inventory(**values) for split, values in found.items()}


def all_options(source: Source) -> dict[str, Any]:
    """Return every option of a source's data set, defaults included."""
    return dict(options.all_options(registry.make("datasets", source.name, source.options, trust=None).instance))


def _named(text: str, trust: Trust | None, more: Mapping[str, Any] = EMPTY) -> Loaded:
    name, values = parse_spec(text)
    if name not in {plugin.name for plugin in registry.find_plugins("datasets")}:
        raise UsageError(
            f"there is no data set {name!r}: no folder and no plugin has this name",
            fix="give the path of a folder, or one of: "
            + ", ".join(plugin.name for plugin in registry.find_plugins("datasets")),
        )
    return registry.make("datasets", name, {**more, **values}, trust=trust)


def open_source(source: Mapping[str, Any], *, device: str, trust: Trust = NOTHING) -> Data:
    """Return the data of a recipe's argument on a device.

    Raises InputError when their content is not what it was, or where they name code that `trust` does not hold.
    """
    wanted = Source(**source)
    data = _load(json.dumps(Source(**{**source, "fingerprint": ""}).to_json()), device, trust)
    if wanted.fingerprint not in ("", data.fingerprint):
        raise InputError(
            f"the data {wanted.name!r} has changed: fingerprint {data.fingerprint}, wanted {wanted.fingerprint}",
            fix="restore the data, or start a new study",
        )
    return data


@lru_cache(maxsize=2)
def _load(source_json: str, device: str, trust: Trust) -> Data:
    """Load a data set; cached, because a worker performs many steps on one."""
    source = Source(**json.loads(source_json))
    data = live.find_data(source) if live.is_live_source(source) else _make(source, trust)
    if data.objective != CLASSIFICATION:  # the same tensors for another objective are other data
        digest = hashlib.sha256(f"{data.fingerprint} {data.objective.identity}".encode()).hexdigest()[:32]
        data = replace(data, fingerprint=digest)
    if source.limit_batches is not None:
        data = views.limited(data, batches=source.limit_batches)
    return views.to_device(data, device)


def _make(source: Source, trust: Trust) -> Data:
    loaded = registry.make("datasets", source.name, source.options, trust=trust)
    with loaded.unchanged():
        data = loaded.instance.load()
    return checks.check_data(loaded.title, data)
