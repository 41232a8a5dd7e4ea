"""`prunescope advise`: raise, lower or keep the temperature of dense training, for one density."""

from __future__ import annotations

import json as json_text
from dataclasses import asdict, dataclass
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from prunescope.api import Advice, Regime
from prunescope.api.errors import EvidenceError, UsageError
from prunescope.cli.options import case_parameters, parameters, parsing
from prunescope.cli.terminal.command import ExitCode, Output
from prunescope.regimes import chosen
from prunescope.report.common import console
from prunescope.studies.cases import budgeted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from prunescope.plugins.registry import Loaded
    from prunescope.studies.cases.advising import Advised
    from prunescope.studies.cases.measured import Measured
    from prunescope.studies.grid.layout import Grid


@dataclass(frozen=True, kw_only=True)
class AdviseRequest:
    """What the user asks `advise` for."""

    target: Annotated[
        str,
        typer.Argument(metavar="STUDY|CHECKPOINT", help="Folder of a sweep, or a dense model: file, run id, ID@EPOCH."),
    ]
    density: case_parameters.Density
    at: Annotated[
        float | None,
        typer.Option(metavar="VALUE", help="Of a study: where the knob stands; all its values if left out."),
    ] = None
    budget: Annotated[
        str, typer.Option(metavar="RUNS|MINUTES", help="Of a checkpoint: trainings to spend (12), or time (10min).")
    ] = "8"
    knob: Annotated[
        str | None, typer.Option(metavar="NAME", help="Of a checkpoint: what to change, such as epochs or batch_size.")
    ] = None
    data: parameters.DataOrInherited = None
    replicas: case_parameters.Replicas = 3
    pruner: case_parameters.Pruner = "magnitude"
    pruner_option: case_parameters.PrunerOption = None
    trainer: case_parameters.Trainer = None
    trainer_option: case_parameters.TrainerOption = None
    retrain_epochs: case_parameters.RetrainEpochs = None
    rule: case_parameters.Rule = "three-regime"
    rule_option: case_parameters.RuleOption = None
    rules: case_parameters.Rules = None
    model: parameters.Model = None
    weights: parameters.Weights = None
    unsafe_load: parameters.UnsafeLoad = False
    seed: parameters.Seed = 0
    limit_batches: parameters.LimitBatches = None
    device: parameters.Device = "auto"
    workers: case_parameters.Workers = 0
    executor: case_parameters.Executor = "local"
    executor_option: case_parameters.ExecutorOption = None
    json: parameters.Json = False
    trust: parameters.Trust = None
    study: parameters.Study = parameters.STUDY


def advise(request: AdviseRequest) -> Output:
    """Say whether to raise, lower or keep the temperature before pruning to a density, which knob and by how much.

    On a study the answer comes from its finished cells, with the change of test error to expect. On a checkpoint it
    is bought within --budget, the cheapest evidence first: the model itself at this density, then one of its own
    snapshots, then a neighbour that is trained for it. Prints raise, lower, keep, or none.

    Exit codes: 0 advised; 2 wrong usage or input; 4 not enough evidence.
    """
    from prunescope.studies.grid import studyfolder

    rule = chosen.rule(request.rule, parsing.pairs("--rule-option", request.rule_option), request.rules)
    path = Path(request.target)
    if studyfolder.find(path).suffix == ".toml" and studyfolder.find(path).is_file():
        return _of_study(path, rule, request)
    found = budgeted.advise(request, rule)
    return told([found.advised], knob=found.knob, density=request.density, as_json=request.json, notes=found.notes)


def _of_study(path: Path, rule: Loaded, request: AdviseRequest) -> Output:
    from prunescope.studies.cases import advising, measured
    from prunescope.studies.grid import studyfolder

    folder = path if path.is_dir() else path.parent
    store = parsing.open_store(folder, allowed=request.trust)
    grid = studyfolder.load_grid(folder, at=studyfolder.find(path), trust=store.trust)
    models = measured.column(grid, store, density=request.density)
    if not models:
        raise EvidenceError(
            f"no cell of {folder} is finished at density {request.density:g}", fix=f"run: prunescope sweep {path}"
        )
    knob = grid.study.knob
    values = _values(grid, models, request.at)
    found = [advising.advise(models, value=value, knob=knob, rule=rule.instance) for value in values]
    return told(found, knob=knob, density=request.density, as_json=request.json)


