"""A study of imported results: its cells, their knob, and what it lacks, read from its runs alone."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from prunescope.api.errors import EvidenceError, InputError
from prunescope.api.knobs import KNOBS, knob_words
from prunescope.api.regular import read_regular_text
from prunescope.api.wording import count_text, verb_text
from prunescope.studies.imported.foreign import TEST_ERROR, WANTED

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from prunescope.api import Reading
    from prunescope.runs.files.runfile import Run
    from prunescope.runs.session import Session

IMPORTED_FILE = "imported.json"
"""Marks a study folder of imported results, and holds its knob."""

MOST = 1e15
"""Largest number that is a seed or the value of a knob."""

IMPORTED = "computed by {}, imported; not computed again or verified by prunescope"


@dataclass(frozen=True, kw_only=True)
class ImportedCell:
    """What was imported of a dense network at one density."""

    run: str
    density: float
    value: float
    """Of the study's knob."""
    seed: int
    """Of the dense training; 0 where the files do not hold it."""
    readings: Mapping[str, Reading]
    """By "<probe>/<name>"."""


@dataclass(frozen=True, kw_only=True)
class ImportedStudy:
    """Every imported cell of a study folder."""

    knob: str
    cells: tuple[ImportedCell, ...]
    """Of pruned networks."""
    dense: tuple[ImportedCell, ...]
    """The dense networks themselves."""
    drops: tuple[float, ...]
    """Epochs after which the learning rate fell, where dense networks are snapshots of one training."""
    settings: Mapping[str, str]
    forms: tuple[str, ...]
    missing: tuple[str, ...]
    """What some cells lack of "errors/test_error", "lmc/lmc" and "cka/softmax"."""
    notes: tuple[str, ...]

    @property
    def source(self) -> str:
        """Where the numbers come from, in a sentence's part."""
        return IMPORTED.format(", ".join(self.forms))

    @property
    def evidence(self) -> str:
        """Which level of evidence the pruned networks have."""
        lacking = {name.partition("/")[0] for name in self.missing}
        if "lmc" in lacking:
            return "evidence: test errors alone, no LMC; no regime can be named, directions rest on test errors"
        return f"evidence: test errors and LMC{', no CKA: II-A and II-B cannot be told apart' if lacking else ', CKA'}"


def is_imported(folder: Path) -> bool:
    """Whether a folder is a study of imported results."""
    return (folder / IMPORTED_FILE).is_file()


