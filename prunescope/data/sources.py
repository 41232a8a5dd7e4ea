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
from prunescope.data import live, places, private_places, views
from prunescope.data.inventory import Inventory
from prunescope.data.spec import Source, parse_spec
from prunescope.plugins import checks, options, registry
from prunescope.plugins.data_state import data_state

if TYPE_CHECKING:
    from collections.abc import Mapping

    from prunescope.api import Data
    from prunescope.api.errors import PrunescopeError
    from prunescope.api.trust import Trust
    from prunescope.plugins.data_state import State
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
    instance = loaded.instance.located()
    trust = trust.also(options.named_code(instance))  # the same, as any process finds it
    rest, place = places.split_place(instance, options.non_default(instance))
    source = Source(name=loaded.plugin.name, options=rest, version=loaded.instance.version, limit_batches=limit_batches)
    return _found_at(source, place, trust)


def limit_source(source: Source, limit_batches: int | None, *, trust: Trust = NOTHING) -> Source:
    """Return a source with another limit of batches, its content where that of `source` was found."""
    open_source(source.to_json(), device="cpu", trust=trust)
    place = next(iter(places.find_places(source)), {})
    return _found_at(replace(source, limit_batches=limit_batches), place, trust)


def move_source(source: Source, text: str, *, trust: Trust = NOTHING) -> None:
    """Remember that the content of a source lies where `text`, a data set as --data takes it, says.

    Raises InputError where other content lies there.
    """
    instance = _named(text, trust, _content(source)).instance.located()
    trust = trust.also(options.named_code(instance))
    _, place = places.split_place(instance, options.non_default(instance))
    found = _found_at(replace(source, fingerprint=""), place, trust)
    if found.fingerprint != source.fingerprint:
        raise _changed(source, found.fingerprint, at=text)
    _keep(source, place)


def _found_at(source: Source, place: Mapping[str, Any], trust: Trust) -> Source:
    """Return a source with the fingerprint of what lies at a place, and remember the place."""
    unnamed = _at(source, place)
    found = replace(source, fingerprint=_load_unchanged(json.dumps(unnamed.to_json()), "cpu", trust).fingerprint)
    _keep(found, place)
    return found


def _keep(source: Source, place: Mapping[str, Any]) -> None:
    places.keep_place(source, place)
    private_places.keep_private_place(source, place)


def _at(source: Source, place: Mapping[str, Any]) -> Source:
    """Return a source that looks at a place, and at no part of another one; without a place, where it says itself."""
    held = _content(source) if place else source.options
    return replace(source, options={**held, **place}, fingerprint="")


def _content(source: Source) -> dict[str, Any]:
    """Return the options of a source that are no place: earlier versions had both in a recipe."""
    names = {field.name for field in _fields(source) if field.option.place}
    return {name: value for name, value in source.options.items() if name not in names}


def _fields(source: Source) -> tuple[options.OptionField, ...]:
    return options.fields(registry.get("datasets", source.name).load())


def code(text: str) -> tuple[str, ...]:
    """Return what a person who types `text` for a data set names of code, there and as any process finds it."""
    typed = _named(text, None)
    return tuple(dict.fromkeys((*typed.code, *options.named_code(typed.instance.located()))))


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
    found = registry.make("datasets", source.name, _first_place(source), trust=trust).instance.inventory()
    return {split: Inventory(**values) for split, values in found.items()}


def all_options(source: Source) -> dict[str, Any]:
    """Return every option of a source's data set, defaults included; {} where the data are objects of this process."""
    if live.is_live_source(source):
        return {}
    return dict(options.all_options(registry.make("datasets", source.name, _first_place(source), trust=None).instance))


def _first_place(source: Source) -> dict[str, Any]:
    return {**source.options, **next(iter(places.find_places(source)), {})}


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
    """Return the data of a recipe's argument on a device, from the first place that holds their content.

    Raises InputError when their content is not what it was, where they lie at none of the places known here, or where
    they name code that `trust` does not hold.
    """
    wanted = Source(**source)
    candidates = _candidates(wanted)
    failed: list[PrunescopeError] = []
    for place in candidates:
        unnamed = _at(wanted, place)
        try:
            data = _load_unchanged(json.dumps(unnamed.to_json()), device, trust)
        except (InputError, UsageError) as error:
            failed.append(error)
            continue
        if wanted.fingerprint in ("", data.fingerprint):
            places.keep_place(wanted, place)
            return data
        failed.insert(0, _changed(wanted, data.fingerprint, at=next(iter(places.paths_of(place)), "")))
    raise failed[0] if isinstance(failed[0], _ChangedError) or not _lies_somewhere(wanted) else _not_found(wanted)


class _ChangedError(InputError):
    """Something else lies where the data were."""


def _candidates(source: Source) -> tuple[Mapping[str, Any], ...]:
    """Return the places to look for the content of a source: those known, then where its plugin looks by itself."""
    if live.is_live_source(source):
        return ({},)
    return (*places.find_places(source), *private_places.find_private_places(source), {})


def _lies_somewhere(source: Source) -> bool:
    """Whether a recipe names content that lies in files, whose place is no part of it."""
    if live.is_live_source(source) or not source.fingerprint:
        return False
    fields = _fields(source)
    if any(field.option.code and field.option.code(str(source.options.get(field.name, ""))) for field in fields):
        return False
    return any(field.option.place and field.name not in source.options for field in fields)


def _not_found(source: Source) -> InputError:
    noted = (*places.find_places(source), source.options)
    known = list(dict.fromkeys(path for place in noted for path in places.paths_of(place)))
    name = source.options.get("dataset") or source.name
    return InputError(
        f"the data {name!r} with the fingerprint {source.fingerprint} are not found on this machine: "
        + (f"not in {', '.join(known)}" if known else "no folder is known for them"),
        fix="give where they lie: --data PATH (of a study: prunescope sweep STUDY --data PATH)",
    )


def _changed(wanted: Source, fingerprint: str, *, at: str = "") -> InputError:
    where = f" in {at}" if at else ""
    return _ChangedError(
        f"the data {wanted.name!r}{where} have changed: fingerprint {fingerprint}, wanted {wanted.fingerprint}",
        fix="restore the data, or give where they lie now: --data PATH; other content belongs in a new study",
    )


def _load_unchanged(source_json: str, device: str, trust: Trust) -> Data:
    """Return a data set, which is loaded once, because a worker performs many steps on one, and again if it changed."""
    data, before = _load(source_json, device, trust)
    if data_state(data) != before:
        _load.cache_clear()
        data, _ = _load(source_json, device, trust)
    return data


@lru_cache(maxsize=2)
def _load(source_json: str, device: str, trust: Trust) -> tuple[Data, State]:
    source = Source(**json.loads(source_json))
    data = live.find_data(source) if live.is_live_source(source) else _make(source, trust)
    if data.objective != CLASSIFICATION:  # the same tensors for another objective are other data
        digest = hashlib.sha256(f"{data.fingerprint} {data.objective.identity}".encode()).hexdigest()[:32]
        data = replace(data, fingerprint=digest)
    if source.limit_batches is not None:
        data = views.limited(data, batches=source.limit_batches)
    ready = views.to_device(data, device)
    return ready, data_state(ready)


def _make(source: Source, trust: Trust) -> Data:
    loaded = registry.make("datasets", source.name, source.options, trust=trust)
    with loaded.unchanged():
        data = loaded.instance.load()
    return checks.check_data(loaded.title, data)
