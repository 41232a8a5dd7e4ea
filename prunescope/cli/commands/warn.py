"""`prunescope warn`: early-warning signals along an ordered axis of a study."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from prunescope.cli.options import parameters
from prunescope.cli.options.questions import build_question, open_session
from prunescope.cli.terminal.command import Output
from prunescope.cli.terminal.damage import damage_code
from prunescope.report.common import console
from prunescope.studies.phase.warning_question import WarningQuestion


@dataclass(frozen=True, kw_only=True)
class WarnRequest:
    """Options of `warn`."""

    study: Annotated[Path, typer.Argument(metavar="STUDY", help="A study's folder or TOML file.")]
    axis: Annotated[
        str, typer.Option(metavar="NAME", help="The study's knob (epochs, ...), density, or epoch: training time.")
    ] = WarningQuestion.axis
    reading: Annotated[
        str, typer.Option(metavar="PROBE/NAME", help="Such as lmc/lmc; along epoch history/train_loss or train_error.")
    ] = WarningQuestion.reading
    reverse: Annotated[
        bool, typer.Option("--reverse", help="Order the axis from its largest value to its smallest.")
    ] = WarningQuestion.reverse
    window: Annotated[float, typer.Option(min=0, max=1, help="Rolling window, as a share of the series.")] = (
        WarningQuestion.window
    )
    bandwidth: Annotated[
        float, typer.Option(min=0, max=1, help="Bandwidth of the removed trend, as a share of the series.")
    ] = WarningQuestion.bandwidth
    null: Annotated[str, typer.Option(metavar="[ar1|phase]", help="Surrogates: autoregressive or random phases.")] = (
        WarningQuestion.null
    )
    surrogates: Annotated[int, typer.Option(metavar="N", min=20, help="Number of surrogate series.")] = (
        WarningQuestion.surrogates
    )
    level: Annotated[float, typer.Option(min=0, max=1, help="Largest p-value that counts as a rise.")] = (
        WarningQuestion.level
    )
    seed: parameters.Seed = WarningQuestion.seed
    json: parameters.Json = False


def warn(request: WarnRequest) -> Output:
    """Test for critical slowing down along an axis of a study. Signals: rising variance and autocorrelation.

    Requires prunescope-earlywarning. Series of 20 places or more are tested in rolling windows against surrogates,
    shorter ones by the spread of replicas at each place. Prints a line per series: its verdict and its name. A rise
    is a hint, not proof.

    Exit codes: 0 judged; 2 wrong usage or input; 4 the study has no finished readings.
    """
    from prunescope.report.phase.warning import find_warning

    question = build_question(WarningQuestion, request)
    found = find_warning(question, open_session(question))
    console.show(found.printed())
    exit_code = damage_code(found.answer.problems)
    return Output(text=found.to_json() if request.json else found.words(), exit_code=exit_code)
