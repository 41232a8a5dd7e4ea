"""What commands need of each of thousands of results, as one line of text: time, inputs, weights, small readings.

The line follows from the bytes of the file alone, and is kept under their digest (`content_index`): whoever has
verified the bytes again need not open them with HDF5 to know what is in them.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np
from h5py import h5a, h5d, h5g, h5s, h5t

from prunescope.runs.files import plain_objects, runfile

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from prunescope.runs.files.plain_objects import Room

MOST_NUMBERS = 4096
"""Of a reading that is kept; a larger one is read from its file when it is asked for."""

NUMBERS = (h5t.INTEGER, h5t.FLOAT)

READINGS = b"readings"


@dataclass(frozen=True, kw_only=True)
class SmallReading:
    """A reading without what explains it."""

    value: np.ndarray
    """In double precision."""
    stderr: np.ndarray | None
    axes: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Content:
    """What a result file holds, but for its mask, its history and large readings."""

    seconds: float
    """How long the run took."""
    inputs: tuple[str, ...]
    """Of its recipe."""
    readings: Mapping[str, SmallReading]
    """By "<probe>/<name>"."""
    large: tuple[str, ...] = ()
    """The readings that are left out."""


def describe_content(file: Any, path: Path) -> tuple[str, str]:  # noqa: ANN401 - h5py has no types
    """Return the weights and the content of an open result (an h5py FileID), as JSON in one line each.

    Raises whatever HDF5 raises where it is no result; StoreError for another schema.
    """
    schema = int(read_number(file, b"schema"))
    if schema != runfile.SCHEMA:
        raise runfile.other_schema(path, schema)
    room = plain_objects.room_of(file)
    recipe, weights = (json.loads(_text(file, name, room)) for name in (b"recipe", b"weights"))
    if not (isinstance(weights, dict) and all(isinstance(digest, str) for digest in weights.values())):
        raise TypeError("its weights are not names and digests")
    readings: dict[str, Any] = {}
    large = []
    for name, array in _arrays(file, room):
        described = _describe_reading(array, room)
        if described is None:
            large.append(name)
        else:
            readings[name] = described
    found = [read_number(file, b"wall_seconds"), [str(one) for one in recipe["inputs"]], readings, large]
    return _dumps(weights), _dumps(found)


def parse_content(text: bytes) -> Content:
    """Return the content that `describe_content` described."""
    seconds, inputs, readings, large = json.loads(text)
    return Content(
        seconds=seconds,
        inputs=tuple(inputs),
        readings={
            name: SmallReading(
                value=_array(shape, values),
                stderr=None if stderr is None else _array(*stderr),
                axes=tuple(axes),
            )
            for name, (shape, values, stderr, axes) in readings.items()
        },
        large=tuple(large),
    )


def read_number(file: Any, name: bytes) -> float:  # noqa: ANN401 - h5py has no types
    """Return an attribute of the root that is a number; TypeError for several: HDF5 would write them past one's end."""
    attribute, found = h5a.open(file, name), np.empty((), dtype=np.float64)
    if attribute.shape != ():
        raise TypeError(f"{name.decode()} is not one number")
    attribute.read(found, h5t.NATIVE_DOUBLE)
    return float(found)


def read_value(array: Any) -> np.ndarray:  # noqa: ANN401 - h5py has no types
    """Return the numbers of an array."""
    if array.shape is None:
        raise TypeError("it has no values")
    value = np.empty(array.shape, dtype=np.float64)
    array.read(h5s.ALL, h5s.ALL, value, h5t.NATIVE_DOUBLE)
    return value


def read_stderr(array: Any) -> np.ndarray | None:  # noqa: ANN401 - h5py has no types
    """Return the standard error of an array, None where it has none; ValueError where it has more than one a value."""
    if not h5a.exists(array, b"stderr"):
        return None
    attribute = h5a.open(array, b"stderr")
    if attribute.shape is None or prod(attribute.shape) > max(prod(array.shape), 1):
        raise ValueError("a standard error has another shape than its values")
    stderr = np.empty(attribute.shape, dtype=np.float64)
    attribute.read(stderr, h5t.NATIVE_DOUBLE)
    return stderr


def _arrays(file: Any, room: Room) -> Iterator[tuple[str, Any]]:  # noqa: ANN401 - h5py has no types
    """Yield the readings by name; None in the place of one that is no array. As strict as `open_array`."""
    root = h5g.open(file, b"/")
    if READINGS not in root:
        return
    group = plain_objects.open_link(root, READINGS, READINGS.decode(), room)
    for probe in group:
        named = plain_objects.open_link(group, probe, probe.decode(), room)
        for key in named:
            made = plain_objects.open_link(named, key, f"{probe.decode()}/{key.decode()}", room)
            is_array = isinstance(made, h5d.DatasetID)
            place = b"/".join((READINGS, probe, key))
            array = plain_objects.open_array(file, place, room) if is_array else None
            yield f"{probe.decode()}/{runfile.unescape(key.decode())}", array


def _describe_reading(array: Any, room: Room) -> list[Any] | None:  # noqa: ANN401 - h5py has no types
    """Return shape, values, standard error and axes; None where they are too many, or no numbers."""
    if array is None or array.get_type().get_class() not in NUMBERS or not h5a.exists(array, b"axes"):
        return None
    stderr_shape = h5a.open(array, b"stderr").shape if h5a.exists(array, b"stderr") else ()
    if max(prod(array.shape), prod(stderr_shape)) > MOST_NUMBERS:
        return None
    stderr = read_stderr(array)
    axes = [str(one) for one in json.loads(_text(array, b"axes", room))]
    return [*_listed(read_value(array)), None if stderr is None else _listed(stderr), axes]


def _text(owner: Any, name: bytes, room: Room) -> str:  # noqa: ANN401 - h5py has no types
    attribute = h5a.open(owner, name)
    if attribute.get_type().get_class() != h5t.STRING or attribute.shape != ():
        raise TypeError(f"{name.decode()} is no text")
    text = plain_objects.read_text(attribute)
    room.take(len(text), name.decode(), "is a text that takes more than the file explains")
    return text


def _listed(array: np.ndarray) -> list[Any]:
    return [list(array.shape), array.reshape(-1).tolist()]


def _array(shape: list[int], values: list[float]) -> np.ndarray:
    return np.array(values, dtype=np.float64).reshape(shape)


def _dumps(found: object) -> str:
    return json.dumps(found, separators=(",", ":"))
