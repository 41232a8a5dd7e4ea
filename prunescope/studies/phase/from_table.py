"""A phase diagram from a table of numbers: a CSV with one line per cell, or per cell and dense seed.

Columns: the knob (`epochs`, `batch_size`, ...; or `train_epochs`), `density` (or `density_pct`), and of `test_error`
(or `test_error_frac`), `lmc`, `cka` (or `cka_softmax`) those that are known; `seed` separates dense seeds. Lines that
begin with # are comments; `# drops: 80, 120` names the epochs after which the learning rate falls and `# source: ...`
where the numbers come from. What `prunescope report --csv` prints can be read again.
"""

from __future__ import annotations

import csv
from math import isfinite
from typing import TYPE_CHECKING

from prunescope.api.errors import InputError
from prunescope.api.knobs import KNOBS
from prunescope.api.regular import read_regular_text
from prunescope.regimes.direction import hottest_first
from prunescope.studies.phase.diagram import PhaseDiagram, Sample, fill_cells

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

SYNONYMS = {
    "train_epochs": "epochs",
    "density_pct": "density",
    "test_error_frac": "test_error",
    "cka_softmax": "cka",
}

PERCENT = ("density_pct",)

MOST_LINES = 20_000
"""Of a table: one for each cell and dense seed."""

MOST_VALUES = 500
"""Values of the knob, and densities: the time of some tests grows with their square."""

MOST_CELLS = 2_500
"""Each value with each density."""

MOST_FIELDS = 2_000_000
"""Columns times lines: each line is read as so many values, however short it is."""

QUANTITIES = ("test_error", "lmc", "cka")


def read_table(path: Path) -> PhaseDiagram:
    """Return the diagram in a CSV file; InputError names the line that cannot be read."""
    try:
        lines = read_regular_text(path).splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot read the table {path}: {error}", fix="give a CSV file in UTF-8") from error
    comments, rows = _comments(lines), _table_rows(lines, path)
    knob = _knob(rows[0][1], path)
    samples: dict[tuple[float, float], list[Sample]] = {}
    for line, row in rows:
        value, density = _number(row, knob, line, path), _number(row, "density", line, path)
        if not 0 < density <= 1:
            raise InputError(f"{path}, line {line}: density is {density:g}", fix="densities are fractions in (0, 1]")
        samples.setdefault((value, density), []).append(_sample(row, line, path))
    values = tuple(hottest_first({value for value, _ in samples}, knob=knob))
    densities = tuple(sorted({density for _, density in samples}))
    _check_size(len(rows), len(values), len(densities), path)
    return PhaseDiagram(
        name=path.stem,
        knob=knob,
        values=values,
        densities=densities,
        cells=fill_cells(samples, values=values, densities=densities),
        seeds=tuple(sorted({sample.seed for found in samples.values() for sample in found})),
        drops=_drops(comments.get("drops", ""), knob, path),
        source=comments.get("source", str(path)),
    )


def _check_size(lines: int, values: int, densities: int, path: Path) -> None:
    """Raise InputError for a table whose diagram takes minutes."""
    if lines > MOST_LINES or max(values, densities) > MOST_VALUES or values * densities > MOST_CELLS:
        raise InputError(
            f"{path} has {lines:,} lines, of {values:,} values and {densities:,} densities; wanted at most "
            f"{MOST_LINES:,} lines, {MOST_VALUES} values, {MOST_VALUES} densities and {MOST_CELLS:,} cells",
            fix="give a line for each cell and dense seed",
        )


def _table_rows(lines: Sequence[str], path: Path) -> list[tuple[int, dict[str, float | str]]]:
    """Return (line number, values by column's name) of every row, percent turned into fractions."""
    numbered = [(number, line) for number, line in enumerate(lines, start=1) if line.strip() and line[0] != "#"]
    reader = csv.DictReader(line for _, line in numbered)
    found = []
    try:
        _check_fields(len(numbered), len(reader.fieldnames or ()), path)
        for (number, _), row in zip(numbered[1:], reader, strict=False):
            values = {SYNONYMS.get(name, name): _scaled(name, text) for name, text in row.items() if name}
            found.append((number, values))
    except csv.Error as error:
        raise InputError(f"{path} is not a table of numbers: {error}", fix="give one line per cell") from error
    if not found:
        raise InputError(f"{path} has no line of numbers", fix="give a header line and one line per cell")
    return found


def _check_fields(lines: int, columns: int, path: Path) -> None:
    if lines * columns > MOST_FIELDS:
        raise InputError(
            f"{path} has {lines:,} lines of {columns:,} columns; wanted at most {MOST_FIELDS:,} fields",
            fix="give the columns of the knob, the density and what was measured, and a line for each cell",
        )


def _scaled(name: str, text: str | None) -> float | str:
    try:
        return float(text or "") / (100 if name in PERCENT else 1)
    except ValueError:
        return text or ""


def _comments(lines: Sequence[str]) -> dict[str, str]:
    pairs = [line.lstrip("# ").partition(":") for line in lines if line.startswith("#")]
    return {key.strip(): text.strip() for key, colon, text in pairs if colon}


def _knob(row: Mapping[str, float | str], path: Path) -> str:
    found = [name for name in row if name in KNOBS]
    if len(found) != 1 or "density" not in row or not set(QUANTITIES) & set(row):
        raise InputError(
            f"{path} has the columns {', '.join(row)}",
            fix=f"wanted: one of {', '.join(KNOBS)}; density; and some of {', '.join(QUANTITIES)}",
        )
    return found[0]


def _sample(row: Mapping[str, float | str], line: int, path: Path) -> Sample:
    known = {name: (_number(row, name, line, path),) for name in QUANTITIES if row.get(name, "") != ""}
    return Sample(
        seed=int(_number(row, "seed", line, path)) if "seed" in row else 0,
        test_error=known.get("test_error", ()),
        lmc=known.get("lmc", ()),
        cka=known.get("cka", ()),
    )


def _number(row: Mapping[str, float | str], name: str, line: int, path: Path) -> float:
    value = row[name]
    if not isinstance(value, float) or not isfinite(value):
        raise InputError(
            f"{path}, line {line}: {name} is {value!r}", fix="give a number, or nothing where it is unknown"
        )
    return value


def _drops(text: str, knob: str, path: Path) -> tuple[float, ...]:
    if knob != "epochs" or not text:
        return ()
    try:
        return tuple(sorted(float(part) for part in text.split(",")))
    except ValueError as error:
        raise InputError(f"{path}: drops is {text!r}", fix="write epochs: # drops: 80, 120") from error
