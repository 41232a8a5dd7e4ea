"""From folders of another program to runs of a study: one run for each dense network and density."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from time import monotonic
from typing import TYPE_CHECKING, Any

from prunescope.api.errors import InputError, PrunescopeError, StoreError, UsageError
from prunescope.api.knobs import KNOBS, find_knob
from prunescope.api.wording import count_text, verb_text
from prunescope.runs.files.whole import make_folder, write_whole
from prunescope.runs.place import STUDY_FILE
from prunescope.runs.recipe import Recipe
from prunescope.studies.imported.formats import FORMATS, recognise_format
from prunescope.studies.imported.source_files import SourceFiles
from prunescope.studies.imported.study import IMPORTED, IMPORTED_FILE, check_settings, find_axis, read_axis

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from prunescope.runs.session import Session
    from prunescope.studies.imported.foreign import ForeignCell
    from prunescope.studies.imported.question import ImportQuestion


@dataclass(frozen=True, kw_only=True)
class ImportAnswer:
    """What was imported."""

    study: Path
    forms: tuple[str, ...]
    """The format of each source."""
    runs: tuple[str, ...]
    """Ids, one for each dense network and density, in the order of the source."""
    dense: int
    """Dense networks among them."""
    known: int
    """Runs among them that the study had before."""
    knob: str | None
    """Of the study; None where no result has one."""
    with_weights: str | None
    """The first run whose network was imported too."""
    missing: tuple[str, ...]
    """What of a phase diagram's readings some pruned networks lack."""
    notes: tuple[str, ...]
    left_out: tuple[str, ...]


def answer_import(question: ImportQuestion, session: Session) -> ImportAnswer:
    """Read the results of other programs and write them into a study.

    Raises UsageError for a knob that is none and a folder that holds a study of another kind, InputError for results
    that cannot be read, or that do not belong together.
    """
    _check_question(question)
    found: list[tuple[str, Path, ForeignCell]] = []
    forms, left_out = [], list[str]()
    for folder in question.folders:
        files = SourceFiles(folder.absolute())
        form = question.form or recognise_format(files)
        results = FORMATS[form].read(files)
        found += [(form, folder, cell) for cell in results.cells]
        left_out += results.left_out
        forms.append(form)
    chosen = [(form, folder, _with_value(cell, question)) for form, folder, cell in found if _wanted(cell, question)]
    if not chosen:
        raise InputError(
            f"{question.folders[0]}: none of {count_text(len(found), 'result')} is as asked, {len(left_out)} "
            f"{verb_text(len(left_out), 'are')} left out",
            fix=f"left out: {left_out[0]}" if left_out else "check --where",
        )
    knob = _choose_knob([cell for _, _, cell in chosen], question, session)
    return _write(chosen, forms, left_out, knob=knob, session=session)


def _check_question(question: ImportQuestion) -> None:
    if question.form is not None and question.form not in FORMATS:
        raise UsageError(f"--format got {question.form!r}", fix=f"one of: {', '.join(FORMATS)}")
    if question.knob is not None and find_knob(question.knob) is None:
        raise UsageError(f"--knob got {question.knob!r}", fix=f"one of: {', '.join(KNOBS)}; with a value: epochs=30")
    for folder in question.folders:
        if not folder.is_dir():
            raise InputError(f"{folder} is no folder", fix="give the folder that the other program wrote")
    if (question.folder / STUDY_FILE).is_file():
        raise UsageError(f"{question.folder} holds the study of a sweep", fix="give a folder of its own: --to DIR")


def _wanted(cell: ForeignCell, question: ImportQuestion) -> bool:
    return all(cell.settings.get(name) == value for name, value in question.where.items())


def _with_value(cell: ForeignCell, question: ImportQuestion) -> ForeignCell:
    """Return a cell with the value of the knob that was given, where its files do not have one."""
    knob = find_knob(question.knob) if question.knob else None
    if knob is None or question.value is None:
        return cell
    if cell.knobs.get(knob.name, question.value) != question.value:
        raise InputError(
            f"--knob got {knob.typed}={question.value:g}, the files have {cell.knobs[knob.name]:g}", fix="give the name"
        )
    note = f"{knob.words} {question.value:g}: as given with the import, not in the files"
    return replace(cell, knobs={**cell.knobs, knob.name: question.value}, notes=(*cell.notes, note))


