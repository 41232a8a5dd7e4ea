"""`prunescope calibrate`: thresholds of the three-regime rule, fitted to finished studies."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from prunescope import __version__
from prunescope.cli import console, given, parameters
from prunescope.cli.command import Output
from prunescope.cli.diagnose import write_whole
from prunescope.errors import EvidenceError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from prunescope.cases.calibrating import Column, Fit, Interval
    from prunescope.cases.packs import Pack


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

    Exit codes: 0 fitted; 2 wrong usage or input; 4 too few cells.
    """
    from prunescope.cases import calibrating, packs
    from prunescope.regime.direction import CKA_GAP, EPSILON

    given.check_output(request.output, (".json",))
    sources = [_table(path) if path.suffix == ".csv" else _study(path) for path in request.studies]
    columns = [column for source in sources for column in source.columns]
    fit = calibrating.fit(
        columns, tolerance=request.tolerance, plain=(EPSILON, CKA_GAP), draws=request.draws, seed=request.seed
    )
    pack = _pack(sources, columns, fit, request)
    write_whole(request.output, packs.dump(pack))
    _tell(fit, request.output)
    return Output(text=packs.dump(pack).rstrip() if request.json else str(request.output))


@dataclass(frozen=True, kw_only=True)
class _Source:
    columns: list[Column]
    models: tuple[str, ...] = ()
    """Empty where a table does not say."""
    data: tuple[str, ...] = ()


def _table(path: Path) -> _Source:
    """Return the columns of a table of cells, as `prunescope report --csv` prints them."""
    from prunescope.cases import calibrating
    from prunescope.phase import from_table
    from prunescope.regime.direction import Point

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
    from prunescope import studyfolder
    from prunescope.cases import calibrating, measured
    from prunescope.regime.direction import Point
    from prunescope.store import Store

    file = studyfolder.find(path)
    grid = studyfolder.load_grid(file.parent, at=file)
    columns = []
    for density in grid.study.densities:
        models = [
            one for one in measured.column(grid, Store(file.parent), density=density) if one.test_error is not None
        ]
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
    return _Source(columns=columns, models=(grid.study.model,), data=(grid.study.data,))


def _pack(sources: Sequence[_Source], columns: Sequence[Column], fit: Fit, request: CalibrateRequest) -> Pack:
    from prunescope.cases import packs

    values: dict[str, list[float]] = {}
    for column in columns:
        values.setdefault(column.knob, []).extend(point.value for point in column.points)
    knobs = {knob: (min(found), max(found)) for knob, found in values.items()}
    models = tuple(sorted({model for source in sources for model in source.models}))
    studies = sorted({column.study for column in columns})
    options = {
        "epsilon": round(fit.epsilon.value, 6),
        "epsilon_low": round(fit.epsilon.low, 6),
        "epsilon_high": round(fit.epsilon.high, 6),
        "cka_gap": round(fit.cka_gap.value, 6),
        "density_low": min(column.density for column in columns),
        "density_high": max(column.density for column in columns),
        "fitted_knobs": [f"{knob}:{low:g}:{high:g}" for knob, (low, high) in sorted(knobs.items())],
        "calibration": f"thresholds fitted to {', '.join(studies)} ({', '.join(models) or 'networks unknown'}): "
        f"{fit.held_out:.0%} right in {fit.cells} cells left out",
    }
    return packs.Pack(
        rule="three-regime",
        options=options,
        knobs=knobs,
        models=models,
        data=tuple(sorted({name for source in sources for name in source.data})),
        fit={**asdict(fit), "studies": studies, "tolerance": request.tolerance, "prunescope": __version__},
    )


def _tell(fit: Fit, path: Path) -> None:
    rows = [("epsilon", *_interval(fit.epsilon)), ("cka_gap", *_interval(fit.cka_gap))]
    console.show(console.table(("threshold", "value", "80 % interval"), rows))
    console.say(f"LMC < -epsilon says whether the best is hotter in {fit.gate:.0%} of {fit.cells} cells")
    console.say(
        f"the advice is right in {fit.accuracy:.0%} of {fit.cells} cells, in {fit.held_out:.0%} when left out, "
        f"with the paper's thresholds in {fit.plain:.0%}"
    )
    if not fit.raised:
        console.say("note: no optimum lies at a hotter value: nothing bounds epsilon from above")
    console.say(f"next: prunescope diagnose CHECKPOINT --rules {path}")


def _interval(found: Interval) -> tuple[str, str]:
    return f"{found.value:.4g}", f"{found.low:.4g} to {found.high:.4g}"
