"""The answer of `retrain`: replicas of a pruned network."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prunescope.api.errors import UsageError
from prunescope.api.wording import count_text
from prunescope.report.common.asking import asks
from prunescope.report.steps.lines import LinesFinding, epoch_rows, last_epoch, notes
from prunescope.runs.files import runfile
from prunescope.studies.steps.retraining import RetrainingQuestion, answer_retraining

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from torch import nn

    from prunescope.runs.files.runfile import Run
    from prunescope.runs.session import Session


@dataclass(frozen=True, kw_only=True, repr=False)
class Retraining(LinesFinding):
    """A pruned network, retrained as often as there are replicas."""

    found: tuple[Run, ...]
    """Everything of the runs that are kept but their weights, by seed; of a soup, one."""
    session: Session = field(repr=False)
    replicas: tuple[Run, ...] = ()
    """All replicas, where they were made for a soup."""
    reason: str = ""
    """Why the soup was kept, or was not; "" where none was asked for."""

    @property
    def runs(self) -> tuple[str, ...]:
        """The ids of the replicas, which other functions take; they take this object, too."""
        return tuple(run.id for run in self.found)

    @property
    def run(self) -> str:
        """The id of the one replica; UsageError where there are several."""
        if len(self.found) > 1:
            raise UsageError(f"there are {count_text(len(self.found), 'replica')}", fix="choose one: .runs[0]")
        return self.found[0].id

    @property
    def study(self) -> Path:
        """The study folder."""
        return self.session.store.study

    def save(self, path: str | Path) -> Path:
        """Write the weights of the one replica to a file, .pt or .safetensors; return its path."""
        self.session.save_weights(self.run, Path(path))
        return Path(path)

    def networks(self) -> tuple[nn.Module, ...]:
        """Return every replica with its weights, on the CPU: copies at each call."""
        return tuple(map(self.session.build_network, self.runs))

    def lines(self) -> Sequence[str]:
        """Return the last epoch of each replica."""
        replicas = self.replicas or self.found
        trained = [f"seed {_seed(run)}: {last_epoch(run.history)}" for run in replicas if run.history]
        kept = [f"kept {self.found[0].id}: {self.reason}"] if self.reason else []
        return [*trained, *kept, *notes(self.found[0])]

    def as_json(self) -> dict[str, Any]:
        """Return the runs: recipe, provenance, history."""
        known = {"schema_version": 1, "runs": [runfile.run_as_json(run) for run in self.found]}
        if not self.reason:
            return known
        return known | {"replicas": [run.id for run in self.replicas], "kept_because": self.reason}

    def rows(self) -> Sequence[Mapping[str, Any]]:
        """Return one row per epoch of each replica: learning rate, loss and error in training."""
        return [row for run in self.replicas or self.found for row in epoch_rows(run)]


@asks(RetrainingQuestion)
def retrain(question: RetrainingQuestion, session: Session) -> Retraining:
    """Retrain a pruned network under its mask, as often as there are replicas.

    Replicas of a tiny network are trained together: the same numbers, up to rounding, in less time.
    """
    return find_retraining(question, session)


def find_retraining(question: RetrainingQuestion, session: Session) -> Retraining:
    """Answer a question in a session that is open."""
    answer = answer_retraining(question, session)
    replicas = answer.replicas if answer.reason else ()
    return Retraining(found=answer.runs, session=session, replicas=replicas, reason=answer.reason)


def _seed(run: Run) -> int:
    return int(run.recipe.arguments["seed"])
