"""From the question of `calibrate` to a pack of thresholds: of the three-regime rule and, where possible, the tree."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prunescope.api.errors import EvidenceError
from prunescope.api.version import __version__
from prunescope.api.wording import count_text, percent
from prunescope.regimes import packs
from prunescope.regimes.direction import CKA_GAP, EPSILON, Point
from prunescope.regimes.md_tree import PUBLIC
from prunescope.runs.soundness import blaming_damage, read_sound
from prunescope.runs.store import Store
from prunescope.runs.trusting import trusted_code
from prunescope.studies.cases import calibrating, calibrating_tree, dense, measured
from prunescope.studies.imported.study import is_imported

if TYPE_CHECKING:
    from collections.abc import Sequence

    from prunescope.regimes.packs import Pack
    from prunescope.runs.session import Session
    from prunescope.studies.cases.calibrating import CalibrationColumn, Fit
    from prunescope.studies.cases.calibrating_tree import FittedLine, TreeFit
    from prunescope.studies.cases.questions import CalibrationQuestion
    from prunescope.studies.grid.layout import Grid
    from prunescope.studies.imported.study import ImportedStudy
    from prunescope.studies.phase.diagram import PhaseDiagram


@dataclass(frozen=True, kw_only=True)
class Calibrated:
    """Fitted thresholds, and the pack that holds them."""

    fit: Fit
    tree: TreeFit | None
    why_no_tree: str
    """Why the model-diagnostics tree keeps its thresholds; empty where it was fitted."""
    pack: Pack
    problems: tuple[str, ...] = ()
    """What is wrong with damaged files of the studies, which are left out."""


@dataclass(frozen=True, kw_only=True)
class Source:
    """What one study, or one table, contributes."""

    columns: list[CalibrationColumn]
    models: tuple[str, ...] = ()
    """Empty where a table does not have it."""
    data: tuple[str, ...] = ()
    dense: tuple[FittedLine, ...] = ()
    """The dense models, where they were measured."""
    problems: tuple[str, ...] = ()
    """What is wrong with damaged files, which are left out."""


def answer_calibration(asked: CalibrationQuestion, session: Session) -> Calibrated:
    """Fit the thresholds to the cells of all studies; EvidenceError where they are too few."""
    paths = [asked.studies] if isinstance(asked.studies, str | Path) else asked.studies
    sources = [_table(path) if path.suffix == ".csv" else _study(path, asked, session) for path in map(Path, paths)]
    columns = [column for source in sources for column in source.columns]
    problems = tuple(problem for source in sources for problem in source.problems)
    with blaming_damage(problems):
        fit = calibrating.fit_thresholds(
            columns, tolerance=asked.tolerance, plain=(EPSILON, CKA_GAP), draws=asked.draws, seed=asked.seed
        )
    tree, why = _tree(sources, asked)
    return Calibrated(fit=fit, tree=tree, why_no_tree=why, pack=_pack(sources, fit, tree, asked), problems=problems)


def _table(path: Path) -> Source:
    """Return the columns of a table of cells, as `prunescope report --csv` prints them."""
    from prunescope.studies.phase import from_table

    return Source(columns=_diagram_columns(from_table.read_table(path)))


def _imported(path: Path, session: Session) -> Source:
    """Return the columns of a study of imported results; EvidenceError where none has LMC."""
    from prunescope.studies.imported.study import read_imported
    from prunescope.studies.phase import from_imported

    there = replace(session, store=Store(path))
    study, problems = read_sound(read_imported, there)
    columns = _diagram_columns(from_imported.draw_imported(study, name=path.name))
    if not columns:
        with blaming_damage(problems):
            raise EvidenceError(
                f"no result in {path} has both LMC and a test error: the thresholds are of LMC",
                fix="import results with LMC, such as those of three-regime, or measure it: prunescope sweep",
            )
    return Source(columns=columns, models=_given(study, "model"), data=_given(study, "data"), problems=problems)


def _given(study: ImportedStudy, name: str) -> tuple[str, ...]:
    return (study.settings[name],) if name in study.settings else ()


def _diagram_columns(diagram: PhaseDiagram) -> list[CalibrationColumn]:
    """Return the cells of a diagram that have LMC and a test error, by density."""
    lmc, cka, error = (diagram.grid(quantity) for quantity in ("lmc", "cka", "test_error"))
    columns = []
    for place, density in enumerate(diagram.densities):
        points = tuple(
            Point(
                value=value,
                lmc=float(lmc[row, place]),
                cka=None if isnan(cka[row, place]) else float(cka[row, place]),
                test_error=float(error[row, place]),
            )
            for row, value in enumerate(diagram.values)
            if not isnan(lmc[row, place] + error[row, place])
        )
        columns.append(
            calibrating.CalibrationColumn(study=diagram.name, knob=diagram.knob, density=density, points=points)
        )
    return [column for column in columns if column.points]


def _study(path: Path, asked: CalibrationQuestion, session: Session) -> Source:
    """Return a study's columns: means over dense seeds and replicas."""
    from prunescope.studies.grid import studyfolder

    if is_imported(path):
        return _imported(path, session)
    file = studyfolder.find_study_file(path)
    trust = trusted_code(file.parent, note=session.note, allowed=asked.trust)
    there = replace(session, store=Store(file.parent, trust=trust))
    grid = studyfolder.load_grid(file.parent, at=file, trust=trust)
    found, problems = read_sound(lambda sound: _cells(grid, sound), there)
    if not found.columns:
        with blaming_damage(problems):
            raise EvidenceError(f"no cell of {path} is finished", fix=f"run: prunescope sweep {path}")
    return replace(found, problems=problems)


