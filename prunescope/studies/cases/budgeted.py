"""Advice on one checkpoint: evidence is bought one model at a time, the cheapest first, until the budget is spent."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from math import isnan
from time import monotonic
from typing import TYPE_CHECKING, Any

from prunescope.api import Advice
from prunescope.api.errors import EvidenceError, UsageError
from prunescope.api.knobs import HOTTER
from prunescope.cli.options import parsing
from prunescope.plugins import registry
from prunescope.report.common import console
from prunescope.runs.recipe import run_of
from prunescope.studies.cases import family

if TYPE_CHECKING:
    from collections.abc import Sequence

    from prunescope.cli.commands.advise import AdviseRequest
    from prunescope.plugins.registry import Loaded
    from prunescope.runs.recipe import Recipe
    from prunescope.runs.store import Store
    from prunescope.studies.cases.advising import Advised
    from prunescope.studies.cases.family import Setup
    from prunescope.studies.cases.measured import Measured
    from prunescope.studies.diagnosis.plan import DiagnosisSteps

FACTOR = 2.0
"""How far a neighbour is along the knob, and what is advised where no neighbour was measured."""


@dataclass(frozen=True, kw_only=True)
class Found:
    """The advice, the knob it is about, and what was spent or had to be assumed."""

    advised: Advised
    knob: str
    notes: tuple[str, ...]


@dataclass(kw_only=True)
class Purse:
    """What is left of the budget: trainings, or seconds since the command began."""

    runs: int | None
    seconds: float | None
    spent: int = 0
    started: float = field(default_factory=monotonic)

    def allows(self, runs: int, seconds: float) -> bool:
        """Whether so many trainings, estimated to take so long, are still within the budget."""
        if self.runs is not None:
            return self.spent + runs <= self.runs
        return self.seconds is None or monotonic() - self.started + seconds <= self.seconds


def purse(text: str) -> Purse:
    """Return the budget a text means.

    >>> purse("12").runs, purse("10min").seconds
    (12, 600.0)
    """
    number, minutes, _ = text.partition("min")
    try:
        if minutes:
            return Purse(runs=None, seconds=60 * float(number))
        return Purse(runs=int(number), seconds=None)
    except ValueError as error:
        raise UsageError(f"--budget got {text!r}", fix="it wants trainings (12) or minutes (10min)") from error


def advise(request: AdviseRequest, rule: Loaded) -> Found:
    """Measure the checkpoint at the density, then a neighbour if the budget allows, and advise."""
    from prunescope.studies.cases import advising

    asked, budget = family.setup(request), purse(request.budget)
    store = parsing.open_store(request.study, allowed=request.trust, model=request.model, data=request.data)
    (here,) = family.references([request.target], asked, store)
    knob = _knob(request.knob, family.knobs(here, store))
    first = _look(here, asked, store, budget, knob=knob, like=here)
    if first is None:
        raise EvidenceError(
            f"--budget {request.budget} does not pay for {request.replicas} retrainings",
            fix=f"give at least --budget {request.replicas}, or lower --replicas or --retrain-epochs",
        )
    value = first.value
    alone = advising.advise([first], value=value, knob=knob, rule=rule.instance)
    other, notes = _neighbour(here, alone.advice, asked, store, budget, knob=knob)
    models = [first, *([other] if other is not None else [])]
    found = advising.advise(models, value=value, knob=knob, rule=rule.instance)
    if found.to is None and found.advice in (Advice.RAISE, Advice.LOWER) and not isnan(value):
        found = replace(found, to=moved(value, found.advice, knob=knob))
        notes = (*notes, f"{knob} by a factor of {FACTOR:g} is a first step, not a measured optimum")
    return Found(advised=found, knob=knob, notes=(*notes, f"trainings spent: {budget.spent}"))


def moved(value: float, advice: Advice, *, knob: str) -> float:
    """Return the value a factor hotter or colder; whole numbers stay whole.

    >>> moved(80, Advice.RAISE, knob="epochs"), moved(0.1, Advice.RAISE, knob="learning_rate")
    (40, 0.2)
    """
    sign = HOTTER[knob] * (1 if advice is Advice.RAISE else -1)
    found = value * FACTOR if sign > 0 else value / FACTOR
    return max(1, round(found)) if float(value).is_integer() and knob in ("epochs", "batch_size") else found


def _knob(asked: str | None, known: dict[str, float]) -> str:
    if asked is not None:
        if asked.replace("-", "_") not in HOTTER:
            raise UsageError(f"--knob got {asked!r}", fix=f"it wants one of: {', '.join(HOTTER)}")
        return asked.replace("-", "_")
    return next((name for name in HOTTER if name in known), "epochs")


def _look(reference: str, asked: Setup, store: Store, budget: Purse, *, knob: str, like: str) -> Measured | None:
    """Prune, retrain and measure one dense model; None where the budget does not allow it."""
    answer, notes = family.answer(reference, asked, store, like=like)
    for note in notes if reference == like else ():
        console.say(f"note: {note}")
    if not _paid(answer.recipes[:-1], asked, store, budget):
        return None
    return _measured(reference, answer, store, knob=knob)


def _measured(reference: str, answer: DiagnosisSteps, store: Store, *, knob: str) -> Measured:
    return family.measured(reference, answer.pruned[0], answer.dense, store, name=reference, knob=knob)


def _paid(recipes: Sequence[Recipe], asked: Setup, store: Store, budget: Purse) -> bool:
    """Run the steps if the budget allows; what is finished costs nothing."""
    from prunescope.runs.scheduling import cost, scheduler

    runs = sum(recipe.step in ("train", "retrain") for recipe in scheduler.pending(recipes, store))
    seconds = cost.estimate(recipes, store, device=asked.device).seconds if budget.seconds is not None else 0.0
    if not budget.allows(runs, seconds):
        return False
    family.complete(recipes, asked, store)
    budget.spent += runs
    return True


def _neighbour(
    here: str, advice: Advice, asked: Setup, store: Store, budget: Purse, *, knob: str
) -> tuple[Measured | None, tuple[str, ...]]:
    """Return a neighbour on the side that the advice names: a snapshot of the same run, else one trained for it."""
    wanted = advice if advice in (Advice.RAISE, Advice.LOWER) else Advice.RAISE
    snapshot = _snapshot(here, wanted, store) if knob == "epochs" else None
    if snapshot is not None:
        found = _look(snapshot, asked, store, budget, knob=knob, like=here)
        told = f"compared with the snapshot {snapshot}" if found else "the budget does not reach to a snapshot"
        return found, (told,)
    return _trained(here, wanted, asked, store, budget, knob=knob)


def _snapshot(here: str, advice: Advice, store: Store) -> str | None:
    """Return the snapshot of the same dense run nearest to the next step; one on the other side where none lies there.

    A model of the end of its run has hotter snapshots only: that CKA rises towards it is what they can show.
    """
    run = store.read(run_of(here))
    own = family.knobs(here, store).get("epochs")
    names = [name.removesuffix(".safetensors") for name in run.weights]
    epochs = {float(name.partition("@")[2]): name for name in names if "@" in name}
    if own is None or not epochs.keys() - {own}:
        return None
    aim = moved(own, advice, knob="epochs")
    side = [value for value in epochs if (value - own) * (aim - own) > 0] or list(epochs.keys() - {own})
    return epochs[min(side, key=lambda value: abs(value - aim))]


def _trained(
    here: str, advice: Advice, asked: Setup, store: Store, budget: Purse, *, knob: str
) -> tuple[Measured | None, tuple[str, ...]]:
    """Train a dense neighbour as the checkpoint was trained but for the knob, and measure it."""
    recipe, why = _training(here, advice, asked, store, knob=knob)
    if recipe is None:
        return None, (f"no neighbour was trained: {why}",)
    runs = asked.replicas + (not store.has(recipe.id))
    if not budget.allows(runs, 0.0) or not _paid([recipe], asked, store, budget):
        return None, (f"no neighbour was trained: it takes {runs} more trainings than the budget has left",)
    found = _look(recipe.id, asked, store, budget, knob=knob, like=here)
    return found, (_compared(recipe.id, here, store, knob=knob),)


def _compared(other: str, here: str, store: Store, *, knob: str) -> str:
    """Say which neighbour was trained, and on which side of the checkpoint it lies."""
    value, own = (family.knobs(reference, store)[knob] for reference in (other, here))
    side = "hotter" if (value - own) * HOTTER[knob] > 0 else "colder"
    name = knob.replace("_", " ")
    return f"compared with {other}, trained {side}: {name} {value:g} instead of {own:g}"


def _training(here: str, advice: Advice, asked: Setup, store: Store, *, knob: str) -> tuple[Recipe | None, str]:
    """Return the recipe of a neighbour's training, or why there is none."""
    from prunescope.networks.spec import ModelSpec
    from prunescope.plugins import options
    from prunescope.runs import plan

    facts: dict[str, Any] = dict(store.read(run_of(here)).facts)
    training, optimizer = dict(facts.get("training", {})), facts.get("training", {}).get("optimizer")
    value = family.knobs(here, store).get(knob)
    if optimizer not in {plugin.name for plugin in registry.find("trainers")} or value is None:
        return None, "the checkpoint does not say how it was trained"
    known = {found.name for found in options.fields(registry.get("trainers", optimizer).load())}
    if knob not in known:
        return None, f"its trainer {optimizer} has no option {knob}"
    settings = {name: setting for name, setting in training.items() if name in known and setting is not None}
    trainer = registry.make("trainers", optimizer, settings | {knob: moved(value, advice, knob=knob)})
    data = parsing.source(asked.data, [here], store, limit_batches=asked.limit_batches)
    model = ModelSpec.from_json(facts["model"], trust=store.trust)
    return plan.train(trainer=trainer, model=model, data=data, seed=asked.seed), ""
