"""`prunescope select`: which of several dense models to prune to one density."""

from __future__ import annotations

import json as json_text
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from prunescope.api.errors import UsageError
from prunescope.cli.options import case_parameters, parameters, parsing
from prunescope.cli.terminal import costing
from prunescope.cli.terminal.command import Output
from prunescope.regimes import chosen as ruling
from prunescope.report.common import console
from prunescope.studies.cases import family

if TYPE_CHECKING:
    from collections.abc import Sequence

    from prunescope.regimes.selection import Choice
    from prunescope.runs.recipe import Recipe
    from prunescope.runs.store import Store
    from prunescope.studies.cases.family import Setup
    from prunescope.studies.cases.measured import Measured


@dataclass(frozen=True, kw_only=True)
class SelectRequest:
    """What the user asks `select` for."""

    checkpoints: Annotated[
        list[str],
        typer.Argument(metavar="CHECKPOINT...", help="Two dense models or more: files, run ids, or ID@EPOCH."),
    ]
    density: case_parameters.Density
    full: Annotated[
        bool, typer.Option("--full", help="Retrain as long as was trained, too: it shows the regret of every choice.")
    ] = False
    data: parameters.DataOrInherited = None
    replicas: case_parameters.Replicas = 3
    pruner: case_parameters.Pruner = "magnitude"
    pruner_option: case_parameters.PrunerOption = None
    trainer: case_parameters.Trainer = None
    trainer_option: case_parameters.TrainerOption = None
    retrain_epochs: case_parameters.RetrainEpochs = None
    rules: case_parameters.Rules = None
    rule_option: case_parameters.RuleOption = None
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
    dry_run: case_parameters.DryRun = False
    trust: parameters.Trust = None
    study: parameters.Study = parameters.STUDY


def select(request: SelectRequest) -> Output:
    """Choose which of several dense models to prune: connected after pruning, then the best; prints its id.

    Every model is pruned, retrained as the first one was trained (on a compressed schedule), and measured. Algorithm 2
    of Zhou et al. (2023) takes the least test error among those with LMC >= -epsilon, Algorithm 2.1 the highest CKA.
    What plainer rules would have chosen stands beside them.
    """
    if len(request.checkpoints) < 2:
        raise UsageError("there is one model: nothing to choose from", fix="name two checkpoints or more")
    rule = ruling.rule("three-regime", parsing.pairs("--rule-option", request.rule_option), request.rules)
    asked = family.setup(request)
    store = parsing.open_store(request.study, allowed=request.trust, model=request.model, data=request.data)
    references = family.references(request.checkpoints, asked, store)
    first = references[0]
    answers = {reference: family.answer(reference, asked, store, like=first)[0] for reference in references}
    whole = references if request.full else ()
    full = {reference: family.answer(reference, asked, store, like=first, full=True)[0] for reference in whole}
    for note in family.answer(first, asked, store, like=first)[1]:
        console.say(f"note: {note}")
    recipes = [recipe for made in (*answers.values(), *full.values()) for recipe in made.recipes[:-1]]
    if request.dry_run:
        return _cost(recipes, asked, store, as_json=request.json)
    family.complete(recipes, asked, store)
    models = []
    for text, reference in zip(request.checkpoints, references, strict=True):
        made = answers[reference]
        found = family.measured(reference, made.pruned[0], made.dense, store, name=text, knob="epochs")
        if reference in full:
            end = full[reference]
            after = family.measured(reference, end.pruned[0], end.dense, store, name=text, knob="epochs")
            found = replace(found, final_error=after.test_error)
        models.append(found)
    return _told(models, dict(zip(request.checkpoints, references, strict=True)), rule.instance.epsilon, request)


def _cost(recipes: Sequence[Recipe], asked: Setup, store: Store, *, as_json: bool) -> Output:
    executor = costing.executor(asked.executor, asked.executor_option, workers=asked.workers, device=asked.device)
    estimate = costing.estimate(recipes, store, executor, device=asked.device)
    return costing.output(estimate, executor, as_json=as_json)


def _told(models: Sequence[Measured], references: dict[str, str], epsilon: float, request: SelectRequest) -> Output:
    from prunescope.regimes import selection

    found = selection.choices([model.member() for model in models], epsilon=epsilon)
    chosen = found[0]
    console.say(f"prune {chosen.member}, at density {request.density:g}: {chosen.because} ({chosen.rule})")
    console.show(console.table(("model", "LMC", "CKA", "test error", "before pruning"), list(map(_row, models))))
    console.show(console.table(("rule", "chooses", "regret", "because"), [_choice_row(choice) for choice in found]))
    if not request.full:
        console.say("regret is counted in the compressed retraining; --full counts it in the whole one")
    where = "" if request.study == parameters.STUDY else f" --study {request.study}"
    run = references[chosen.member]
    console.say(f"next: prunescope prune {request.pruner} {run} --density {request.density:g}{where}")
    text = _json(models, references, found, epsilon=epsilon) if request.json else references[chosen.member]
    return Output(text=text)


def _row(model: Measured) -> tuple[str, ...]:
    return (
        model.name,
        f"{model.lmc:+.4f}",
        "n/a" if model.cka is None else f"{model.cka:.4f}",
        _percent(model.test_error) + (f", full {_percent(model.final_error)}" if model.final_error is not None else ""),
        _percent(model.dense_error),
    )


def _choice_row(choice: Choice) -> tuple[str, ...]:
    return choice.rule, choice.member or "-", _percent(choice.regret), choice.because


def _percent(value: float | None) -> str:
    return "n/a" if value is None else f"{value:.2%}"


def _json(models: Sequence[Measured], references: dict[str, str], found: Sequence[Choice], *, epsilon: float) -> str:
    listed: list[dict[str, Any]] = [{**asdict(model.member()), "run": references[model.name]} for model in models]
    known = {
        "schema_version": 1,
        "density": models[0].density,
        "epsilon": epsilon,
        "chosen": references[found[0].member],
        "models": listed,
        "choices": [asdict(choice) for choice in found],
    }
    return json_text.dumps(known, indent=2, allow_nan=False)
