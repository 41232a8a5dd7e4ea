"""`prunescope warn`: early-warning signals along an ordered axis of a study."""

from __future__ import annotations

import json as json_text
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from prunescope.api.errors import EvidenceError, UsageError
from prunescope.cli.options import parameters
from prunescope.cli.terminal import console
from prunescope.cli.terminal.command import Output

if TYPE_CHECKING:
    from collections.abc import Sequence

    from prunescope.regimes.early_warning import Indicator
    from prunescope.studies.phase.ordered import How, Judged


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

    Series of 20 places or more are tested in rolling windows against surrogates, shorter ones by the spread of
    replicas at each place. Prints a line per series: its verdict and its name. A rise is a hint, not proof.

    Exit codes: 0 judged; 2 wrong usage or input; 4 the study has nothing to judge yet.
    """
    judged = _judge(request)
    from prunescope.regimes.early_warning import CAVEATS

    if request.json:
        return Output(text=json_text.dumps(_as_json(request, judged, CAVEATS), indent=2))
    console.show(console.table(COLUMNS, [_row(one) for one in judged]))
    for note in dict.fromkeys(note for one in judged for note in one.notes):
        console.say(f"note: {note}")
    for caveat in CAVEATS:
        console.say(f"caveat: {caveat}")
    return Output(text="\n".join(f"{one.verdict}\t{one.series.name}" for one in judged))


COLUMNS = ("series", "places", "tested by", "variance: tau", "p", "autocorrelation: tau", "p", "verdict")


def _judge(request: WarnRequest) -> list[Judged]:
    from prunescope.runs.store import Store
    from prunescope.studies.grid import studyfolder
    from prunescope.studies.phase import ordered

    if not (request.study / studyfolder.STUDY_FILE).is_file():
        raise UsageError(
            f"{request.study} is no study: it has no {studyfolder.STUDY_FILE}",
            fix="give the folder that `prunescope sweep` printed",
        )
    how = _how(request)
    grid = studyfolder.load_grid(request.study)
    found = ordered.read(grid, Store(request.study), axis=request.axis, reading=request.reading)
    if not found:
        raise EvidenceError(
            f"{request.study} has no finished step with {request.reading}",
            fix=f"name a reading of its probes, or let it run: prunescope sweep {request.study}",
        )
    return [ordered.judge(series, how) for series in found]


def _how(request: WarnRequest) -> How:
    from prunescope.studies.phase.ordered import How

    if request.null not in {"ar1", "phase"}:
        raise UsageError(f"--null is {request.null!r}, wanted ar1 or phase", fix="--null ar1")
    return How(
        window=request.window,
        bandwidth=request.bandwidth,
        null="ar1" if request.null == "ar1" else "phase",
        surrogates=request.surrogates,
        level=request.level,
        reverse=request.reverse,
        seed=request.seed,
    )


def _row(one: Judged) -> tuple[str, ...]:
    numbers = [text for indicator in (one.variance, one.autocorrelation) for text in _numbers(indicator)]
    return (one.series.name, str(len(one.series.places)), one.method, *numbers, one.verdict)


def _numbers(indicator: Indicator | None) -> tuple[str, str]:
    return ("n/a", "n/a") if indicator is None else (f"{indicator.tau:+.2f}", f"{indicator.p_value:.3f}")


def _as_json(request: WarnRequest, judged: Sequence[Judged], caveats: Sequence[str]) -> dict[str, Any]:
    asked = {name: value for name, value in asdict(request).items() if name not in {"study", "json"}}
    return {
        "schema_version": 1,
        "study": str(request.study),
        **asked,
        "series": [asdict(one) for one in judged],
        "caveats": list(caveats),
    }
