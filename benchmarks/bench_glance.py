"""A few numbers of every run of a study: HDF5's own functions, h5py's objects, and reading each run whole."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import h5py
import numpy as np
from bench_bookkeeping import large_study
from harness import Row, interleaved, report

from prunescope.runs.files import glance, runfile

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ROUNDS = 5

READINGS = ("errors/test_error", "lmc/lmc", "cka/softmax")
"""What the report of a phase diagram reads of each run of a probe."""

Found = list[tuple[float, dict[str, np.ndarray]]]


def by_glance(paths: Sequence[Path]) -> Found:
    """Read by `glance`."""
    return [
        (seconds, {name: value for name, (value, _) in found.items()})
        for seconds, found in (glance.glance(path, READINGS) for path in paths)
    ]


def by_h5py(paths: Sequence[Path]) -> Found:
    """Read by h5py's objects: values and standard errors, and the schema."""
    found: Found = []
    for path in paths:
        with h5py.File(path, "r") as file:
            if int(file.attrs["schema"]) != runfile.SCHEMA:
                raise ValueError(path)
            values = {}
            for name in READINGS:
                if (dataset := file.get(f"readings/{name}")) is not None:
                    values[name] = np.asarray(dataset[()], dtype=np.float64)
                    dataset.attrs.get("stderr")
            found.append((float(file.attrs["wall_seconds"]), values))
    return found


def whole(paths: Sequence[Path]) -> Found:
    """Read runs, with these readings alone."""
    return [(run.wall_seconds, dict(_values(run))) for run in (runfile.read_run(path, only=READINGS) for path in paths)]


def _values(run: runfile.Run) -> Iterator[tuple[str, np.ndarray]]:
    for probe, readings in run.readings.items():
        for name, reading in readings.items():
            yield f"{probe}/{name}", np.asarray(reading.value)


def main() -> None:
    """Check that all read the same, time them, and write the table into the docs."""
    with tempfile.TemporaryDirectory() as folder:
        store = large_study(Path(folder))
        paths = [store.path(run_id) for run_id in store.ids()]
        variants = {"whole runs": whole, "h5py's objects": by_h5py, "glance": by_glance}
        _check([read(paths[::50]) for read in variants.values()])
        seconds = interleaved({name: lambda read=read: read(paths) for name, read in variants.items()}, rounds=ROUNDS)
    for name, taken in seconds.items():
        print(f"{name}: {min(taken):.2f} s of processor time at best")
    rows = [
        Row(
            workload=f"three readings and the time of {len(paths):,} runs",
            comparison=f"{slow} / glance",
            ratios=[one / other for one, other in zip(seconds[slow], seconds["glance"], strict=True)],
            share=None,
        )
        for slow in ("whole runs", "h5py's objects")
    ]
    report("A few numbers of every run", rows, notes=("All variants read the same numbers; the share does not apply.",))


def _check(found: Sequence[Found]) -> None:
    first, *others = found
    for other in others:
        for (seconds, values), (others_seconds, others_values) in zip(first, other, strict=True):
            if seconds != others_seconds or values.keys() != others_values.keys():
                raise AssertionError("the variants read different runs")
            for name, value in values.items():
                np.testing.assert_array_equal(value, others_values[name])


if __name__ == "__main__":
    main()
