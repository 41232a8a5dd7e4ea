"""What `advise` would measure and what that costs: a dry run, which measures nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from prunescope.runs.dry import keep_nothing
from prunescope.studies.cases.offers import (
    begin_purchase,
    describe_lack,
    describe_price,
    find_neighbours,
    lay_out_offer,
    price_offer,
    refuse_budget,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from prunescope.runs.recipe import Recipe
    from prunescope.runs.scheduling.cost import CostEstimate
    from prunescope.runs.session import Session
    from prunescope.studies.cases.offers import Offer, Purchase
    from prunescope.studies.cases.questions import AdviceQuestion

OF_A_STUDY = "nothing: advice on a study uses its finished cells"


@dataclass(frozen=True, kw_only=True)
class AdvicePlan:
    """What would be measured, within the budget, and what is left out."""

    estimate: CostEstimate
    trainings: int
    """Dense trainings and retrainings that are not finished."""
    measured: tuple[str, ...]
    """In words, in the order in which they are measured."""
    left_out: tuple[str, ...] = ()
    """Neighbours that the budget does not allow, or that cannot be trained."""
    assumed: tuple[str, ...] = ()
    """What has to be assumed of the retraining."""
    knob: str | None = None


def plan_advice(asked: AdviceQuestion, session: Session) -> AdvicePlan:
    """Return what the question would measure; EvidenceError where the budget does not allow the network itself."""
    with keep_nothing(session) as dry:
        if asked.imported is not None or asked.file is not None:
            return AdvicePlan(estimate=_estimate([], dry), trainings=0, measured=(OF_A_STUDY,))
        to = begin_purchase(asked, dry)
        first = lay_out_offer(to.here, to)
        if not _reserve(first, to):
            raise refuse_budget(asked)
        recipes, measured, left_out = _reserve_neighbours(to)
        itself = f"{to.here} at density {asked.density:g}: {asked.replicas} retrainings"
        return AdvicePlan(
            estimate=_estimate([*first.recipes, *recipes], dry),
            trainings=to.budget.spent,
            measured=(itself, *measured),
            left_out=tuple(left_out),
            assumed=first.notes,
            knob=to.knob,
        )


def _reserve_neighbours(to: Purchase) -> tuple[list[Recipe], list[str], list[str]]:
    """Return the steps of the neighbours that the budget allows, what they are, and what is left out."""
    found, why = find_neighbours(to)
    recipes: list[Recipe] = []
    measured: list[str] = []
    left_out = [f"a neighbour: {why}"] if why else []
    for one in found:
        offer = lay_out_offer(one.reference, to, training=one.recipe)
        if _reserve(offer, to):
            recipes += offer.recipes
            measured.append(describe_price(one, to))
        else:
            left_out.append(describe_lack(one, to))
    return recipes, measured, left_out


def _reserve(offer: Offer, to: Purchase) -> bool:
    """Take an offer from the budget; return whether the budget allows it."""
    runs, seconds = price_offer(offer, to)
    if not to.budget.allows(runs, seconds):
        return False
    to.budget.spent += runs
    to.budget.planned += seconds
    return True


def _estimate(recipes: Sequence[Recipe], session: Session) -> CostEstimate:
    from prunescope.runs.scheduling import cost

    return cost.estimate_cost(recipes, session.store, device=session.device_here)
