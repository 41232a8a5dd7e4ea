"""`prunescope calibrate`: thresholds of the three-regime rule, fitted to finished studies."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from prunescope.api.errors import EvidenceError
from prunescope.api.version import __version__
from prunescope.cli.options import parameters, parsing
from prunescope.cli.options import parsing as given
from prunescope.cli.terminal.command import Output
from prunescope.report.common import console
from prunescope.runs.files.whole import write_whole

if TYPE_CHECKING:
    from collections.abc import Sequence

    from prunescope.regimes.packs import Pack
    from prunescope.studies.cases.calibrating import Column, Fit, Interval
    from prunescope.studies.cases.calibrating_tree import Line, TreeFit


@dataclass(frozen=True, kw_only=True)
class CalibrateRequest:
    """What the user asks `calibrate` for."""

    studies: Annotated[
        list[Path], typer.Argument(metavar="STUDY...", help="Folders of finished sweeps, or tables: FILE.csv.")
    ]
    output: Annotated[Path, typer.Option(metavar="PACK.json", help="Where to write the thresholds.")] = Path(
        "rules.json"
    )
    tolerance: Annotated[
        float,
        typer.Option(metavar="E", min=0, help="Cells within this of their column's best test error do not count."),
    ] = 0.004
    draws: Annotated[int, typer.Option(metavar="N", min=100, help="Bootstrap draws for the intervals.")] = 1000
    seed: parameters.Seed = 0
    json: parameters.Json = False


def calibrate(request: CalibrateRequest) -> Output:
    """Fit epsilon and the CKA gap to studies, and write a rule pack that `diagnose --rules PACK` takes.

    The thresholds are those with which two things are right most often: that LMC tells whether the best test error of
    a density lies at a hotter value, and that the advice points towards it. The accuracy is told in the cells that were
    fitted, in cells left out, and beside that of the paper's thresholds. The pack records the densities, values of the
    knobs and networks it was fitted to: outside them the rule gives no confidence.

    Where the studies measured their dense models ([[dense_probes]] errors and hessian), the thresholds of the
    model-diagnostics tree are fitted too, which judges the dense model.

    Exit codes: 0 fitted; 2 wrong usage or input; 4 too few cells.
    """
    from prunescope.regimes import packs
    from prunescope.regimes.direction import CKA_GAP, EPSILON
    from prunescope.studies.cases import calibrating

    given.check_output(request.output, (".json",))
    sources = [_table(path) if path.suffix == ".csv" else _study(path) for path in request.studies]
    columns = [column for source in sources for column in source.columns]
    fit = calibrating.fit(
        columns, tolerance=request.tolerance, plain=(EPSILON, CKA_GAP), draws=request.draws, seed=request.seed
    )
    tree, why = _tree(sources, request)
    pack = _pack(sources, fit, tree, request)
    write_whole(request.output, packs.dump(pack))
    _tell(fit, tree, why)
    console.say(f"next: prunescope diagnose CHECKPOINT --rules {request.output}")
    return Output(text=packs.dump(pack).rstrip() if request.json else str(request.output))


@dataclass(frozen=True, kw_only=True)
class _Source:
    columns: list[Column]
    models: tuple[str, ...] = ()
    """Empty where a table does not say."""
    data: tuple[str, ...] = ()
    dense: tuple[Line, ...] = ()
    """The dense models, where they were measured."""


def _table(path: Path) -> _Source:
    """Return the columns of a table of cells, as `prunescope report --csv` prints them."""
    from prunescope.regimes.direction import Point
    from prunescope.studies.cases import calibrating
    from prunescope.studies.phase import from_table

    diagram = from_table.read(path)
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
        columns.append(calibrating.Column(study=diagram.name, knob=diagram.knob, density=density, points=points))
    return _Source(columns=[column for column in columns if column.points])


def _study(path: Path) -> _Source:
    """Return a study's columns: means over dense seeds and replicas."""
    from prunescope.regimes.direction import Point
    from prunescope.studies.cases import calibrating, calibrating_tree, dense, measured
    from prunescope.studies.grid import studyfolder

    file = studyfolder.find(path)
    store = parsing.open_store(file.parent)
    grid = studyfolder.load_grid(file.parent, at=file, trust=store.trust)
    columns = []
    for density in grid.study.densities:
        models = [one for one in measured.column(grid, store, density=density) if one.test_error is not None]
        points = []
        for value in grid.study.values:
            found = [model for model in models if model.value == value]
            if found:
                one = measured.merged(found)
                points.append(Point(value=value, lmc=one.lmc, cka=one.cka, test_error=one.test_error))
        if points:
            columns.append(
                calibrating.Column(study=grid.study.name, knob=grid.study.knob, density=density, points=tuple(points))
            )
    if not columns:
        raise EvidenceError(f"no cell of {path} is finished", fix=f"run: prunescope sweep {path}")
    line = calibrating_tree.Line(study=grid.study.name, knob=grid.study.knob, models=dense.models(grid, store))
    lines = (line,) if line.models else ()
    return _Source(columns=columns, models=(grid.study.model,), data=(grid.study.data,), dense=lines)


