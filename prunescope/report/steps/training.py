"""The answer of `train`: a dense network."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from prunescope.api.wording import count_text
from prunescope.report.common.asking import asks
from prunescope.report.steps.lines import NetworkFinding, epoch_rows, last_epoch, notes
from prunescope.studies.steps.training import TrainingQuestion, answer_training

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from prunescope.runs.files.runfile import Run
    from prunescope.runs.session import Session


@dataclass(frozen=True, kw_only=True, repr=False)
class Training(NetworkFinding):
    """A dense network, trained."""

    found: Run
    """Everything of the run but its weights."""
    session: Session = field(repr=False)

    snapshots: tuple[str, ...]
    """Those that were asked for, "ID@EPOCH" each: any function takes them where it takes a network."""

    def lines(self) -> Sequence[str]:
        """Return the last epoch, the snapshots and the next command."""
        found = []
        if self.found.history:
            number = self.found.history[-1].number
            found.append(f"trained {count_text(number, 'epoch')}: {last_epoch(self.found.history)}")
        if self.snapshots:
            found.append(f"snapshots: {', '.join(self.snapshots)}")
        return [*found, *notes(self.found), f"next: prunescope diagnose {self.run}"]

    def rows(self) -> Sequence[Mapping[str, Any]]:
        """Return one row per epoch: learning rate, loss and error in training."""
        return epoch_rows(self.found)


@asks(TrainingQuestion)
def train(question: TrainingQuestion, session: Session) -> Training:
    """Train a dense network; what is finished in the study folder is not computed again."""
    return find_training(question, session)


def find_training(question: TrainingQuestion, session: Session) -> Training:
    """Answer a question in a session that is open."""
    trained = answer_training(question, session)
    return Training(found=trained.run, session=session, snapshots=tuple(trained.snapshots.values()))
