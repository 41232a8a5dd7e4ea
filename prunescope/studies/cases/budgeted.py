"""Advice on one network: evidence is bought one model at a time, the cheapest first, until the budget is spent."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from math import isnan
from time import monotonic
from typing import TYPE_CHECKING, Any

from prunescope.api import Advice
from prunescope.api.errors import EvidenceError, UsageError
from prunescope.api.knobs import KNOBS, find_knob
from prunescope.runs.opening import open_data
from prunescope.studies.cases.advising import advise_model
from prunescope.studies.cases.family import lay_out_member, measure_member, open_members, read_knobs
from prunescope.studies.cases.neighbours import FACTOR, list_neighbours, moved
from prunescope.studies.diagnosis.family import first_drop

if TYPE_CHECKING:
    from collections.abc import Sequence

    from prunescope.api import RegimeRule
    from prunescope.runs.recipe import Recipe
    from prunescope.runs.session import Session
    from prunescope.studies.cases.advising import Advised
    from prunescope.studies.cases.measured import MeasuredModel
    from prunescope.studies.cases.neighbours import Neighbour
    from prunescope.studies.cases.questions import AdviceQuestion


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
    """Measure the network at the density, then its neighbours as far as the budget allows, and advise."""
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
    others, notes = _family(to)
    found = advise_model([first, *others], value=value, **given)
    if found.to is None and found.advice in (Advice.RAISE, Advice.LOWER) and not isnan(value):
        found = replace(found, to=moved(value, found.advice, knob=knob))
        notes = (*notes, f"{knob} by a factor of {FACTOR:g} is a first step, not a measured optimum")
    notes = (*notes, f"trainings spent: {budget.spent}")
    return Bought(advised=found, knob=knob, notes=notes, probes=tuple(to.probes))


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


def _family(to: Purchase) -> tuple[list[MeasuredModel], tuple[str, ...]]:
    """Return neighbours, the cheapest first and one on each side, as far as the budget allows; and what each costs."""
    data = open_data(to.asked.data, [to.here], to.session, limit_batches=to.asked.limit_batches)
    found, why = list_neighbours(to.here, to.session, knob=to.knob, value=to.value, data=data, seed=to.asked.seed)
    notes = [f"no neighbour was trained: {why}"] if why else []
    models = []
    for one in found:
        to.session.note(f"neighbour: {_price(one, to)}")
        bought = _bought(one, to)
        models += [bought] if bought is not None else []
        notes.append(f"compared with {one.words}" if bought is not None else _too_dear(one, to))
    return models, tuple(notes)


def _price(one: Neighbour, to: Purchase) -> str:
    """Return what a neighbour is and costs, in words."""
    dense = f"{one.epochs} epochs of dense training" if one.epochs else "no dense training"
    return f"{one.words}; it costs {dense} and {to.asked.replicas} retrainings"


def _too_dear(one: Neighbour, to: Purchase) -> str:
    side = "hotter" if one.side is Advice.RAISE else "colder"
    runs = to.asked.replicas + (one.recipe is not None and not to.session.store.has(one.recipe.id))
    took = f"it takes {runs} more trainings than the rest of the budget"
    return f"no {side} neighbour: {took} ({_price(one, to)})"


def _bought(one: Neighbour, to: Purchase) -> MeasuredModel | None:
    """Train a neighbour where it is not there, and measure it; None where the budget does not allow both."""
    if one.recipe is not None:
        runs = to.asked.replicas + (not to.session.store.has(one.recipe.id))
        if not to.budget.allows(runs, 0.0) or not _pay([one.recipe], to):
            return None
    found = _look(one.reference, to)
    return None if found is None else replace(found, value=one.value)
