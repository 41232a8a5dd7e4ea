"""Advice on one network: evidence is bought one model at a time, the cheapest first, until the budget is spent."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import isnan
from typing import TYPE_CHECKING, Any

from prunescope.api import Advice
from prunescope.studies.cases.advising import advise_model
from prunescope.studies.cases.family import measure_member
from prunescope.studies.cases.neighbours import FACTOR, moved
from prunescope.studies.cases.offers import (
    begin_purchase,
    describe_lack,
    describe_price,
    find_neighbours,
    lay_out_offer,
    price_offer,
    refuse_budget,
)
from prunescope.studies.diagnosis.family import first_drop

if TYPE_CHECKING:
    from prunescope.api import RegimeRule
    from prunescope.runs.session import Session
    from prunescope.studies.cases.advising import Advised
    from prunescope.studies.cases.measured import MeasuredModel
    from prunescope.studies.cases.offers import Offer, Purchase
    from prunescope.studies.cases.questions import AdviceQuestion


@dataclass(frozen=True, kw_only=True)
class Bought:
    """The advice, the knob it is about, and what was spent or had to be assumed."""

    advised: Advised
    knob: str
    notes: tuple[str, ...]
    probes: tuple[str, ...]
    """The runs that hold the readings."""


def advise_within_budget(asked: AdviceQuestion, rule: RegimeRule, session: Session) -> Bought:
    """Measure the network at the density, then its neighbours as far as the budget allows, and advise."""
    to = begin_purchase(asked, session)
    offer = lay_out_offer(to.here, to)
    for note in offer.notes:
        session.note(f"note: {note}")
    first = _buy(offer, to)
    if first is None:
        raise refuse_budget(asked)
    value = first.value
    drop = first_drop([to.here], session) if to.knob == "epochs" else None
    given: dict[str, Any] = {"knob": to.knob, "rule": rule, "first_drop": drop, "certainty": asked.certainty}
    others, notes = _buy_neighbours(to)
    found = advise_model([first, *others], value=value, **given)
    if found.to is None and found.advice in (Advice.RAISE, Advice.LOWER) and not isnan(value):
        found = replace(found, to=moved(value, found.advice, knob=to.knob))
        notes = (*notes, f"{to.knob} by a factor of {FACTOR:g} is a first step, not a measured optimum")
    notes = (*notes, f"trainings spent: {to.budget.spent}")
    return Bought(advised=found, knob=to.knob, notes=notes, probes=tuple(to.probes))


def _buy(offer: Offer, to: Purchase) -> MeasuredModel | None:
    """Run the steps of an offer if the budget allows, and return what they measured; what is finished costs nothing."""
    runs, seconds = price_offer(offer, to)
    if not to.budget.allows(runs, seconds):
        return None
    to.session.estimate(offer.recipes)
    to.session.complete(offer.recipes)
    to.budget.spent += runs
    to.probes.extend(recipe.id for recipe in offer.recipes if recipe.step == "probe")
    return measure_member(offer.reference, offer.steps, to.session, name=offer.reference, knob=to.knob)


def _buy_neighbours(to: Purchase) -> tuple[list[MeasuredModel], tuple[str, ...]]:
    """Return neighbours, the cheapest first, as far as the budget allows; and what each costs."""
    found, why = find_neighbours(to)
    notes = [f"no neighbour was trained: {why}"] if why else []
    models = []
    for one in found:
        to.session.note(f"neighbour: {describe_price(one, to)}")
        bought = _buy(lay_out_offer(one.reference, to, training=one.recipe), to)
        models += [replace(bought, value=one.value)] if bought is not None else []
        notes.append(f"compared with {one.words}" if bought is not None else describe_lack(one, to))
    return models, tuple(notes)
