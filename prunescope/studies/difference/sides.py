"""One side of a comparison: verdicts and readings by place, from a diagnosis, its JSON, or a study's readings."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prunescope.api.errors import InputError, UsageError
from prunescope.api.regular import read_regular

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from prunescope.runs.session import Session

MOST_BYTES = 200_000_000
"""Of a JSON file that is read."""

DIAGNOSIS_SCHEMA = 1


@dataclass(frozen=True)
class Place:
    """Where a number was measured."""

    where: str
    """The density, of a study with its knobs."""
    reading: str
    """ "<probe>/<name>"."""


@dataclass(frozen=True, kw_only=True)
class Side:
    """What one side measured and concluded."""

    name: str
    values: Mapping[Place, tuple[float, ...]]
    """A number for each replica or pair."""
    verdicts: Mapping[str, str] = field(default_factory=dict)
    """Where -> regime and advice, in words of `api`."""
    problems: tuple[str, ...] = ()
    """What is wrong with damaged files of a study, which are left out."""


def read_side(given: str | Path, session: Session) -> Side:
    """Return a side: from a study folder, a JSON file, or a run id.

    Raises InputError for a damaged file, or a run that is no diagnosis.
    """
    path = Path(given)
    if path.is_dir():
        return _of_study(path, session)
    if path.suffix == ".json" or path.is_file():
        return _of_json(path)
    return _of_diagnosis(str(given), session)


def _of_diagnosis(text: str, session: Session) -> Side:
    from prunescope.studies.diagnosis.trail import follow_diagnosis

    reference = session.store.resolve(text)
    if reference is None:
        raise InputError(
            f"there is no file, folder or run {text!r}",
            fix=f"see: prunescope results list --study {session.store.study}",
        )
    trail = follow_diagnosis(session, reference)
    values = {
        Place(_density_words(branch.density), f"{probe}/{name}"): numbers
        for branch in trail.branches
        for run in branch.probes
        for probe, named in run.readings.items()
        for name, reading in named.items()
        if (numbers := _numbers(reading.value, reading.axes)) is not None
    }
    verdicts = {
        _density_words(one.density): _verdict_words(one.diagnosis.regime, one.diagnosis.advice)
        for one in trail.diagnosis.verdicts
    }
    return Side(name=reference, values=values, verdicts=verdicts)


def _of_json(path: Path) -> Side:
    try:
        found = json.loads(read_regular(path, most=MOST_BYTES))
        if found["schema_version"] != DIAGNOSIS_SCHEMA:
            raise InputError(f"'{path}' has schema {found['schema_version']}", fix="update prunescope")
        values = {
            Place(_density_words(one["density"]), f"{one['probe']}/{one['name']}"): numbers
            for one in found["readings"]
            if (numbers := _numbers(one["value"], one["axes"])) is not None
        }
        judged = [*found["verdicts"], *found["dense_votes"]]
        verdicts = {_density_words(one["density"]): _verdict_words(one["regime"], one["advice"]) for one in judged}
    except FileNotFoundError as error:
        raise InputError(f"there is no file '{path}'", fix="check the path") from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        fix = "give the file that prunescope diagnose --json wrote"
        raise InputError(f"'{path}' is no diagnosis: {type(error).__name__}: {str(error)[:80]}", fix=fix) from error
    return Side(name=path.name, values=values, verdicts=verdicts)


def _of_study(folder: Path, session: Session) -> Side:
    """Return the readings of a study, gathered over dense seeds and replicas; damaged files are reported."""
    from prunescope.runs.soundness import read_sound
    from prunescope.runs.store import Store

    store = Store(folder)
    if not store.runs.is_dir():
        raise UsageError(f"'{folder}' is not a study: it has no folder {store.runs}", fix="give a study's folder")
    values, problems = read_sound(_read_values, replace(session, store=store))
    return Side(name=str(folder), values=values, problems=problems)


def _read_values(session: Session) -> dict[Place, tuple[float, ...]]:
    from prunescope.api.knobs import KNOBS
    from prunescope.runs import coordinates

    values: dict[Place, list[float]] = {}
    for row in coordinates.read_rows(session.store.ids(), session.store):
        if row["axes"] in {"", "replica", "pair"} and row["density"] is not None:
            knobs = [f"{name} {row[name]:g}" for name in KNOBS if isinstance(row[name], int | float)]
            where = ", ".join([_density_words(row["density"]), str(row["model"]), *knobs])
            values.setdefault(Place(where, f"{row['probe']}/{row['reading']}"), []).append(row["value"])
    return {place: tuple(found) for place, found in values.items()}


def _numbers(value: Any, axes: Sequence[str]) -> tuple[float, ...] | None:  # noqa: ANN401 - an array, or nested lists
    """Return a number for each replica or pair; None for readings of another shape or with gaps."""
    import numpy as np

    if tuple(axes) not in {(), ("replica",), ("pair",)}:
        return None
    found = np.atleast_1d(np.array(value, dtype=np.float64))
    return tuple(map(float, found)) if found.size and np.isfinite(found).all() else None


def _density_words(density: float) -> str:
    return "dense" if density == 1 else f"density {float(density):.3g}"


def _verdict_words(regime: object, advice: object) -> str:
    return f"{'no regime' if regime is None else regime}, {advice}"
