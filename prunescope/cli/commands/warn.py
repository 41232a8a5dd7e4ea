"""`prunescope warn`: early-warning signals along an ordered axis of a study."""

from __future__ import annotations

import json as json_text
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from prunescope.cli.options import parameters
from prunescope.cli.terminal.command import Output
from prunescope.report.common import console

if TYPE_CHECKING:
    from prunescope_earlywarning.indicators import Indicator

    from prunescope.studies.phase.warning import JudgedSeries


@dataclass(frozen=True, kw_only=True)
class WarnRequest:
    """What the user asks `warn` for."""

    study: Annotated[Path, typer.Argument(metavar="STUDY", help="A study's folder.")]
    axis: Annotated[
        str, typer.Option(metavar="NAME", help="The study's knob (epochs, ...), density, or epoch: training time.")
    ] = "epoch"
    reading: Annotated[
        str, typer.Option(metavar="PROBE/NAME", help="Such as lmc/lmc; along epoch history/train_loss or train_error.")
    ] = "history/train_loss"
    reverse: Annotated[bool, typer.Option("--reverse", help="Go along the axis from its largest value down.")] = False
    window: Annotated[float, typer.Option(min=0, max=1, help="Rolling window, as a share of the series.")] = 0.5
    bandwidth: Annotated[float, typer.Option(min=0, max=1, help="Of the trend taken out, as a share.")] = 0.1
    null: Annotated[str, typer.Option(metavar="[ar1|phase]", help="Surrogates: autoregressive or random phases.")] = (
        "ar1"
    )
    surrogates: Annotated[int, typer.Option(metavar="N", min=20, help="How many surrogate series.")] = 500
    level: Annotated[float, typer.Option(min=0, max=1, help="Largest p-value that counts as a rise.")] = 0.05
    seed: parameters.Seed = 0
    json: parameters.Json = False


def warn(request: WarnRequest) -> Output:
    """Look for critical slowing down along an ordered axis of a study: rising variance and autocorrelation.

    Needs prunescope-earlywarning. Series of 20 places or more are tested in rolling windows against surrogates, shorter
    ones by the spread of replicas at each place. Prints a line per series: its verdict and its name. A rise is a hint,
    not proof.

    Exit codes: 0 judged; 2 wrong usage or input; 4 the study has nothing to judge yet.
    """
    from prunescope.studies.phase import warning

    asked = {name: value for name, value in asdict(request).items() if name != "json"}
    found = warning.warn(asked.pop("study"), **asked)
    if request.json:
        return Output(text=json_text.dumps(found.to_json(), indent=2))
    console.show(console.table(COLUMNS, [_row(one) for one in found.found]))
    for note in dict.fromkeys(note for one in found.found for note in one.judged.notes):
        console.say(f"note: {note}")
    for caveat in found.caveats:
        console.say(f"caveat: {caveat}")
    return Output(text=str(found))


COLUMNS = ("series", "places", "tested by", "variance: tau", "p", "autocorrelation: tau", "p", "verdict")


def _row(one: JudgedSeries) -> tuple[str, ...]:
    judged = one.judged
    numbers = [text for indicator in (judged.variance, judged.autocorrelation) for text in _numbers(indicator)]
    return (one.series.name, str(len(one.series.places)), judged.method, *numbers, judged.verdict)


def _numbers(indicator: Indicator | None) -> tuple[str, str]:
    return ("n/a", "n/a") if indicator is None else (f"{indicator.tau:+.2f}", f"{indicator.p_value:.3f}")
