"""A few numbers of a run, by HDF5's own functions: a report on thousands of runs would wait for more than that.

`runfile.read` gives the whole run, and takes many times as long.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import h5py
import numpy as np

from prunescope import runfile

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    Array = tuple[np.ndarray, np.ndarray | None]
    """A reading's value and standard error."""


def wall_seconds(path: Path) -> float:
    """Return how long a run took, and read nothing else: a study has thousands of runs."""
    try:
        file = h5py.h5f.open(bytes(path), h5py.h5f.ACC_RDONLY)
        found = float(_array(h5py.h5a.open(file, b"wall_seconds")))
        file.close()
    except (OSError, KeyError, ValueError) as error:
        raise runfile.unreadable(path, error) from error
    return found


def arrays(path: Path, names: Sequence[str]) -> dict[str, Array]:
    """Return value and standard error of some readings ("<probe>/<name>"), those that are there; see `glance`."""
    return glance(path, names)[1]


def glance(path: Path, names: Sequence[str]) -> tuple[float, dict[str, Array]]:
    """Return how long a run took, and value and standard error of some readings, those that are there.

    Much faster than `read`, which a report on thousands of runs would wait for.
    """
    try:
        file = h5py.h5f.open(bytes(path), h5py.h5f.ACC_RDONLY)
        schema = int(_array(h5py.h5a.open(file, b"schema")))
        if schema == runfile.SCHEMA:
            seconds = float(_array(h5py.h5a.open(file, b"wall_seconds")))
            places = {name: "readings/" + "/".join(map(runfile.escape, name.split("/", 1))) for name in names}
            found = {name: _value(file, place.encode()) for name, place in places.items()}
        file.close()
    except (OSError, KeyError, ValueError) as error:
        raise runfile.unreadable(path, error) from error
    if schema != runfile.SCHEMA:
        raise runfile.other_schema(path, schema)
    return seconds, {name: value for name, value in found.items() if value is not None}


def _value(file: Any, place: bytes) -> Array | None:  # noqa: ANN401 - h5py has no types
    try:
        dataset = h5py.h5d.open(file, place)
    except KeyError:
        if _exists(file, place):
            raise
        return None
    value = np.empty(dataset.shape, dtype=np.float64)
    dataset.read(h5py.h5s.ALL, h5py.h5s.ALL, value)
    return value, _array(h5py.h5a.open(dataset, b"stderr")) if h5py.h5a.exists(dataset, b"stderr") else None


def _exists(file: Any, place: bytes) -> bool:  # noqa: ANN401 - h5py has no types
    probe, _, _ = place.rpartition(b"/")
    return all(file.links.exists(part) for part in (b"readings", probe, place))


def _array(attribute: Any) -> np.ndarray:  # noqa: ANN401 - h5py has no types
    found = np.empty(attribute.shape, dtype=np.float64)
    attribute.read(found)
    return found