def read_axis(folder: Path) -> str | None:
    """Return the knob of a study of imported results; None where it has none, or is none yet."""
    path = folder / IMPORTED_FILE
    if not path.is_file():
        return None
    try:
        found = json.loads(read_regular_text(path))
        knob = found["knob"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise InputError(f"cannot read {path}: {error}", fix="import the results again into a new folder") from error
    if knob is not None and knob not in KNOBS:
        raise InputError(f"{path} names the knob {str(knob)[:40]!r}", fix=f"one of: {', '.join(KNOBS)}")
    return None if knob is None else str(knob)


def find_axis(found: Sequence[Mapping[str, float]], asked: str | None) -> str | None:
    """Return the knob along which results lie: the one asked for, else the one in which they differ.

    Results that differ in none lie along the first knob that all have. Raises InputError where they differ in several.
    """
    if asked is not None:
        lacking = sum(asked not in knobs for knobs in found)
        if lacking:
            words = knob_words(asked)
            raise InputError(
                f"{lacking} of {count_text(len(found), 'result')} {verb_text(lacking, 'do')} not hold the "
                f"{words} of the dense training",
                fix=f"give it with the import, those of one value at a time: --knob {asked}=VALUE",
            )
        return asked
    shared = [name for name in KNOBS if all(name in knobs for knobs in found)]
    differing = [name for name in shared if len({knobs[name] for knobs in found}) > 1]
    if len(differing) > 1:
        raise InputError(
            f"the results differ in {' and '.join(map(knob_words, differing))}",
            fix=f"name the knob they lie along, --knob {differing[0]}, or import those of one value of the other",
        )
    return next(iter((*differing, *shared)), None)


def check_settings(found: Sequence[Mapping[str, str]]) -> None:
    """Raise InputError where results are not of one network, data set and method."""
    for name in dict.fromkeys(name for settings in found for name in settings):
        values = sorted({settings.get(name, "") for settings in found})
        if len(values) > 1:
            listed = ", ".join(value or "none" for value in values[:4])
            raise InputError(
                f"the results differ in {name}: {listed}", fix=f"choose one: --where '{name}={values[-1]}'"
            )


def read_imported(session: Session) -> ImportedStudy:
    """Return the imported results of a study folder.

    Raises EvidenceError where no pruned network is among them, and InputError where they do not belong together.
    """
    runs = [_checked(run) for run in map(session.read, session.store.ids()) if "imported" in run.facts]
    folder = session.store.study
    pruned = [run for run in runs if run.facts["density"] < 1]
    if not pruned:
        subject = next((run.id for run in runs if session.store.weights_path(run.id).is_file()), "CHECKPOINT")
        raise EvidenceError(
            f"{folder} holds {count_text(len(runs), 'dense network')} and no pruned one",
            fix=f"prune one of them: prunescope diagnose {subject} --data DATA --study {folder}",
        )
    check_settings([run.facts["settings"] for run in pruned])
    knob = find_axis([run.facts["knobs"] for run in pruned], read_axis(folder))
    if knob is None:
        raise InputError(
            f"the results in {folder} hold no knob of the dense training",
            fix="import them with it: --knob epochs=VALUE",
        )
    return ImportedStudy(
        knob=knob,
        cells=tuple(_imported_cell(run, knob) for run in pruned),
        dense=tuple(
            _imported_cell(run, knob) for run in runs if run.facts["density"] == 1 and knob in run.facts["knobs"]
        ),
        drops=_shared_drops(pruned) if knob == "epochs" else (),
        settings=pruned[0].facts["settings"],
        forms=tuple(sorted({run.recipe.plugin for run in pruned})),
        missing=tuple(name for name in WANTED if any(name in run.facts["missing"] for run in pruned)),
        notes=tuple(dict.fromkeys(str(note) for run in pruned for note in run.facts["notes"])),
    )


def _checked(run: Run) -> Run:
    """Return a run that holds what an import writes; InputError for one of a stranger that does not."""
    facts = run.facts
    try:
        numbers = [facts["density"], facts["dense_seed"] or 0, *facts["knobs"].values(), *facts["drops"]]
        texts = [*facts["settings"].values(), *facts["missing"], *facts["notes"], run.recipe.plugin]
        sound = all(map(_is_number, numbers)) and all(isinstance(text, str) for text in texts)
    except (KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{run.id} is no imported result: {error}", fix="import the results again") from error
    if not sound or not 0 < facts["density"] <= 1:
        raise InputError(f"{run.id} is no imported result: its facts are odd", fix="import the results again")
    return run


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < MOST


def _imported_cell(run: Run, knob: str) -> ImportedCell:
    facts: Mapping[str, Any] = run.facts
    named = {f"{probe}/{name}": one for probe, inner in run.readings.items() for name, one in inner.items()}
    return ImportedCell(
        run=run.id,
        density=float(f"{facts['density']:.4g}"),  # replicates keep a weight more or less
        value=float(facts["knobs"][knob]),
        seed=int(facts["dense_seed"] or 0),
        readings=named,
    )


def _shared_drops(runs: Sequence[Run]) -> tuple[float, ...]:
    found = {tuple(float(drop) for drop in run.facts["drops"]) for run in runs}
    return found.pop() if len(found) == 1 else ()


def average_errors(cells: Sequence[ImportedCell]) -> dict[tuple[float, int], float]:
    """Return the mean test error of dense networks by (value of the knob, seed)."""
    import numpy as np

    known = [cell for cell in cells if TEST_ERROR in cell.readings]
    return {(cell.value, cell.seed): float(np.mean(cell.readings[TEST_ERROR].value)) for cell in known}
