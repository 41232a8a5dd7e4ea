"""A study's folder: study.toml, what its data are, and the runs; from there to the grid of recipes.

The data's fingerprint is kept in data.json, so that listing a study loads no data. Every step checks it again.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from prunescope.api.errors import InputError, StoreError, UsageError
from prunescope.api.regular import read_regular, read_regular_text
from prunescope.api.trust import NOTHING, names_code
from prunescope.data.spec import Source, options_in
from prunescope.networks.identified import identified
from prunescope.networks.spec import ModelSpec
from prunescope.runs.files.whole import make_folder, whole_file
from prunescope.runs.locations import PLACES_FILE, check_places, note_sources
from prunescope.runs.place import STUDY_FILE
from prunescope.runs.reuse import FinishedTrainings
from prunescope.runs.store import Store
from prunescope.studies.grid import layout, study

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from prunescope.api.trust import Trust
    from prunescope.studies.grid.layout import Grid
    from prunescope.studies.grid.study import Study

DATA_FILE = "data.json"


@dataclass(frozen=True, kw_only=True)
class DataShape:
    """A data set as recipes name it, and what a network must fit."""

    source: Source
    num_classes: int
    in_chans: int
    image_size: tuple[int, ...]
    identity: str = ""
    """Of the study's network, where it is one of a person's own."""


def describe_shape(source: Source, model: str, options: Mapping[str, Any], *, trust: Trust) -> DataShape:
    """Return what the network `model` must fit, and its identity; UsageError where it cannot be built so."""
    from prunescope.data import sources

    found = sources.open_source(source.to_json(), device="cpu", trust=trust)
    spec = ModelSpec(
        name=model,
        num_classes=found.num_classes,
        in_chans=found.in_chans,
        image_size=found.image_size,
        options=dict(options),
    )
    return DataShape(
        source=source,
        num_classes=found.num_classes,
        in_chans=found.in_chans,
        image_size=found.image_size,
        identity=identified(spec).identity,
    )


def find_study_file(path: Path) -> Path:
    """Return the study file a user means by a file or a study's folder."""
    return path / STUDY_FILE if path.is_dir() else path


def load_grid(folder: Path, *, at: Path | None = None, trust: Trust = NOTHING, data: str | None = None) -> Grid:
    """Return all steps of the study in a folder; `at` names its TOML file when it is not there yet.

    trust: the code that it may name for its data, where nothing is noted of these yet. data: where they lie now.
    """
    file = at or folder / STUDY_FILE
    asked = study.load_study(file)
    shape = _find_shape(asked, folder, trust, data)
    try:
        return layout.expand(
            asked,
            shape.source,
            num_classes=shape.num_classes,
            in_chans=shape.in_chans,
            image_size=shape.image_size,
            identity=shape.identity,
            find=FinishedTrainings(Store(folder)).find,
        )
    except (InputError, UsageError) as error:
        raise InputError(f"{file}: {error.message}", fix=error.fix) from error


def settle(file: Path, folder: Path, *, trust: Trust = NOTHING, data: str | None = None) -> None:
    """Make the folder of a study: copy study.toml there, and note what its data are, and its network if it is code.

    What a person's own code makes is looked at again each time: where it has changed, the steps are others.

    data: where they lie now, as --data takes it.
    Raises InputError when the folder holds another study, or other data lie there.
    """
    asked, there = study.load_study(file), folder / STUDY_FILE
    if there.is_file() and not file.samefile(there):
        _check_same(asked, there, file)
    try:
        make_folder(folder)
        if not there.is_file():
            with whole_file(there) as made:
                made.write(read_regular(file))
        shape = _find_shape(asked, folder, trust, data, again=True)
        if shape != _known_shape(asked, folder):
            with whole_file(folder / DATA_FILE) as made:
                made.write(_to_json(asked, shape).encode())
        note_sources([shape.source], Store(folder))
    except OSError as error:
        raise StoreError(
            f"cannot write the study folder {folder}: {error.strerror or error}",
            fix="choose another folder with --study, or free some space if the disk is full; then run this again",
        ) from error