def _cells(grid: Grid, session: Session) -> Source:
    columns = []
    for density in grid.study.densities:
        models = [one for one in measured.measured_column(grid, session, density=density) if one.test_error is not None]
        points = []
        for value in grid.study.values:
            found = [model for model in models if model.value == value]
            if found:
                one = measured.merged_readings(found)
                points.append(Point(value=value, lmc=one.lmc, cka=one.cka, test_error=one.test_error))
        if points:
            columns.append(
                calibrating.CalibrationColumn(
                    study=grid.study.name, knob=grid.study.knob, density=density, points=tuple(points)
                )
            )
    line = calibrating_tree.FittedLine(
        study=grid.study.name, knob=grid.study.knob, models=dense.dense_models(grid, session)
    )
    lines = (line,) if line.models else ()
    return Source(columns=columns, models=(grid.study.model,), data=(grid.study.data,), dense=lines)


def _tree(sources: Sequence[Source], asked: CalibrationQuestion) -> tuple[TreeFit | None, str]:
    """Fit the model-diagnostics tree; None, and why, where the studies do not hold enough of their dense models."""
    lines = [line for source in sources for line in source.dense]
    if not lines:
        return None, "no study measured its dense models: add [[dense_probes]] errors and hessian"
    try:
        given = {"tolerance": asked.tolerance, "draws": asked.draws, "seed": asked.seed}
        return calibrating_tree.fit_tree(lines, plain=PUBLIC, **given), ""  # type: ignore[arg-type]
    except EvidenceError as error:
        return None, error.message


def _pack(sources: Sequence[Source], fit: Fit, tree: TreeFit | None, asked: CalibrationQuestion) -> Pack:
    columns = [column for source in sources for column in source.columns]
    knobs = _knobs([(column.knob, point.value) for column in columns for point in column.points])
    models = tuple(sorted({model for source in sources for model in source.models}))
    studies = sorted({column.study for column in columns})
    where = f"{', '.join(studies)} ({', '.join(models) or 'networks unknown'})"
    options = {
        "epsilon": round(fit.epsilon.value, 6),
        "epsilon_low": round(fit.epsilon.low, 6),
        "epsilon_high": round(fit.epsilon.high, 6),
        "cka_gap": round(fit.cka_gap.value, 6),
        "density_low": min(column.density for column in columns),
        "density_high": max(column.density for column in columns),
        "fitted_knobs": _ranges(knobs),
        "calibration": f"thresholds fitted to {where}: {percent(fit.held_out)} right in "
        f"{count_text(fit.cells, 'cell')} left out",
    }
    fitted: dict[str, Any] = {**asdict(fit), "studies": studies, "tolerance": asked.tolerance}
    return packs.Pack(
        rule="three-regime",
        options=options,
        knobs=knobs,
        models=models,
        data=tuple(sorted({name for source in sources for name in source.data})),
        fit=fitted | {"prunescope": __version__} | ({} if tree is None else {"md-tree": asdict(tree)}),
        others={} if tree is None else {"md-tree": _tree_options(sources, tree)},
    )


def _tree_options(sources: Sequence[Source], tree: TreeFit) -> dict[str, Any]:
    lines = [line for source in sources for line in source.dense]
    studies = ", ".join(sorted({line.study for line in lines}))
    right = round(tree.held_out, 4)
    found = {
        "train_error": round(tree.train_error.value, 6),
        "log_trace": round(tree.log_trace.value, 6),
        "fitted_knobs": _ranges(_knobs([(line.knob, one.value) for line in lines for one in line.models])),
        "leaves": list(tree.leaves),
        "calibration": f"fitted to the dense models of {studies}: {percent(right)} right in {tree.cells} left out",
    }
    return found if tree.connectivity is None else found | {"connectivity": round(tree.connectivity.value, 6)}


def _knobs(values: Sequence[tuple[str, float]]) -> dict[str, tuple[float, float]]:
    """Return the range of every knob's values."""
    found: dict[str, list[float]] = {}
    for knob, value in values:
        found.setdefault(knob, []).append(value)
    return {knob: (min(known), max(known)) for knob, known in found.items()}


def _ranges(knobs: dict[str, tuple[float, float]]) -> list[str]:
    return [f"{knob}:{low:g}:{high:g}" for knob, (low, high) in sorted(knobs.items())]
