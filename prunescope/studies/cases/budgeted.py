"""Advice on one network: evidence is bought one model at a time, the cheapest first, until the budget is spent."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from math import isnan
from time import monotonic
from typing import TYPE_CHECKING, Any

from prunescope.api import Advice
from prunescope.api.errors import EvidenceError, UsageError
from prunescope.api.knobs import KNOBS, find_knob, knob_words
from prunescope.plugins import registry
from prunescope.runs.opening import open_data
from prunescope.runs.recipe import run_of
from prunescope.studies.cases.advising import advise_model
from prunescope.studies.cases.family import lay_out_member, measure_member, open_members, read_knobs
from prunescope.studies.diagnosis.family import first_drop

if TYPE_CHECKING:
    from collections.abc import Sequence

    from prunescope.api import RegimeRule
    from prunescope.runs.recipe import Recipe
    from prunescope.runs.session import Session
    from prunescope.studies.cases.advising import Advised
    from prunescope.studies.cases.measured import MeasuredModel
    from prunescope.studies.cases.questions import AdviceQuestion

FACTOR = 2.0
"""How far a neighbour is along the knob, and what is advised where no neighbour was measured."""


@dataclass(frozen=True, kw_only=True)
class Bought:
    """The advice, the knob it is about, and what was spent or had to be assumed."""

    advised: Advised
    knob: str
    notes: tuple[str, ...]
    probes: tuple[str, ...]
    """The runs that hold the readings."""


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


def purse(budget: str | int) -> Purse:
    """Return the budget that a number or a text means.

    >>> purse(12).runs, purse("12").runs, purse("10min").seconds
    (12, 12, 600.0)
    """
    number, minutes, _ = str(budget).partition("min")
    try:
        if minutes:
            return Purse(runs=None, seconds=60 * float(number))
        return Purse(runs=int(number), seconds=None)
    except ValueError as error:
        raise UsageError(f"--budget got {budget!r}", fix="it requires trainings (12) or minutes (10min)") from error


@dataclass(frozen=True, kw_only=True)
class Purchase:
    """What all looks at models share."""

    asked: AdviceQuestion
    session: Session
    budget: Purse
    here: str
    """The model that is asked about: all others are retrained as it was trained."""
    knob: str
    probes: list[str] = field(default_factory=list)
    """Ids of the probes of every look so far."""

    @property
    def value(self) -> float | None:
        """Of the knob of the model that is asked about, where known."""
        return read_knobs(self.here, self.session).get(self.knob)


def advise_within_budget(asked: AdviceQuestion, rule: RegimeRule, session: Session) -> Bought:
    """Measure the network at the density, then a neighbour if the budget allows, and advise."""
    budget = purse(asked.budget)
    (here,) = open_members([asked.target], asked, session)
    knob = _knob(asked.knob, read_knobs(here, session))
    to = Purchase(asked=asked, session=session, budget=budget, here=here, knob=knob)
    first = _look(here, to)
    if first is None:
        raise EvidenceError(
            f"--budget {asked.budget} is too small for {asked.replicas} retrainings",
            fix=f"give at least --budget {asked.replicas}, or lower --replicas or --retrain-epochs",
        )
    value = first.value
    drop = first_drop([here], session) if knob == "epochs" else None
    given: dict[str, Any] = {"knob": knob, "rule": rule, "first_drop": drop, "certainty": asked.certainty}
    other, notes = _neighbour(to, advise_model([first], value=value, **given).advice)
    models = [first, *([other] if other is not None else [])]
    found = advise_model(models, value=value, **given)
    if found.to is None and found.advice in (Advice.RAISE, Advice.LOWER) and not isnan(value):
        found = replace(found, to=moved(value, found.advice, knob=knob))
        notes = (*notes, f"{knob} by a factor of {FACTOR:g} is a first step, not a measured optimum")
    notes = (*notes, f"trainings spent: {budget.spent}")
    return Bought(advised=found, knob=knob, notes=notes, probes=tuple(to.probes))


def moved(value: float, advice: Advice, *, knob: str) -> float:
    """Return the value a factor hotter or colder; whole numbers stay whole.

    >>> moved(80, Advice.RAISE, knob="epochs"), moved(0.1, Advice.RAISE, knob="learning_rate")
    (40, 0.2)
    """
    sign = KNOBS[knob].hotter * (1 if advice is Advice.RAISE else -1)
    found = value * FACTOR if sign > 0 else value / FACTOR
    return max(1, round(found)) if float(value).is_integer() and KNOBS[knob].whole else found


def _knob(asked: str | None, known: dict[str, float]) -> str:
    if asked is not None:
        found = find_knob(asked)
        if found is None:
            raise UsageError(f"--knob got {asked!r}", fix=f"it requires one of: {', '.join(KNOBS)}")
        return found.name
    return next((name for name in KNOBS if name in known), "epochs")


def _look(reference: str, to: Purchase) -> MeasuredModel | None:
    """Prune, retrain and measure one dense model; None where the budget does not allow it."""
    steps, notes = lay_out_member(reference, to.asked, to.session, like=to.here)
    for note in notes if reference == to.here else ():
        to.session.note(f"note: {note}")
    recipes = steps.recipes[:-1]
    if not _pay(recipes, to):
        return None
    to.probes.extend(recipe.id for recipe in recipes if recipe.step == "probe")
    return measure_member(reference, steps, to.session, name=reference, knob=to.knob)


def _pay(recipes: Sequence[Recipe], to: Purchase) -> bool:
    """Run the steps if the budget allows; what is finished costs nothing."""
    from prunescope.runs.scheduling import cost

    runs = sum(recipe.step in ("train", "retrain") for recipe in to.session.unfinished(recipes))
    timed = to.budget.seconds is not None
    seconds = cost.estimate_cost(recipes, to.session.store, device=to.session.device_here).seconds if timed else 0.0
    if not to.budget.allows(runs, seconds):
        return False
    to.session.estimate(recipes)
    to.session.complete(recipes)
    to.budget.spent += runs
    return True


def _neighbour(to: Purchase, advice: Advice) -> tuple[MeasuredModel | None, tuple[str, ...]]:
    """Return a neighbour on the side that the advice names: a snapshot of the same run, else one trained for it."""
    wanted = advice if advice in (Advice.RAISE, Advice.LOWER) else Advice.RAISE
    snapshot = _snapshot(to, wanted) if to.knob == "epochs" else None
    if snapshot is not None:
        found = _look(snapshot, to)
        note = f"compared with the snapshot {snapshot}" if found else "the budget is too small for a snapshot"
        return found, (note,)
    return _trained(to, wanted)


def _snapshot(to: Purchase, advice: Advice) -> str | None:
    """Return the snapshot of the same dense run nearest to the next step; one on the other side where none lies there.

    A model of the end of its run has hotter snapshots only: that CKA rises towards it is what they can show.
    """
    run, own = to.session.read(run_of(to.here)), to.value
    names = [name.removesuffix(".safetensors") for name in run.weights]
    epochs = {float(name.partition("@")[2]): name for name in names if "@" in name}
    if own is None or not epochs.keys() - {own}:
        return None
    aim = moved(own, advice, knob="epochs")
    side = [value for value in epochs if (value - own) * (aim - own) > 0] or list(epochs.keys() - {own})
    return epochs[min(side, key=lambda value: abs(value - aim))]


def _trained(to: Purchase, advice: Advice) -> tuple[MeasuredModel | None, tuple[str, ...]]:
    """Train a dense neighbour as the network was trained but for the knob, and measure it."""
    recipe, why = _training(to, advice)
    if recipe is None:
        return None, (f"no neighbour was trained: {why}",)
    runs = to.asked.replicas + (not to.session.store.has(recipe.id))
    if not to.budget.allows(runs, 0.0) or not _pay([recipe], to):
        return None, (f"no neighbour was trained: it takes {runs} more trainings than the rest of the budget",)
    found = _look(recipe.id, to)
    return found, (_compared(recipe.id, to),)


def _compared(other: str, to: Purchase) -> str:
    """Return which neighbour was trained, and on which side of the network it lies."""
    value, own = (read_knobs(reference, to.session)[to.knob] for reference in (other, to.here))
    side = "hotter" if (value - own) * KNOBS[to.knob].hotter > 0 else "colder"
    name = knob_words(to.knob)
    return f"compared with {other}, trained {side}: {name} {value:g} instead of {own:g}"


def _training(to: Purchase, advice: Advice) -> tuple[Recipe | None, str]:
    """Return the recipe of a neighbour's training, or why there is none."""
    from prunescope.networks.spec import ModelSpec
    from prunescope.plugins import options
    from prunescope.runs import plan

    facts: dict[str, Any] = dict(to.session.read(run_of(to.here)).facts)
    training, optimizer = dict(facts.get("training", {})), facts.get("training", {}).get("optimizer")
    value = to.value
    if optimizer not in {plugin.name for plugin in registry.find_plugins("trainers")} or value is None:
        return None, "the checkpoint does not record its training"
    known = {found.name for found in options.fields(registry.get("trainers", optimizer).load())}
    if to.knob not in known:
        return None, f"its trainer {optimizer} has no option {to.knob}"
    settings = {name: setting for name, setting in training.items() if name in known and setting is not None}
    try:
        trainer = registry.make("trainers", optimizer, settings | {to.knob: moved(value, advice, knob=to.knob)})
    except UsageError as error:  # the knob ends before the next step
        return None, error.message
    data = open_data(to.asked.data, [to.here], to.session, limit_batches=to.asked.limit_batches)
    model = ModelSpec.from_json(facts["model"], trust=to.session.store.trust)
    return plan.training_recipe(trainer=trainer, model=model, data=data, seed=to.asked.seed), ""