def check_study_files(folder: Path) -> list[tuple[str, str]]:
    """Return (file, what is wrong) for each file beside the runs that is there and cannot be used."""
    found = []
    for name, read in ((STUDY_FILE, study.load_study), (DATA_FILE, _read_noted), (PLACES_FILE, check_places)):
        path = folder / name
        try:
            if os.path.lexists(path):
                read(path)
        except (InputError, StoreError) as error:
            found.append((name, error.message.removeprefix(f"{path}: ")))
        except (OSError, ValueError, AttributeError, RecursionError) as error:
            found.append((name, f"it cannot be read: {error}"))
    return found


def _check_same(asked: Study, there: Path, file: Path) -> None:
    found = study.load_study(there)
    differing = [name for name in vars(asked) if name != "name" and getattr(found, name) != getattr(asked, name)]
    if differing:
        raise InputError(
            f"{there} differs from {file} in {', '.join(differing)}",
            fix=f"give another folder with --study, or resume that one: prunescope sweep {there.parent}; "
            f"removing {there} lets {file} replace it, and common steps are not computed again",
        )


def _find_shape(asked: Study, folder: Path, trust: Trust, data: str | None, *, again: bool = False) -> DataShape:
    """Return what the data and the network of a study are: as noted, or as they are found.

    data: where they lie now. again: what a person's own code makes is looked at again.
    """
    from prunescope.data import sources

    known = _known_shape(asked, folder)
    if known is None or (again and known.source.name == "factory"):
        return _look(asked, trust, data)
    if data is not None:
        sources.move_source(known.source, data, trust=trust)
    if again and names_code(asked.model):
        return _describe_shape(asked, known.source, trust)
    return known


def _look(asked: Study, trust: Trust, at: str | None) -> DataShape:
    """Load the data once, from where they are said to lie, and build the network if a person's own code makes it."""
    from prunescope.data import sources

    try:
        more = {} if at is None else options_in(asked.data)
        source = sources.describe(at or asked.data, trust=trust, more=more)
    except UsageError as error:
        raise InputError(f"the table [data]: {error.message}", fix=error.fix) from error
    return _describe_shape(asked, source, trust)


def _describe_shape(asked: Study, source: Source, trust: Trust) -> DataShape:
    if names_code(asked.model):
        trust.check(asked.model, source=STUDY_FILE)
    return describe_shape(source, asked.model, asked.model_options, trust=trust)


def _known_shape(asked: Study, folder: Path) -> DataShape | None:
    """Return what an earlier command noted of the data, None where it noted nothing of these."""
    try:
        noted = _read_noted(folder / DATA_FILE)
        shape = DataShape(
            source=Source(**noted["source"]),
            num_classes=int(noted["num_classes"]),
            in_chans=int(noted["in_chans"]),
            image_size=tuple(int(side) for side in noted["image_size"]),
            identity=str(noted.get("identity", "")),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    return shape if noted.get("data") == asked.data else None


def _read_noted(path: Path) -> dict[str, Any]:
    """Return what data.json holds; StoreError where it does not match its digest, ValueError where it is no JSON."""
    noted: dict[str, Any] = json.loads(read_regular_text(path))
    _check_digest(noted, path)
    return noted


def _to_json(asked: Study, shape: DataShape) -> str:
    noted = {
        "data": asked.data,
        "source": shape.source.to_json(),
        "num_classes": shape.num_classes,
        "in_chans": shape.in_chans,
        "image_size": list(shape.image_size),
        **({"identity": shape.identity} if shape.identity else {}),
    }
    return json.dumps({**noted, "digest": _digest(noted)}, indent=2, sort_keys=True) + "\n"


def _digest(noted: Mapping[str, Any]) -> str:
    known = {name: value for name, value in noted.items() if name != "digest"}
    return hashlib.sha256(json.dumps(known, sort_keys=True).encode()).hexdigest()


def _check_digest(noted: Mapping[str, Any], path: Path) -> None:
    """Raise StoreError where what is noted is not what was; earlier versions wrote no digest."""
    if noted.get("digest", _digest(noted)) != _digest(noted):
        raise StoreError(f"{path} is damaged: it does not match its digest", fix="remove it; it is rewritten")
