"""Where data lie on this machine: options that lead to the content of a source, and are no part of a recipe.

A recipe names data by their fingerprint and by the options that decide what a network sees. Like data.live, this
module remembers between calls where content was found: a step gets no more than its recipe. What is found at a place
counts only where its fingerprint is the wanted one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from prunescope.api.errors import PrunescopeError
from prunescope.plugins import options, registry

if TYPE_CHECKING:
    from collections.abc import Mapping

    from prunescope.data.spec import Source

Place: TypeAlias = "Mapping[str, Any]"
"""Options of a data set, by name, that say where its files lie and how they are read."""

MOST_PLACES = 16
"""Places of one content that are remembered."""

_FOUND: dict[str, tuple[Place, ...]] = {}


def key_of(source: Source) -> str:
    """Return what the places of a source are kept under: its plugin and its fingerprint."""
    return f"{source.name} {source.fingerprint}"


def find_places(source: Source) -> tuple[Place, ...]:
    """Return the places where the content of a source may be, the one used last first."""
    return _FOUND.get(key_of(source), ())


def keep_place(source: Source, place: Place, *, first: bool = True) -> None:
    """Remember a place of the content of a source; `first`: it is tried before those known."""
    if place:
        others = tuple(known for known in find_places(source) if known != place)
        found = (place, *others) if first else (*others, place)
        _FOUND[key_of(source)] = found[:MOST_PLACES]


def paths_of(place: Place) -> list[str]:
    """Return the folders and files among the options of a place."""
    return [str(place[name]) for name in ("root", "file", "source") if place.get(name)]


def split_place(instance: object, values: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the option values that decide the content of a data set, and those that say where it lies."""
    names = {field.name for field in options.fields(type(instance)) if field.option.place}
    rest = {name: value for name, value in values.items() if name not in names}
    return rest, {name: value for name, value in values.items() if name in names}


def place_options(name: str, noted: Mapping[str, Any]) -> dict[str, Any]:
    """Return those of the noted options that are a place of this kind of data, and have its types."""
    try:
        fields = {field.name: field for field in options.fields(registry.get("datasets", name).load())}
        allowed = {key: value for key, value in noted.items() if key in fields and fields[key].option.place}
        return {key: options.convert(fields[key], value) for key, value in allowed.items()}
    except PrunescopeError:
        return {}
