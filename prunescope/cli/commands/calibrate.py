"""`prunescope calibrate`: thresholds of the three-regime rule, fitted to finished studies."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from prunescope.cli.options import parameters, parsing
from prunescope.cli.options.questions import build_question, open_session
from prunescope.cli.terminal.command import Output
from prunescope.cli.terminal.damage import damage_code
from prunescope.report.common import console
from prunescope.studies.cases.questions import CalibrationQuestion


@dataclass(frozen=True, kw_only=True)
class CalibrateRequest:
    """Options of `calibrate`."""

    studies: Annotated[
        list[Path], typer.Argument(metavar="STUDY...", help="Folders of finished sweeps, or tables: FILE.csv.")
    ]
    output: Annotated[Path, typer.Option(metavar="PACK.json", help="File of the thresholds.")] = Path("rules.json")
    tolerance: Annotated[
        float,
        typer.Option(metavar="E", min=0, help="Ignore cells within this of their column's best test error."),
    ] = CalibrationQuestion.tolerance
    draws: Annotated[int, typer.Option(metavar="N", min=100, help="Bootstrap draws for the intervals.")] = (
        CalibrationQuestion.draws
    )
    seed: parameters.Seed = CalibrationQuestion.seed
    json: parameters.Json = False


def calibrate(request: CalibrateRequest) -> Output:
    """Fit the thresholds of the rules to studies. Writes epsilon and the CKA gap as a pack for `diagnose --rules`.

    The thresholds maximise the accuracy of two predictions: LMC shows whether the best test error of a density
    lies at a hotter value, and the advice is towards it. Prints the accuracy in the fitted cells, in cells left out,
    and with the paper's thresholds. The pack records the densities, values of the knobs and networks of the fit:
    outside them the rule returns no confidence.

    Where the studies measured their dense models ([[dense_probes]] errors and hessian), the command also fits the
    thresholds of the model-diagnostics tree, which judges the dense model.

    Exit codes: 0 fitted; 2 wrong usage or input; 4 too few cells.
    """
    from prunescope.report.cases.calibration import find_calibration

    parsing.check_output(request.output, (".json",))
    question = build_question(CalibrationQuestion, request)
    found = find_calibration(question, open_session(question))
    found.write(request.output)
    console.show(found.printed())
    console.say(f"next: prunescope diagnose CHECKPOINT --rules {request.output}")
    exit_code = damage_code(found.answer.problems)
    return Output(text=found.to_json() if request.json else str(request.output), exit_code=exit_code)
