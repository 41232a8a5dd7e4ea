"""Where the data of a study lie on this machine: a table beside the runs, outside of every recipe.

The table holds absolute folders and the way from the study to them, so that a study and its data can be moved together.
What it says counts only where the content found there has the fingerprint of the recipe. Places that name code are kept
elsewhere (see data.private_places).
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prunescope.api.errors import InputError, PrunescopeError
from prunescope.api.regular import read_regular_text
from prunescope.data import places, private_places
from prunescope.data.spec import Source
from prunescope.runs.files.whole import make_folder, whole_file

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from prunescope.data.places import Place
    from prunescope.runs.recipe import Recipe
    from prunescope.runs.store import Store

PLACES_FILE = "places.json"

UNREADABLE = (ValueError, TypeError, KeyError, AttributeError, RecursionError)
"""What reading a text raises that is no table."""


def read_places(study: Path) -> None:
    """Let the data of a study be found where its table says; a table that cannot be read says nothing."""
    for key, noted in _table(study).items():
        name, _, fingerprint = key.partition(" ")
        source = Source(name=name, fingerprint=fingerprint)
        for one in noted:
            for found in (one["options"], _beside(study, one)):
                places.keep_place(source, places.place_options(name, found), first=False)


def note_places(recipes: Iterable[Recipe], store: Store) -> None:
    """Write into the table of a study where the data of these recipes were found; a full disk goes without."""
    described = [recipe.arguments["data"] for recipe in recipes if recipe.arguments.get("data")]
    note_sources([Source(**one) for one in described], store)


def note_sources(sources: Iterable[Source], store: Store) -> None:
    """Write into the table of a study where these data were found; a full disk goes without."""
    first = [(source, place) for source in sources for place in places.find_places(source)[:1]]
    found = {
        places.key_of(source): dict(place) for source, place in first if not private_places.is_private(source, place)
    }
    if all(_table(store.study).get(key, [None])[0] == _entry(store.study, place) for key, place in found.items()):
        return
    with suppress(OSError, PrunescopeError), store.lock("places"):
        table = _table(store.study)
        for key, place in found.items():
            entry = _entry(store.study, place)
            table[key] = [entry, *(known for known in table.get(key, []) if known != entry)][: places.MOST_PLACES]
        make_folder(store.study)
        with whole_file(store.study / PLACES_FILE) as file:
            file.write((json.dumps(table, indent=1, sort_keys=True) + "\n").encode())


def with_place(source: Mapping[str, Any]) -> dict[str, Any]:
    """Return a recipe's data with the options that say where they lie, for a text that a person may type."""
    try:
        found = next(iter(places.find_places(Source(**source))), {})
    except TypeError:  # of another version
        found = {}
    return {**source, "options": {**source.get("options", {}), **found}}


def _entry(study: Path, place: Place) -> dict[str, Any]:
    """Return a place as the table has it: its options, and the way from the study to each folder among them."""
    folders = {name: value for name, value in place.items() if isinstance(value, str) and Path(value).is_absolute()}
    ways = {}
    with suppress(ValueError):  # on another drive
        ways = {name: os.path.relpath(value, study.resolve()) for name, value in folders.items()}
    return {"options": dict(place), "from_study": ways}


def _beside(study: Path, noted: Mapping[str, Any]) -> dict[str, Any]:
    """Return a noted place as it is seen from where the study is now."""
    ways = noted["from_study"]
    return {**noted["options"], **{name: os.path.normpath(study.resolve() / way) for name, way in ways.items()}}


def check_places(path: Path) -> None:
    """Raise InputError for a table that cannot be read; it is made again when it is removed."""
    try:
        _read_table(path)
    except UNREADABLE as error:
        raise InputError(
            f"{path}: it is no table of places: {error}", fix="remove it: it is written again where the data are found"
        ) from error


def _table(study: Path) -> dict[str, list[dict[str, Any]]]:
    try:
        return _read_table(study / PLACES_FILE)
    except (*UNREADABLE, OSError, InputError):
        return {}


def _read_table(path: Path) -> dict[str, list[dict[str, Any]]]:
    table = json.loads(read_regular_text(path))
    return {str(key): [_checked(one) for one in noted] for key, noted in table.items()}


def _checked(entry: Mapping[str, Any]) -> dict[str, Any]:
    ways = {str(name): str(way) for name, way in entry["from_study"].items()}
    return {"options": dict(entry["options"]), "from_study": ways}
