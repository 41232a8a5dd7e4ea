"""`prunescope diagnose`: the regime of a network's pruned versions, and which way to move the temperature."""

from __future__ import annotations

import json as json_text
import os
import tempfile
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prunescope.api import Advice, Regime
from prunescope.api.errors import PrunescopeError, StoreError, UsageError
from prunescope.cli.options import parsing
from prunescope.cli.terminal import console, costing, steps
from prunescope.cli.terminal.command import ExitCode, Output
from prunescope.plugins import registry
from prunescope.regimes import chosen
from prunescope.runs.recipe import run_of
from prunescope.studies.diagnosis import retraining as asking
from prunescope.studies.diagnosis import weights_alone

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prunescope.cli.commands.request import Request
    from prunescope.runs.store import Store
    from prunescope.studies.diagnosis.question import Answer, Question


def diagnose(request: Request) -> Output:
    """Say in which regime a network's pruned versions will be, and whether to raise or lower the temperature.

    Exit codes: 0 diagnosed; 1 only with --fail-on; 2 wrong usage or input; 3 the checkpoint does not fit the model;
    4 not enough evidence for a verdict; 70 a bug; 130 interrupted: the same command goes on from what was finished.
    """
    from prunescope.runs import pipeline
    from prunescope.studies.diagnosis import question

    parsing.check_output(request.report, (".html",), option="--report")
    _check_verdicts(request.fail_on)
    device, densities = steps.resolve_device(request.device), _densities(request)
    executor = costing.executor(request.executor, request.executor_option, workers=request.workers, device=device)
    with _store(request) as store:
        dense = _dense(request, store)
        if request.level == 0 or (request.data is None and parsing.inherited_source(dense, store) is None):
            values = asking.probe_values(parsing.pairs("--probe-option", request.probe_option), request.probe or ())
            probes = asking.probes(request.probe or (), values)
            return weights_alone.output(dense[0], store, as_json=request.json, probes=probes)
        asks, notes = _ask(request, store, dense=dense, densities=densities)
        answer = question.answer(asks)
        estimate = costing.estimate(answer.recipes[:-1], store, executor, device=device)
        if request.dry_run:
            return costing.output(estimate, executor, as_json=request.json, about=_about(answer))
        try:
            steps.complete(answer.recipes[:-1], store, executor.instance, device=device)
        except PrunescopeError as error:
            answer, lost = _without_failed(asks, answer, store, error)
            notes = (*notes, *lost)
        run_id = pipeline.perform(answer.diagnosis, store, device="cpu")
        return _tell(request, store, run_id, notes)


def _check_verdicts(words: list[str] | None) -> None:
    known = [*Advice, *Regime]
    for word in words or ():
        if word not in known:
            raise UsageError(f"--fail-on got {word!r}", fix=f"it wants one of: {', '.join(known)}")


def _densities(request: Request) -> tuple[float, ...]:
    """Return the densities to prune to: none for the single-checkpoint vote."""
    if request.density == "none" or request.level in (1, 2):
        return ()
    densities = parsing.numbers("--density", [request.density])
    if not densities:
        raise UsageError(f"--density got {request.density!r}", fix="it wants numbers, such as 0.05,0.1, or none")
    for density in densities:
        if not 0 < density < 1:
            raise UsageError(f"--density got {density:g}", fix="it wants the share that is kept: 0.1 keeps 10 %")
    return densities


@contextmanager
def _store(request: Request) -> Iterator[Store]:
    """Yield the study; for --dry-run one that sees its finished runs and writes elsewhere."""
    from prunescope.runs.store import Store

    store = parsing.open_store(request.study, allowed=request.trust, model=request.model, data=request.data)
    if not request.dry_run:
        yield store
        return
    with tempfile.TemporaryDirectory(prefix="prunescope-") as folder:
        shadow = Store(Path(folder), trust=store.trust)
        shadow.runs.mkdir()
        for path in store.runs.glob("[!.]*"):
            (shadow.runs / path.name).symlink_to(path.resolve())
        yield shadow


def _dense(request: Request, store: Store) -> tuple[str, ...]:
    """Return the runs of the dense model and of its other replicas, as many as the level uses."""
    if request.level == 2 and len(request.checkpoints) < 2:
        raise UsageError("--level 2 needs a second replica of the dense model", fix="name its checkpoint too")
    used = request.checkpoints[:1] if request.level in (0, 1) else request.checkpoints
    choices: dict[str, Any] = {"weights": request.weights, "model": request.model, "unsafe": request.unsafe_load}
    references = tuple(parsing.checkpoint(text, store, **choices) for text in used)
    if len(set(references)) < len(references):
        raise UsageError("the same checkpoint is given twice", fix="a replica is another training of the model")
    return references


