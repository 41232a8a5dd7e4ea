"""`prunescope compare`: pruners side by side, as ShrinkBench asks: seeds, spread, controls."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from prunescope.cli.options import case_parameters, parameters, parsing
from prunescope.cli.options.questions import build_question, open_session
from prunescope.cli.terminal.command import ExitCode, Output
from prunescope.cli.terminal.damage import damage_code
from prunescope.report.common import console
from prunescope.studies.comparison.question import ComparisonQuestion

if TYPE_CHECKING:
    from prunescope.report.comparison.finding import Comparison


@dataclass(frozen=True, kw_only=True)
class CompareRequest:
    """Options of `compare`."""

    pruners: Annotated[
        list[str],
        typer.Argument(
            metavar="PRUNER", help="Pruners, with options: lamp, magnitude:scope=global, random:allocation=erk."
        ),
    ]
    data: parameters.Data
    densities: Annotated[str, typer.Option("--density", "--densities", metavar="D,...", help="Densities.")] = ",".join(
        f"{density:g}" for density in ComparisonQuestion.densities
    )
    seeds: Annotated[
        int, typer.Option(metavar="N", min=1, help="Number of dense trainings, each pruned and retrained.")
    ] = ComparisonQuestion.seeds
    model: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Network: a timm name or pkg.mod:factory; a small one if left out."),
    ] = None
    model_option: Annotated[
        list[str] | None, typer.Option(metavar="KEY=VALUE", help="Option of the network, such as width=0.5.")
    ] = None
    epochs: Annotated[int, typer.Option(metavar="N", min=1, help="Epochs of the dense training.")] = (
        ComparisonQuestion.epochs
    )
    retrain_epochs: case_parameters.RetrainEpochs = None
    trainer: Annotated[str, typer.Option(metavar="NAME", help="Trainer of all trainings.")] = ComparisonQuestion.trainer
    trainer_option: case_parameters.TrainerOption = None
    seed: Annotated[int, typer.Option(metavar="N", min=0, help="First dense seed.")] = ComparisonQuestion.seed
    limit_batches: parameters.LimitBatches = None
    device: parameters.Device = ComparisonQuestion.device
    workers: case_parameters.Workers = ComparisonQuestion.workers
    executor: case_parameters.Executor = ComparisonQuestion.executor
    executor_option: case_parameters.ExecutorOption = None
    json: parameters.Json = False
    report: Annotated[
        Path | None,
        typer.Option(metavar="FILE.html", help="HTML file; default: comparison.html in the study's folder."),
    ] = None
    dry_run: case_parameters.DryRun = False
    trust: parameters.Trust = None
    study: parameters.Study = parameters.STUDY


def compare(request: CompareRequest) -> Output:
    """Compare pruners at several densities and seeds. Prints the path of the HTML file.

    Every seed trains one dense model; each pruner prunes it to each density, and it is retrained. The dense models and
    `random` are always included as controls. One HTML file has a table, curves of accuracy against compression and
    theoretical speed-up, and each seed separately; comparison.json is beside it. Finished steps are not run again.

    Exit codes: 0 everything is measured; 2 wrong usage or input; 4 some steps failed; 130 interrupted.
    """
    from prunescope.report.common.costs import Cost
    from prunescope.report.comparison.finding import find_comparison

    parsing.check_output(request.report, (".html",), option="--report")
    question = build_question(
        ComparisonQuestion,
        request,
        densities=parsing.numbers("--densities", [request.densities]),
        model_options=parsing.values("--model-option", request.model_option),
    )
    session = open_session(question)
    found = find_comparison(question, session)
    if isinstance(found, Cost):
        return parsing.shown(found, as_json=request.json)
    return _printed(found, request, session.store.study)


def _printed(found: Comparison, request: CompareRequest, study: Path) -> Output:
    """Show the table, write page and JSON; the page's path, or JSON, goes to stdout."""
    from prunescope.runs.files.whole import write_whole

    console.show(found.table())
    for line in found.lines():
        console.say(line)
    path = found.report(request.report or study / "comparison.html")
    write_whole(study / "comparison.json", found.to_json() + "\n")
    exit_code = damage_code(found.answer.problems) or (ExitCode.EVIDENCE if found.missing else ExitCode.DONE)
    return Output(text=found.to_json() if request.json else str(path), exit_code=exit_code)
