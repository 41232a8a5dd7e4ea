"""The answer of `prune`: a network under a mask."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from prunescope.api.wording import percent
from prunescope.report.common.asking import asks
from prunescope.report.steps.lines import NetworkFinding, notes
from prunescope.studies.steps.pruning import PruningQuestion, answer_pruning

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from prunescope.report.steps.explaining import MaskExplanation
    from prunescope.runs.files.runfile import Run
    from prunescope.runs.session import Session


@dataclass(frozen=True, kw_only=True, repr=False)
class Pruning(NetworkFinding):
    """A network, pruned."""

    found: Run
    """Everything of the run but its weights; with the mask."""
    session: Session = field(repr=False)

    @property
    def density(self) -> float:
        """Share of the prunable weights that are kept."""
        return float(self.found.facts["density"])

    def explain(self) -> MaskExplanation:
        """Return what the mask keeps of every layer, and which layers collapse."""
        from prunescope.report.steps.explaining import MaskExplanation
        from prunescope.studies.steps.explaining import explain_mask

        return MaskExplanation(found=explain_mask(self.found, self.session), run=self.run)

    def lines(self) -> Sequence[str]:
        """Return what was kept, of the prunable weights and of all."""
        facts = self.found.facts
        kept = f"kept {percent(self.density, 4)} of the prunable weights of {self.found.recipe.inputs[0]}"
        if "prunable" in facts:  # runs of earlier versions do not have it
            kept += f" ({facts['prunable']}, {percent(facts['prunable_share'], 2)} of all parameters)"
        whole = f"{percent(facts['whole_density'], 4)} of all parameters are left"
        recalibrated = ["BatchNorm re-estimated under the mask"] * ("recalibrate" in self.found.recipe.arguments)
        return [kept, whole, *recalibrated, *notes(self.found)]

    def rows(self) -> Sequence[Mapping[str, Any]]:
        """Return one row per layer: its weights, those that are kept, and its density."""
        kept = {} if self.found.mask is None else self.found.mask.kept
        counts = [(name, mask.numel(), int(mask.sum())) for name, mask in kept.items()]
        return [
            {"run": self.run, "layer": name, "weights": weights, "kept": left, "density": left / weights}
            for name, weights, left in counts
        ]


@asks(PruningQuestion)
def prune(question: PruningQuestion, session: Session) -> Pruning:
    """Prune a dense network to a density."""
    return find_pruning(question, session)


def find_pruning(question: PruningQuestion, session: Session) -> Pruning:
    """Answer a question in a session that is open."""
    return Pruning(found=answer_pruning(question, session), session=session)