def _without_failed(
    asks: Question, answer: Answer, store: Store, error: PrunescopeError
) -> tuple[Answer, tuple[str, ...]]:
    """Return an answer without the probes of the dense model that failed, and a note; the error if more did.

    What is asked of the densities stands on the replicas alone: it is not lost with the vote on the dense model.
    """
    from prunescope.studies.diagnosis import question

    missing = {recipe.id for recipe in answer.recipes[:-1] if not store.has(recipe.id)}
    failed = {recipe.plugin for recipe in answer.dense.probes if recipe.id in missing}
    if not answer.pruned or missing - {recipe.id for recipe in answer.dense.probes}:
        raise error
    rule = asks.dense_rule
    if rule is not None and failed.intersection(reading.partition("/")[0] for reading in rule.instance.needs):
        rule = None
    kept = tuple(probe for probe in asks.dense_probes if probe.plugin.name not in failed)
    note = f"without {', '.join(sorted(failed))} on the dense model: {error.message}"
    return question.answer(replace(asks, dense_probes=kept, dense_rule=rule)), (note,)


def _ask(
    request: Request, store: Store, *, dense: tuple[str, ...], densities: tuple[float, ...]
) -> tuple[Question, tuple[str, ...]]:
    """Return what the request asks, and what had to be assumed."""
    from prunescope.studies.diagnosis import question

    _check_unpruned(dense[0], store, densities)
    asked = asking.Asked(
        trainer=request.trainer,
        options=parsing.pairs("--trainer-option", request.trainer_option),
        epochs=request.retrain_epochs,
    )
    retraining = asking.retraining(store.read(run_of(dense[0])).facts.get("training", {}), asked)
    names = (*asking.REPLICA_PROBES, *(request.probe or ()))
    dense_names = (*asking.DENSE_PROBES, *(asking.PAIR_PROBES if len(dense) > 1 else ()), *(request.probe or ()))
    values = asking.probe_values(parsing.pairs("--probe-option", request.probe_option), (*names, *dense_names))
    asks = question.Question(
        dense=dense,
        data=parsing.source(request.data, dense, store, limit_batches=request.limit_batches),
        densities=densities,
        replicas=request.replicas,
        pruner=registry.make("pruners", request.pruner, parsing.pairs("--pruner-option", request.pruner_option)),
        trainer=retraining.trainer,
        replica_probes=asking.probes(names, values),
        dense_probes=asking.probes(dense_names, values),
        rule=chosen.rule(request.rule, request.rule_option, request.rules, network=_network(dense[0], store)),
        dense_rule=chosen.dense_rule(request.rules, network=_network(dense[0], store)),
        seed=request.seed,
    )
    return asks, retraining.notes if densities else ()


def _about(answer: Answer) -> dict[str, object]:
    """Say what a dry run would do: densities, replicas, retraining, probes."""
    found: dict[str, object] = {"densities": [step.density for step in answer.pruned]}
    for step in answer.pruned[:1]:
        trainer = registry.make("trainers", step.retrainings[0].plugin, step.retrainings[0].options)
        found["replicas"] = len(step.retrainings)
        found["retrain_with"] = trainer.plugin.name
        found["retrain_epochs"] = getattr(trainer.instance, "epochs", None)
        found["probes_of_replicas"] = [recipe.plugin for recipe in step.probes]
    return found | {"probes_of_the_dense_model": [recipe.plugin for recipe in answer.dense.probes]}


def _network(reference: str, store: Store) -> str | None:
    """Return the name of a checkpoint's network."""
    name: str | None = store.read(run_of(reference)).facts.get("model", {}).get("name")
    return name


def _check_unpruned(reference: str, store: Store, densities: tuple[float, ...]) -> None:
    """Refuse to prune a pruned model to a density it does not reach."""
    mask = store.load_weights(reference).mask
    if mask is not None and densities and max(densities) >= mask.density:
        raise UsageError(
            f"{reference} is pruned to density {mask.density:.4g} already: it cannot be pruned to {max(densities):g}",
            fix="diagnose the dense model it was pruned from, or ask for lower densities",
        )


def _tell(request: Request, store: Store, run_id: str, notes: tuple[str, ...]) -> Output:
    """Print the verdict, write the report, and choose the exit code."""
    from prunescope.report import diagnosis as reports

    made = reports.assemble(store, run_id)
    made = replace(made, warnings=(*notes, *made.warnings))
    console.show(reports.terminal(made))
    if request.report is not None:
        write_whole(request.report, reports.html(made))
        console.say(f"report: {request.report}")
    text = json_text.dumps(reports.as_json(made), indent=2, allow_nan=False) if request.json else run_id
    return Output(text=text, exit_code=_exit_code(store, run_id, request.fail_on))


def write_whole(path: Path, text: str) -> None:
    """Write a file so that it is there whole or not at all."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(path)
    except OSError as error:
        raise StoreError(f"cannot write {path}: {error.strerror or error}", fix="choose another place") from error
    finally:
        temporary.unlink(missing_ok=True)


def _exit_code(store: Store, run_id: str, failing: list[str] | None) -> int:
    """Return 1 for a verdict that --fail-on names, 4 where no density came to a verdict, else 0.

    The vote on the dense model counts where nothing else was asked: it answers another question.
    """
    verdicts = store.read(run_id).verdicts
    found = [verdict.diagnosis for verdict in verdicts if verdict.density < 1] or [
        verdict.diagnosis for verdict in verdicts
    ]
    if any(word in (diagnosis.advice, diagnosis.regime) for diagnosis in found for word in failing or ()):
        return ExitCode.FAILED_ON
    return ExitCode.EVIDENCE if all(diagnosis.regime is Regime.UNRESOLVED for diagnosis in found) else ExitCode.DONE
