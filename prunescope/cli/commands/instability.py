"""`prunescope instability`: from which step on copies of a network stay connected under different SGD noise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from prunescope.cli.commands.lottery import print_curves
from prunescope.cli.options import case_parameters, lottery_parameters, parameters, parsing
from prunescope.cli.options.questions import build_question, open_session
from prunescope.studies.lottery.question import InstabilityQuestion

if TYPE_CHECKING:
    from prunescope.cli.terminal.command import Output


@dataclass(frozen=True, kw_only=True)
class InstabilityRequest:
    """Options of `instability`."""

    model: lottery_parameters.Model
    data: parameters.Data
    steps: Annotated[
        str, typer.Option(metavar="STEP,...", help="Steps from which copies are trained; or epochs, such as 2ep.")
    ]
    density: Annotated[float | None, typer.Option(metavar="D", help="Also use networks pruned to this density.")] = None
    levels: lottery_parameters.Levels = InstabilityQuestion.levels
    schedule: lottery_parameters.Schedule = InstabilityQuestion.schedule
    copies: Annotated[int, typer.Option(metavar="N", min=2, help="Copies trained from each step.")] = (
        InstabilityQuestion.copies
    )
    threshold: Annotated[
        float, typer.Option(metavar="E", min=0, max=1, help="Barrier of error below which training counts as stable.")
    ] = InstabilityQuestion.threshold
    split: Annotated[Literal["test", "train"], typer.Option(help="Images on which the barrier is measured.")] = (
        InstabilityQuestion.split
    )
    model_option: lottery_parameters.ModelOption = None
    trainer: lottery_parameters.Trainer = InstabilityQuestion.trainer
    trainer_option: lottery_parameters.TrainerOption = None
    pruner: case_parameters.Pruner = InstabilityQuestion.pruner
    pruner_option: case_parameters.PrunerOption = None
    seeds: lottery_parameters.Seeds = InstabilityQuestion.seeds
    limit_batches: parameters.LimitBatches = None
    dry_run: case_parameters.DryRun = False
    json: parameters.Json = False
    report: lottery_parameters.Report = None
    figures: lottery_parameters.Figures = None
    device: parameters.Device = InstabilityQuestion.device
    workers: case_parameters.Workers = InstabilityQuestion.workers
    executor: case_parameters.Executor = InstabilityQuestion.executor
    executor_option: case_parameters.ExecutorOption = None
    trust: parameters.Trust = None
    study: parameters.Study = parameters.STUDY


def instability(request: InstabilityRequest) -> Output:
    """Find the step from which training is stable to SGD noise. Copies from there end linearly connected.

    At each step the network is copied, the copies are trained to the end with other orders of images, and the barrier
    on the straight line between them is measured: dense, and with --density for networks pruned in rounds with
    rewinding to that step. Prints a table. Every step is stored: the same command resumes.
    """
    from prunescope.report.lottery.finding import find_instability

    parsing.check_output(request.report, (".html",), option="--report")
    options = parsing.values("--model-option", request.model_option)
    question = build_question(InstabilityQuestion, request, model_options=options)
    found = find_instability(question, open_session(question))
    return print_curves(found, report=request.report, figures=request.figures, as_json=request.json)