def _tree(sources: Sequence[_Source], request: CalibrateRequest) -> tuple[TreeFit | None, str]:
    """Fit the model-diagnostics tree; None, and why, where the studies do not tell enough of their dense models."""
    from prunescope.regimes.md_tree import PUBLIC
    from prunescope.studies.cases import calibrating_tree

    lines = [line for source in sources for line in source.dense]
    if not lines:
        return None, "no study measured its dense models: add [[dense_probes]] errors and hessian"
    try:
        given = {"tolerance": request.tolerance, "draws": request.draws, "seed": request.seed}
        return calibrating_tree.fit(lines, plain=PUBLIC, **given), ""  # type: ignore[arg-type]
    except EvidenceError as error:
        return None, error.message


def _pack(sources: Sequence[_Source], fit: Fit, tree: TreeFit | None, request: CalibrateRequest) -> Pack:
    from prunescope.regimes import packs

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
        "calibration": f"thresholds fitted to {where}: {fit.held_out:.0%} right in {fit.cells} cells left out",
    }
    fitted: dict[str, Any] = {**asdict(fit), "studies": studies, "tolerance": request.tolerance}
    return packs.Pack(
        rule="three-regime",
        options=options,
        knobs=knobs,
        models=models,
        data=tuple(sorted({name for source in sources for name in source.data})),
        fit=fitted | {"prunescope": __version__} | ({} if tree is None else {"md-tree": asdict(tree)}),
        others={} if tree is None else {"md-tree": _tree_options(sources, tree)},
    )


def _tree_options(sources: Sequence[_Source], tree: TreeFit) -> dict[str, Any]:
    lines = [line for source in sources for line in source.dense]
    studies = ", ".join(sorted({line.study for line in lines}))
    right = round(tree.held_out, 4)
    found = {
        "train_error": round(tree.train_error.value, 6),
        "log_trace": round(tree.log_trace.value, 6),
        "fitted_knobs": _ranges(_knobs([(line.knob, one.value) for line in lines for one in line.models])),
        "leaves": list(tree.leaves),
        "calibration": f"fitted to the dense models of {studies}: {right:.0%} right in {tree.cells} left out",
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


def _tell(fit: Fit, tree: TreeFit | None, why: str) -> None:
    rows = [("epsilon", *_interval(fit.epsilon)), ("cka_gap", *_interval(fit.cka_gap))]
    if tree is not None:
        rows.append(("md-tree a: training error", *_interval(tree.train_error)))
        rows += [("md-tree b: connectivity", *_interval(tree.connectivity))] if tree.connectivity else []
        rows.append(("md-tree c: ln trace", *_interval(tree.log_trace)))
    console.show(console.table(("threshold", "value", "80 % interval"), rows))
    console.say(f"LMC < -epsilon says whether the best is hotter in {fit.gate:.0%} of {fit.cells} cells")
    console.say(
        f"the advice is right in {fit.accuracy:.0%} of {fit.cells} cells, in {fit.held_out:.0%} when left out, "
        f"with the paper's thresholds in {fit.plain:.0%}"
    )
    if not fit.raised:
        console.say("note: no optimum lies at a hotter value: nothing bounds epsilon from above")
    if tree is None:
        console.say(f"note: md-tree keeps its public thresholds: {why}")
        return
    console.say(
        f"md-tree is right for {tree.accuracy:.0%} of {tree.cells} dense models, {tree.held_out:.0%} when left out, "
        f"with the public thresholds for {tree.plain:.0%}"
    )
    if tree.too_low in (0, tree.cells):
        side = "cold" if tree.too_low else "hot"
        console.say(f"note: every dense model off the best is too {side}: nothing bounds the thresholds from one side")


def _interval(found: Interval) -> tuple[str, str]:
    return f"{found.value:.4g}", f"{found.low:.4g} to {found.high:.4g}"