def _values(grid: Grid, models: Sequence[Measured], at: float | None) -> list[float]:
    from prunescope.regimes.direction import hottest_first

    known = hottest_first(sorted({model.value for model in models}), knob=grid.study.knob)
    if at is not None and at not in known:
        listed = ", ".join(f"{value:g}" for value in known)
        raise UsageError(f"--at got {at:g}, which was not measured", fix=f"{grid.study.knob} has: {listed}")
    return known if at is None else [at]


def told(found: Sequence[Advised], *, knob: str, density: float, as_json: bool, notes: Sequence[str] = ()) -> Output:
    """Print the advice: a headline and reasons for one model, a table for several; words or JSON go to stdout."""
    for note in notes:
        console.say(f"note: {note}")
    if len(found) == 1:
        console.say(headline(found[0], knob=knob, density=density))
        for reason in found[0].because:
            console.say(f"  {reason}")
    else:
        console.say(f"density {density:g}, {knob} from the hottest to the coldest:")
        columns = (knob, "regime", "advice", "confidence", "to", "change of test error, 80 % interval")
        console.show(console.table(columns, [_row(advised) for advised in found]))
        _explain(found, knob=knob)
    silent = all(advised.advice is Advice.NONE for advised in found)
    words = "\n".join(f"{a.value:g} {a.advice}" for a in found) if len(found) > 1 else str(found[0].advice)
    text = _json(found, knob=knob, density=density, notes=notes) if as_json else words
    return Output(text=text, exit_code=ExitCode.EVIDENCE if silent else ExitCode.DONE)


def _explain(found: Sequence[Advised], *, knob: str) -> None:
    """Say under a table what the confidence is of, and for every abstention why, and what would decide."""
    if any(advised.confidence is not None for advised in found):
        console.say("confidence: that replicas are poorly connected (I) or connected (II), not that the advice helps")
    for advised in found:
        if advised.advice is Advice.NONE:
            console.say(f"no advice at {knob} {advised.value:g}: {advised.because[0]}")


def headline(advised: Advised, *, knob: str, density: float) -> str:
    """Return the advice as a sentence."""
    from prunescope.report.common import words

    told = {
        Advice.RAISE: "raise the temperature",
        Advice.LOWER: "lower the temperature",
        Advice.KEEP: "keep the temperature",
        Advice.NONE: "no advice",
    }
    of = words.SURE_OF[Regime(advised.regime)] if advised.regime in {*Regime} else ""
    sure = "" if advised.confidence is None else f", confidence {advised.confidence:.0%}{f' that {of}' if of else ''}"
    move = "" if advised.to is None else f": {knob} {advised.value:g} -> {advised.to:g}"
    change = "" if advised.change is None else f"; expected change of test error {_change(advised)}"
    return f"{told[advised.advice]} for density {density:g}{move} (regime {advised.regime}{sure}){change}"


def _row(advised: Advised) -> tuple[str, ...]:
    return (
        f"{advised.value:g}",
        advised.regime,
        str(advised.advice),
        "n/a" if advised.confidence is None else f"{advised.confidence:.0%}",
        "-" if advised.to is None else f"{advised.to:g}",
        _change(advised),
    )


def _change(advised: Advised) -> str:
    change = advised.change
    if change is None:
        return "n/a"
    return f"{change.mean:+.2%} [{change.low:+.2%}, {change.high:+.2%}], n = {change.n}"


def _known(value: float) -> float | None:
    """Return a number, or None where it is NaN: the value of a knob that the checkpoint does not tell."""
    return None if isnan(value) else value


def _json(found: Sequence[Advised], *, knob: str, density: float, notes: Sequence[str]) -> str:
    known: dict[str, Any] = {
        "schema_version": 1,
        "density": density,
        "knob": knob,
        "advice": [{**asdict(advised), "value": _known(advised.value)} for advised in found],
        "notes": list(notes),
    }
    return json_text.dumps(known, indent=2, allow_nan=False)
