"""All runs of a study in one file that other programs read: JSON, or the readings as CSV."""

from __future__ import annotations

import csv
import io
import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

import numpy as np

from prunescope.api.errors import StoreError
from prunescope.runs.files import runfile
from prunescope.runs.files.whole import whole_file

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from prunescope.api import Reading
    from prunescope.runs.files.runfile import Run
    from prunescope.runs.store import Store

FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "|", "%")
"""What a cell begins with that a spreadsheet computes."""

COLUMNS = ("run", "inputs", "seed", "probe", "reading", "axes", "index", "value", "stderr", "unit", "n", "estimator")


def export_json(store: Store, target: Path) -> int:
    """Write every run, masks left out, as {"schema_version", "study", "runs"}; return how many."""
    ids = store.ids()
    with _whole(target) as file:
        file.write(f'{{"schema_version": {runfile.SCHEMA}, "study": {json.dumps(str(store.study))}, "runs": [')
        for number, run_id in enumerate(ids):
            file.write(",\n" if number else "\n")
            json.dump(runfile.run_as_json(store.read(run_id)), file, allow_nan=False)
        file.write("\n]}\n")
    return len(ids)


def export_csv(store: Store, target: Path) -> int:
    """Write a line per number of every reading; return of how many runs."""
    count = 0
    with _whole(target) as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for run in map(store.read, store.ids()):
            rows = list(_export_rows(run))
            writer.writerows([_cell(value) for value in row] for row in rows)
            count += bool(rows)
    return count


def _cell(value: object) -> object:
    """Return a cell that no spreadsheet takes for a formula: a text that begins like one is quoted.

    >>> _cell("=1+1"), _cell("lmc"), _cell(-0.5)
    ("'=1+1", 'lmc', -0.5)
    """
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value


def _export_rows(run: Run) -> Iterator[tuple[object, ...]]:
    seed = run.recipe.arguments.get("seed", "")
    for probe, named in run.readings.items():
        for name, reading in named.items():
            for index, value, stderr in _numbers(reading):
                known = (" ".join(reading.axes), index, value, stderr, reading.unit)
                n = "" if reading.n is None else reading.n
                yield run.id, " ".join(run.recipe.inputs), seed, probe, name, *known, n, reading.estimator


def _numbers(reading: Reading) -> Iterator[tuple[str, float, object]]:
    """Yield (index as "1 0", value, standard error or nothing) of every number."""
    values = np.asarray(reading.value, dtype=np.float64)
    errors = None if reading.stderr is None else np.broadcast_to(reading.stderr, values.shape)
    for index in np.ndindex(values.shape):
        yield " ".join(map(str, index)), float(values[index]), "" if errors is None else float(errors[index])


@contextmanager
def _whole(target: Path) -> Iterator[TextIO]:
    """Write a text so that it is there whole or not at all."""
    try:
        with whole_file(target) as file:
            text = io.TextIOWrapper(file, encoding="utf-8", newline="")
            yield text
            text.flush()
            text.detach()
    except OSError as error:
        raise StoreError(f"cannot write {target}: {error.strerror or error}", fix="choose another place") from error
