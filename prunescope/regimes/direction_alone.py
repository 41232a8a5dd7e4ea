"""The rule for pruned models without replicas: the direction of the better temperature, and no regime."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated

from prunescope.api import Advice, Diagnosis, Evidence, Option, Regime, RegimeRule
from prunescope.regimes.thresholds import CERTAINTY

NOT_MEASURED = "no replicas were retrained: the regime is not measured"

NO_SIGNAL = (
    "no signal of the direction: there is no sibling to compare with, and no recorded first drop of the learning rate"
)

WOULD_GIVE_ONE = (
    "briefly retrained siblings of this training at other temperatures (its snapshots, --family) would give a "
    "direction; so would a recorded training whose learning rate falls in steps"
)


@dataclass(frozen=True, kw_only=True)
class DirectionAlone(RegimeRule):
    """Direction from briefly retrained siblings and the recorded training; the regime is not measured."""

    direction: Annotated[float, Option("least probability of an advised direction", minimum=0, maximum=1)] = CERTAINTY

    needs = ()

    citations = ("zhou2023three",)

    def classify(self, evidence: Evidence) -> Diagnosis:
        """State the direction without a regime; abstain (unresolved) where it is not sure, or nothing shows one."""
        from prunescope.regimes.log_odds import load_calibration
        from prunescope.regimes.probable_direction import state_direction

        open_ = Diagnosis(regime=Regime.UNRESOLVED, advice=Advice.NONE, confidence=None, because=(NOT_MEASURED,))
        found = state_direction(open_, evidence, calibration=load_calibration(), certainty=self.direction)
        if found.hotter is None:
            because = (NO_SIGNAL, WOULD_GIVE_ONE, NOT_MEASURED)
            return replace(open_, because=because, next_buys=WOULD_GIVE_ONE)
        return found if found.advice is Advice.NONE else replace(found, regime=None)
