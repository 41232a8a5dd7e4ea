"""Readings of all probes as rows of a table: those the verdict rests on by name, every other one by its shape."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from prunescope.api.wording import density_text
from prunescope.regimes.learning import LEARNED, failed
from prunescope.report.common import formatting
from prunescope.report.common.view import Column, HeatMap, ReadingCell, ReadingSummary, Row, Style, Vector

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from prunescope.api import Reading
    from prunescope.studies.diagnosis.trail import Branch

REPLICATES = ("replica", "pair")

OF_REPLICAS = ("lmc", "cka", "disagreement", "errors", "soup")
"""Probes of the core that measure replicas."""

NO_REPLICAS = "no replicas were retrained (--replicas 0)"

DENSE_HAS_NO_PAIR = "one dense model was measured; this requires two"


@dataclass(frozen=True, kw_only=True)
class KnownReading:
    """A reading that every diagnosis shows, measured or not."""

    key: str
    label: str
    style: Style
    about: str
    """What it is; {error} is what an error is on these data."""


DENSE_IS_NOT_PRUNED = "the dense model is not pruned"

CORE = ("lmc", "cka", "disagreement", "errors", "size", "recalibration", "soup")
"""The probes of every diagnosis; KNOWN names what matters most of what they read."""

KNOWN_READINGS = (
    KnownReading(
        key="lmc/lmc",
        label="LMC",
        style="signed",
        about="signed, in units of training error; well below 0 is a barrier between replicas",
    ),
    KnownReading(
        key="lmc/barrier",
        label="barrier",
        style="similarity",
        about="largest rise of the training error above that of the end points",
    ),
    KnownReading(
        key="cka/softmax", label="CKA", style="similarity", about="similarity of the replicas' outputs; 1 is equal"
    ),
    KnownReading(
        key="disagreement/test_disagreement",
        label="disagreement",
        style="percent",
        about="error of a replica on the predictions of another, on test data",
    ),
    KnownReading(key="errors/train_error", label="train error", style="percent", about="{error}, inputs not augmented"),
    KnownReading(key="errors/test_error", label="test error", style="percent", about="{error}"),
    KnownReading(
        key="soup/soup_error",
        label="test error of the soup",
        style="percent",
        about="of the replicas' average, BatchNorm re-estimated: retrain --keep soup",
    ),
    KnownReading(
        key="soup/soup_minus_best",
        label="soup minus best replica",
        style="points",
        about="test error; LMC near 0 admits the average, a barrier does not",
    ),
    KnownReading(
        key="recalibration/pruned_error",
        label="test error before retraining",
        style="percent",
        about="of the pruned network, as pruning leaves it",
    ),
    KnownReading(
        key="recalibration/recalibrated_error",
        label="the same, recalibrated",
        style="percent",
        about="BatchNorm's statistics re-estimated and nothing else: prune --recalibrate",
    ),
    KnownReading(
        key="recalibration/last_variance_ratio",
        label="signal in the last layer",
        style="plain",
        about="variance of its outputs before retraining, pruned / dense; near 0 the signal has collapsed",
    ),
    KnownReading(
        key="size/density", label="density", style="percent", about="kept prunable weights / all prunable weights"
    ),
    KnownReading(
        key="size/whole_density",
        label="density of the whole network",
        style="percent",
        about="parameters that the mask does not prune / all parameters",
    ),
    KnownReading(
        key="size/theoretical_speedup",
        label="theoretical speed-up",
        style="times",
        about="operations of all weights / of those that are not zero",
    ),
)

FoundReading = tuple["Branch", str, "Reading"]


def readings(branch: Branch) -> dict[str, Reading]:
    """Return all readings at one density by "<probe>/<name>"."""
    return {
        f"{probe}/{name}": reading
        for run in branch.probes
        for probe, named in run.readings.items()
        for name, reading in named.items()
    }


def error_words(branch: Branch) -> str:
    """Return what an error is on these data, such as "top-1 error"; empty where it was not measured."""
    reading = readings(branch).get("errors/train_error")
    return "" if reading is None else reading.estimator


def learned(branch: Branch) -> bool:
    """Whether the models of a branch have learned the training data, as far as the rule that judged them asks."""
    limits = [float(case["options"].get("learned", LEARNED)) for case in branch.cases]
    return not failed(readings(branch), learned=min(limits, default=LEARNED))


def evidence_column(branch: Branch) -> Column:
    """Return the column of a branch."""
    return Column(density=branch.density, label=density_text(branch.density))


def known_rows(branches: Sequence[Branch]) -> tuple[Row, ...]:
    """Return the rows every diagnosis shows, with the reason wherever there is no number."""
    at = [readings(branch) for branch in branches]
    return tuple(
        _evidence_row(
            known.key,
            [_cell(known, branch, found) for branch, found in zip(branches, at, strict=True)],
            at,
            known=known,
        )
        for known in KNOWN_READINGS
    )


def other_rows(branches: Sequence[Branch], *, left_out: Sequence[str] = ()) -> tuple[Row, ...]:
    """Return a row for every other reading that is a number for each replica or pair."""
    at = [readings(branch) for branch in branches]
    taken = {known.key for known in KNOWN_READINGS} | set(left_out)
    keys = [key for key in _keys(at) if key not in taken and all(is_scalar(found[key]) for found in at if key in found)]
    return tuple(
        _evidence_row(
            key, [scalar(found[key]) if key in found else ReadingCell(missing=_absent(key)) for found in at], at
        )
        for key in keys
    )


def vectors(branches: Sequence[Branch]) -> tuple[Vector, ...]:
    """Return every reading with one value per layer, or per whatever its labels name."""
    at = [readings(branch) for branch in branches]
    found = []
    for key in _keys(at):
        holders = [(branch, named[key]) for branch, named in zip(branches, at, strict=True) if key in named]
        labels = {_labels(reading) for _, reading in holders}
        if len(labels) == 1 and labels != {()}:
            found.append(_vector(key, holders, labels.pop()))
    return tuple(found)


def heat_maps(branches: Sequence[Branch]) -> tuple[HeatMap, ...]:
    """Return every reading with a value for each two of the things its labels name."""
    return tuple(
        _heat_map(key, branch, reading)
        for branch in branches
        for key, reading in readings(branch).items()
        if _is_map(reading)
    )


def _is_map(reading: Reading) -> bool:
    axes = [axis for axis in reading.axes if axis not in ("replica", "pair")]
    square = len(axes) == 2 and np.shape(reading.value)[-2:] == (len(reading.labels),) * 2
    return square and reading.axes[-2:] == tuple(axes) and not all(_is_number(label) for label in reading.labels)


def _heat_map(key: str, branch: Branch, reading: Reading) -> HeatMap:
    size = len(reading.labels)
    values = np.asarray(reading.value, dtype=np.float64).reshape(-1, size, size).mean(axis=0)
    return HeatMap(
        key=key,
        label=evidence_column(branch).label,
        unit=reading.unit,
        estimator=reading.estimator,
        axes=(reading.axes[-2], reading.axes[-1]),
        labels=reading.labels,
        values=tuple(map(tuple, values.tolist())),
    )


def summaries(branches: Sequence[Branch]) -> tuple[ReadingSummary, ...]:
    """Return what remains: readings that are neither numbers nor named vectors, by their range."""
    listed = {vector.key for vector in vectors(branches)} | {
        row.key for row in (*known_rows(branches), *other_rows(branches))
    }
    listed |= {found.key for found in heat_maps(branches)}
    return tuple(
        _summary(key, branch, reading)
        for branch in branches
        for key, reading in readings(branch).items()
        if key not in listed
    )


def is_scalar(reading: Reading) -> bool:
    """Whether a reading is one number for each replica or pair."""
    return reading.axes in ((), ("replica",), ("pair",))


def scalar(reading: Reading) -> ReadingCell:
    """Return the cell of a reading that is one number for each replica or pair."""
    errors = None if reading.stderr is None else np.asarray(reading.stderr, dtype=np.float64)
    known = errors is not None and bool(np.isfinite(errors).all())
    return ReadingCell(
        values=tuple(np.asarray(reading.value, dtype=np.float64).reshape(-1).tolist()),
        over=reading.axes[0] if reading.axes else "",  # type: ignore[arg-type]
        n=reading.n,
        stderr=float(errors.max()) if known and errors is not None else None,
    )


def paths(reading: Reading) -> np.ndarray:
    """Return a reading along a path as (pairs, points)."""
    values = np.asarray(reading.value, dtype=np.float64)
    return values.reshape(-1, values.shape[-1])


def _cell(known: KnownReading, branch: Branch, found: Mapping[str, Reading]) -> ReadingCell:
    reading = found.get(known.key)
    if reading is None:
        return ReadingCell(missing=_why_missing(known.key.partition("/")[0], branch))
    return scalar(reading) if is_scalar(reading) else ReadingCell(missing="not one number for each replica or pair")


def _why_missing(probe: str, branch: Branch) -> str:
    dense = branch.prune is None
    if not dense and not branch.retrainings and probe in OF_REPLICAS:
        return NO_REPLICAS
    if dense and probe in ("lmc", "cka", "disagreement", "soup"):
        return DENSE_HAS_NO_PAIR
    return DENSE_IS_NOT_PRUNED if dense and probe == "recalibration" else _absent(probe)


def _absent(key: str) -> str:
    return f"probe {key.partition('/')[0]} was not run here"


def _evidence_row(
    key: str, cells: Sequence[ReadingCell], at: Sequence[Mapping[str, Reading]], *, known: KnownReading | None = None
) -> Row:
    reading = next((found[key] for found in at if key in found), None)
    unit = reading.unit if reading else ""
    return Row(
        key=key,
        label=known.label if known else key,
        style=known.style if known else formatting.style_of(key, unit),
        # the rows that are known are written in their own way; a third party's unit is printed
        unit="" if known else unit,
        estimator=reading.estimator if reading else "",
        cells=tuple(cells),
        about=known.about.replace("{error}", reading.estimator if reading else "error") if known else "",
    )


def _labels(reading: Reading) -> tuple[str, ...]:
    """Return the names along the last axis of a vector, made up for layers that have none; () for other shapes."""
    axes = tuple(axis for axis in reading.axes if axis not in REPLICATES)
    if len(axes) != 1 or reading.axes[-1] != axes[0]:
        return ()
    if not reading.labels and axes == ("layer",):
        return tuple(f"layer {number + 1}" for number in range(np.shape(reading.value)[-1]))
    return () if all(_is_number(label) for label in reading.labels) else reading.labels


def _is_number(label: str) -> bool:
    return label.replace(".", "", 1).lstrip("-").isdigit()


def _vector(key: str, holders: Sequence[tuple[Branch, Reading]], labels: tuple[str, ...]) -> Vector:
    first = holders[0][1]
    means = [paths(reading).mean(axis=0) for _, reading in holders]
    return Vector(
        key=key,
        unit=first.unit,
        estimator=first.estimator,
        axis=first.axes[-1],
        labels=labels,
        columns=tuple(evidence_column(branch) for branch, _ in holders),
        values=tuple(tuple(mean.tolist()) for mean in means),
    )


def _summary(key: str, branch: Branch, reading: Reading) -> ReadingSummary:
    values = np.asarray(reading.value, dtype=np.float64)
    shape = " × ".join(f"{axis} {length}" for axis, length in zip(reading.axes, values.shape, strict=True))
    low, median, high = (float(value) for value in np.quantile(values, [0.0, 0.5, 1.0])) if values.size else (0.0,) * 3
    return ReadingSummary(
        key=key, label=evidence_column(branch).label, unit=reading.unit, shape=shape, low=low, median=median, high=high
    )


def _keys(at: Sequence[Mapping[str, Reading]]) -> Iterator[str]:
    """Yield every key once, in the order of the readings."""
    yield from dict.fromkeys(key for found in at for key in found)
