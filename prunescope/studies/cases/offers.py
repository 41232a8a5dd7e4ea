"""What it takes to measure the network that advice is asked for, and its neighbours; planned and bought alike."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from prunescope.api import Advice
from prunescope.api.errors import EvidenceError, UsageError
from prunescope.api.knobs import KNOBS, find_knob
from prunescope.api.wording import count_text
from prunescope.runs.opening import open_data
from prunescope.studies.cases.family import lay_out_member, open_members, read_knobs
from prunescope.studies.cases.neighbours import list_neighbours
from prunescope.studies.cases.purse import purse

if TYPE_CHECKING:
    from prunescope.runs.recipe import Recipe
    from prunescope.runs.session import Session
    from prunescope.studies.cases.neighbours import Neighbour
    from prunescope.studies.cases.purse import Purse
    from prunescope.studies.cases.questions import AdviceQuestion
    from prunescope.studies.diagnosis.plan import DiagnosisSteps


@dataclass(frozen=True, kw_only=True)
class Purchase:
    """What all offers share."""

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


@dataclass(frozen=True, kw_only=True)
class Offer:
    """One network and the steps that measure it."""

    reference: str
    steps: DiagnosisSteps
    """Of pruning, retraining and measuring."""
    recipes: tuple[Recipe, ...]
    """The same without the judgement; the training of the network first, where it is still to be trained."""
    notes: tuple[str, ...]
    """What had to be assumed."""


def begin_purchase(asked: AdviceQuestion, session: Session) -> Purchase:
    """Return the budget, the network and the knob that a question is about; UsageError for what is none."""
    budget = purse(asked.budget)
    (here,) = open_members([asked.target], asked, session)
    knob = _knob(asked.knob, read_knobs(here, session))
    return Purchase(asked=asked, session=session, budget=budget, here=here, knob=knob)


def lay_out_offer(reference: str, to: Purchase, *, training: Recipe | None = None) -> Offer:
    """Return what it takes to measure a network; training: the step that makes it, where it is not there."""
    steps, notes = lay_out_member(reference, to.asked, to.session, like=to.here)
    first = () if training is None else (training,)
    return Offer(reference=reference, steps=steps, recipes=(*first, *steps.recipes[:-1]), notes=notes)


def find_neighbours(to: Purchase) -> tuple[tuple[Neighbour, ...], str]:
    """Return the neighbours, the cheapest first and one on each side, and why one is missing."""
    data = open_data(to.asked.data, [to.here], to.session, limit_batches=to.asked.limit_batches)
    return list_neighbours(to.here, to.session, knob=to.knob, value=to.value, data=data, seed=to.asked.seed)


def price_offer(offer: Offer, to: Purchase) -> tuple[int, float]:
    """Return the trainings that an offer takes beyond those finished, and the seconds; 0 where only runs count."""
    from prunescope.runs.scheduling import cost

    runs = sum(recipe.step in ("train", "retrain") for recipe in to.session.unfinished(offer.recipes))
    if to.budget.seconds is None:
        return runs, 0.0
    return runs, cost.estimate_cost(offer.recipes, to.session.store, device=to.session.device_here).seconds


def describe_price(one: Neighbour, to: Purchase) -> str:
    """Return what a neighbour is and costs, in words."""
    dense = f"{count_text(one.epochs, 'epoch')} of dense training" if one.epochs else "no dense training"
    return f"{one.words}; it costs {dense} and {to.asked.replicas} retrainings"


def describe_lack(one: Neighbour, to: Purchase) -> str:
    """Return which neighbour the budget does not allow, in words."""
    side = "hotter" if one.side is Advice.RAISE else "colder"
    runs = to.asked.replicas + (one.recipe is not None and not to.session.store.has(one.recipe.id))
    took = f"it takes {runs} more trainings than the rest of the budget"
    return f"no {side} neighbour: {took} ({describe_price(one, to)})"


def refuse_budget(asked: AdviceQuestion) -> EvidenceError:
    """Return the error for a budget that the network itself exceeds."""
    return EvidenceError(
        f"--budget {asked.budget} is too small for {asked.replicas} retrainings",
        fix=f"give at least --budget {asked.replicas}, or lower --replicas or --retrain-epochs",
    )


def _knob(asked: str | None, known: dict[str, float]) -> str:
    if asked is not None:
        found = find_knob(asked)
        if found is None:
            raise UsageError(f"--knob got {asked!r}", fix=f"it requires one of: {', '.join(KNOBS)}")
        return found.name
    return next((name for name in KNOBS if name in known), "epochs")
