"""The interface of a rule: evidence in, a regime and advice out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from prunescope.api.interfaces.diagnosis import Diagnosis, Evidence


@dataclass(frozen=True, kw_only=True)
class Thresholds:
    """Where a rule with a gate on LMC draws the line between poorly connected replicas and connected ones."""

    epsilon: float
    """LMC below -epsilon is poorly connected; in units of the error."""
    low: float
    """Lower end of what epsilon may be."""
    high: float
    """Upper end of what epsilon may be."""
    pair_spread: float
    """Standard deviation of LMC between pairs, assumed where they are too few to show it."""
    certainty: float
    """The side is open below this probability."""
    learned: float
    """Replicas with a larger training error have not learned: they are not judged."""


class RegimeRule(ABC):
    """Turns evidence into a regime and advice. Pure: no torch, no files, no clock."""

    needs: ClassVar[tuple[str, ...]]
    """Readings it cannot do without, as "<probe>/<name>"."""

    citations: ClassVar[tuple[str, ...]] = ()
    """Publications of the method: keys of entries in `references.bib` of the plugin's package, or of prunescope's."""

    version: ClassVar[int] = 1

    @abstractmethod
    def classify(self, evidence: Evidence) -> Diagnosis:
        """Judge one model; abstain (Regime.UNRESOLVED) where the evidence does not suffice."""

    def thresholds(self) -> Thresholds | None:
        """Return the thresholds of its gate on LMC: what `select` and `tune` use, and diagrams and reports draw.

        None, the default: the rule has no such gate.
        """
        return None
