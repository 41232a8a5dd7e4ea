"""A few numbers of a run, by HDF5's own functions: a report on thousands of runs would wait for more than that.

Three readings and the time of 5,043 runs take 1.0 s of processor time; by h5py's objects they take 2.6 times as long,
by `runfile.read`, which gives the whole run, 6.4 times (`python benchmarks/bench_glance.py`, medians of 5 rounds).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prunescope.runs.files import content, opening, plain_objects, runfile

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy as np

    from prunescope.runs.files.plain_objects import Room

    Array = tuple[np.ndarray, np.ndarray | None]
    """A reading's value and standard error."""


def wall_seconds(path: Path) -> float:
    """Return how long a run took, and read nothing else: a study has thousands of runs."""
    try:
        return content.read_number(opening.open_file(path, run_id=path.stem), b"wall_seconds")
    except (OSError, KeyError, ValueError, TypeError, RuntimeError) as error:
        raise runfile.unreadable(path, error) from error


def arrays(path: Path, names: Sequence[str]) -> dict[str, Array]:
    """Return value and standard error of some readings ("<probe>/<name>"), those that are there; see `glance`."""
    return glance(path, names)[1]


def glance(path: Path, names: Sequence[str]) -> tuple[float, dict[str, Array]]:
    """Return how long a run took, and value and standard error of some readings, those that are there.

    Much faster than `read`, which a report on thousands of runs would wait for.
    """
    try:
        file = opening.open_file(path, run_id=path.stem)
        schema = int(content.read_number(file, b"schema"))
        if schema == runfile.SCHEMA:
            seconds = content.read_number(file, b"wall_seconds")
            places = {name: "readings/" + "/".join(map(runfile.escape, name.split("/", 1))) for name in names}
            room = plain_objects.room_of(file)
            found = {name: _value(file, place.encode(), room) for name, place in places.items()}
    except (OSError, KeyError, ValueError, TypeError, RuntimeError) as error:
        raise runfile.unreadable(path, error) from error
    if schema != runfile.SCHEMA:
        raise runfile.other_schema(path, schema)
    return seconds, {name: value for name, value in found.items() if value is not None}


def _value(file: Any, place: bytes, room: Room) -> Array | None:  # noqa: ANN401 - h5py has no types
    dataset = plain_objects.open_array(file, place, room)
    return None if dataset is None else (content.read_value(dataset), content.read_stderr(dataset))
