"""`prunescope sweep`: every cell of a study, each shared step once."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from prunescope.api.errors import UsageError
from prunescope.cli.options import case_parameters, parameters, parsing
from prunescope.cli.options.questions import build_question, open_session
from prunescope.cli.terminal import showing
from prunescope.cli.terminal.command import ExitCode, Output
from prunescope.cli.terminal.damage import report_damage
from prunescope.report.common import console
from prunescope.studies.grid.question import SweepQuestion

if TYPE_CHECKING:
    from prunescope.report.grid.finding import StepList


@dataclass(frozen=True, kw_only=True)
class SweepRequest:
    """Options of `sweep`."""

    source: Annotated[Path, typer.Argument(metavar="STUDY", help="A study's TOML file, or its folder.")]
    study: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Study folder, which keeps every finished step; default: the file's name."),
    ] = None
    data: Annotated[
        str | None,
        typer.Option(metavar="SPEC", help="Where the data of the study lie now, if not where they were; same content."),
    ] = None
    only: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PATTERN", help="Only these steps and their inputs: train, 'probe/lmc/*', '*density=0.1,*'."
        ),
    ] = None
    shard: Annotated[str | None, typer.Option(metavar="K/N", help="Only the K-th of N parts of the grid.")] = None
    list_steps: Annotated[bool, typer.Option("--list", help="List every step with its state, and stop.")] = (
        SweepQuestion.list_steps
    )
    dry_run: case_parameters.DryRun = SweepQuestion.dry_run
    repair: Annotated[
        bool, typer.Option("--repair", help="Compute damaged steps again; their files go to damaged/ of the study.")
    ] = SweepQuestion.repair
    trust: parameters.Trust = None
    device: parameters.Device = SweepQuestion.device
    workers: case_parameters.Workers = SweepQuestion.workers
    step_timeout: Annotated[
        float, typer.Option(metavar="SECONDS", min=0, help="Time a step may take before it counts as failed; 0: any.")
    ] = SweepQuestion.step_timeout
    executor: case_parameters.Executor = SweepQuestion.executor
    executor_option: case_parameters.ExecutorOption = None
    json: parameters.Json = False


def sweep(request: SweepRequest) -> Output:
    """Train, prune, retrain and measure every cell of a study. Prints the study's folder.

    Finished steps are not run again: the same command resumes, and several commands may run on one study. A failed
    step is recorded in failures/ of the folder, steps that require it are skipped, and all others are run. A step is
    finished if its files are intact: --repair computes damaged steps again.

    A step that ends its process, or takes longer than --step-timeout, is one failed step.

    Exit codes: 0 every step is finished and its file opens; 2 wrong usage or input, or no room to write; 4 some steps
    failed; 70 a bug; 130, 143, 129, 138 ended by Ctrl-C, SIGTERM, SIGHUP, SIGUSR1 (trainings save their state).
    """
    from prunescope.report.common.costs import Cost
    from prunescope.report.grid.finding import StepList, find_sweep

    question = build_question(SweepQuestion, request, shard=_shard(request.shard))
    found = find_sweep(question, open_session(question))
    if isinstance(found, Cost):
        return parsing.shown(found, as_json=request.json)
    if isinstance(found, StepList):
        return _listed(found, as_json=request.json)
    showing.say_lines(found.lines())
    exit_code = ExitCode.EVIDENCE if found.unfinished else ExitCode.DONE
    return Output(
        text=found.to_json() if request.json else str(found.study),
        exit_code=UsageError.exit_code if found.answer.cannot_write else exit_code,
    )


def _listed(found: StepList, *, as_json: bool) -> Output:
    exit_code = report_damage(found.answer.problems)
    if as_json:
        return Output(text=found.to_json(), exit_code=exit_code)
    console.say(found.summary())
    return Output(text="\n".join(found.lines()), exit_code=exit_code)


def _shard(text: str | None) -> tuple[int, int] | None:
    if text is None:
        return None
    number, slash, of = text.partition("/")
    if not (slash and number.isdecimal() and of.isdecimal()):
        raise UsageError(f"--shard got {text!r}", fix="it requires K/N, for example 1/4, 2/4, 3/4 and 4/4")
    return int(number), int(of)