def _choose_knob(cells: Sequence[ForeignCell], question: ImportQuestion, session: Session) -> str | None:
    """Return the knob of the study, which stays what it was; check that the results belong together."""
    check_settings([cell.settings for cell in cells])
    knob = find_knob(question.knob) if question.knob else None
    known = read_axis(session.store.study)
    if knob is not None and known not in (None, knob.name):
        raise UsageError(f"{session.store.study} lies along {known}", fix="give a folder of its own: --to DIR")
    asked = knob.name if knob is not None else known
    return find_axis([cell.knobs for cell in cells], asked)


def _write(
    chosen: Sequence[tuple[str, Path, ForeignCell]],
    forms: Sequence[str],
    left_out: Sequence[str],
    *,
    knob: str | None,
    session: Session,
) -> ImportAnswer:
    store = session.store
    before = set(store.ids())
    try:
        make_folder(store.study)
        if knob is not None or not (store.study / IMPORTED_FILE).is_file():
            write_whole(store.study / IMPORTED_FILE, json.dumps({"knob": knob}) + "\n")
    except OSError as error:
        raise StoreError(f"cannot write {store.study}: {error.strerror or error}", fix="choose another --to") from error
    runs = [_write_cell(cell, form, folder, session) for form, folder, cell in chosen]
    cells = [cell for _, _, cell in chosen]
    return ImportAnswer(
        study=store.study,
        forms=tuple(dict.fromkeys(forms)),
        runs=tuple(dict.fromkeys(runs)),
        dense=sum(cell.density == 1 for cell in cells),
        known=len(before.intersection(runs)),
        knob=knob,
        with_weights=next((run for run in runs if store.weights_path(run).is_file()), None),
        missing=tuple(sorted({name for cell in cells for name in cell.missing})),
        notes=tuple(dict.fromkeys(note for cell in cells for note in cell.notes)),
        left_out=tuple(left_out),
    )


def _write_cell(cell: ForeignCell, form: str, folder: Path, session: Session) -> str:
    """Write one run, with the weights where a checkpoint lies there; return its id, which follows from the content."""
    from prunescope.networks import checkpoints
    from prunescope.runs.steps.finishing import finish_run
    from prunescope.runs.steps.result import StepResult, facts

    started, store = monotonic(), session.store
    found, why = None, ""
    if cell.checkpoint is not None:
        try:
            found = checkpoints.load_checkpoint(cell.checkpoint, trust=store.trust)
        except PrunescopeError as error:
            why = f"{cell.checkpoint.name} is not read, its numbers are: {error.message}"
            session.note(f"{cell.checkpoint}: {why}")
    recipe = _recipe(cell, form, weights=None if found is None else found.sha256)
    if store.has(recipe.id):
        return recipe.id
    of_weights: dict[str, Any] = {"model": {"name": cell.settings.get("model", "")}} if found is None else facts(found)
    known = {
        **of_weights,
        "imported": IMPORTED.format(form),
        "format": form,
        "source": str(folder),
        "files": dict(cell.digests),
        "knobs": {**of_weights.get("knobs", {}), **cell.knobs},
        "settings": dict(cell.settings),
        "density": cell.density,
        "dense_seed": cell.seed,
        "drops": list(cell.drops),
        "missing": list(cell.missing),
        "notes": [*cell.notes, *([why] if why else []), *(found.notes if found is not None else ())],
    }
    readings: dict[str, dict[str, Any]] = {}
    for name, reading in cell.readings.items():
        probe, _, inner = name.partition("/")
        readings.setdefault(probe, {})[inner] = reading
    made = StepResult(facts=known, readings=readings, weights={} if found is None else {None: found})
    with store.lock(recipe.id):
        return finish_run(recipe, made, store, device="cpu", seconds=monotonic() - started)


def _recipe(cell: ForeignCell, form: str, *, weights: str | None) -> Recipe:
    """Return what decides the run: what was measured, and the digests of the files; not where they lie."""
    arguments = {
        "density": cell.density,
        "knobs": dict(sorted(cell.knobs.items())),
        "dense_seed": cell.seed,
        "settings": dict(sorted(cell.settings.items())),
        "files": sorted(cell.digests.values()),
        "weights": weights,
    }
    return Recipe(step="import", plugin=form, arguments=arguments)
