"""All runs of a study in one file that other programs read: JSON, or the readings as CSV or Parquet."""

from __future__ import annotations

import csv
import io
import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TextIO

from prunescope.api.errors import StoreError, UsageError
from prunescope.api.knobs import KNOBS
from prunescope.runs import coordinates
from prunescope.runs.files import runfile
from prunescope.runs.files.whole import whole_file, write_whole

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from prunescope.runs.store import Store

FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "|", "%", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""What a cell begins with that a spreadsheet computes; the last four are = + - @ in full width."""

EXPORT_COLUMNS = (
    "run", "inputs", "seed", "probe", "reading", "axes", "index", "value", "stderr", "unit", "n", "estimator",
    "label", "step", "model", "density", "epoch", "dense_seed", "retraining_seed", "replica", "pair", *KNOBS,
)  # fmt: skip
"""Of a row: what was measured, then where (see `runs.coordinates`)."""


def export_json(store: Store, target: Path) -> int:
    """Write every run, masks left out, as {"schema_version", "study", "runs", "rows"}; return how many.

    "rows" are those of the CSV file: every number with its coordinates.
    """
    ids = store.ids()
    with _whole(target) as file:
        file.write(f'{{"schema_version": {runfile.SCHEMA}, "study": {json.dumps(str(store.study))}, "runs": [')
        for number, run_id in enumerate(ids):
            file.write(",\n" if number else "\n")
            json.dump(runfile.run_as_json(store.read(run_id)), file, allow_nan=False)
        file.write('\n], "rows": [')
        for number, row in enumerate(export_rows(store)):
            file.write(",\n" if number else "\n")
            json.dump(row, file, allow_nan=False)
        file.write("\n]}\n")
    return len(ids)


def export_csv(store: Store, target: Path) -> int:
    """Write a line per number of every reading, with its coordinates; return of how many runs."""
    found = set()
    with _whole(target) as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(EXPORT_COLUMNS)
        for row in export_rows(store):
            found.add(row["run"])
            writer.writerow(["" if value is None else quote_formula(value) for value in row.values()])
    return len(found)


def export_parquet(store: Store, target: Path) -> int:
    """Write the rows of the CSV file as a Parquet table, with types; return of how many runs.

    Raises UsageError where pyarrow is not installed.
    """
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ImportError as error:
        raise UsageError("a .parquet file requires pyarrow", fix="pip install 'prunescope[parquet]'") from error
    types = {"text": pa.string(), "number": pa.float64(), "whole": pa.int64()}
    schema = pa.schema([(column, types[_kind(column)]) for column in EXPORT_COLUMNS])
    rows = list(export_rows(store))
    made = io.BytesIO()
    parquet.write_table(pa.Table.from_pylist(rows, schema=schema), made)
    write_whole(target, made.getvalue())
    return len({row["run"] for row in rows})


def _kind(column: str) -> str:
    if column in {"seed", "epoch", "dense_seed", "retraining_seed", "replica", "n"}:
        return "whole"
    return "number" if column in {"value", "stderr", "density", *KNOBS} else "text"


def quote_formula(value: object) -> object:
    """Return a cell that no spreadsheet takes for a formula: a text that begins like one is quoted.

    >>> quote_formula("=1+1"), quote_formula("\uff1d1+1"), quote_formula("lmc"), quote_formula(-0.5)
    ("'=1+1", "'＝1+1", 'lmc', -0.5)
    """
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value


def export_rows(store: Store) -> Iterator[dict[str, Any]]:
    """Yield a row for every number of every reading, by the names of EXPORT_COLUMNS; None where one does not apply."""
    for run_id in store.ids():
        recipe = store.read(run_id, only=()).recipe
        known = {"inputs": " ".join(recipe.inputs), "seed": recipe.arguments.get("seed")}
        for row in coordinates.read_rows([run_id], store):
            yield {column: (row | known).get(column) for column in EXPORT_COLUMNS}


@contextmanager
def _whole(target: Path) -> Iterator[TextIO]:
    """Write a text so that it is there whole or not at all."""
    try:
        with whole_file(target) as file:
            text = io.TextIOWrapper(file, encoding="utf-8", errors="backslashreplace", newline="")
            yield text
            text.flush()
            text.detach()
    except OSError as error:
        raise StoreError(f"cannot write {target}: {error.strerror or error}", fix="choose another place") from error
