"""The answers of `sweep`: how it ended, or every step and how far it is."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from prunescope.api.wording import count_text, verb_text
from prunescope.report.common import console
from prunescope.report.common.asking import asks
from prunescope.report.common.costs import Cost, cost_of
from prunescope.report.common.finding import Finding
from prunescope.runs.coordinates import Readings
from prunescope.studies.grid.question import SweepQuestion
from prunescope.studies.grid.sweeping import STATES, StepStates, Swept, answer_sweep

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from rich.console import RenderableType

    from prunescope.runs.session import Session


@dataclass(frozen=True, kw_only=True, repr=False)
class Sweep(Finding):
    """How a sweep ended; `report` takes it as its study."""

    answer: Swept
    study: Path
    """The study folder."""
    readings: Readings

    @property
    def unfinished(self) -> int:
        """Number of steps that failed, were skipped, or are no longer there."""
        return len(self.answer.named) - self.answer.finished

    @property
    def failed(self) -> Mapping[str, str]:
        """Name of a step that failed -> why."""
        names = self._names()
        return {names[outcome.id]: outcome.error.partition("\n")[0] for outcome in self.answer.failed}

    def lines(self) -> Sequence[str]:
        """Return how long it took, how many steps are finished, and what comes next."""
        answer = self.answer
        done = answer.done
        took, of_workers = console.duration(answer.seconds), console.duration(answer.seconds_of_workers)
        gone = (
            f"{count_text(answer.lost, 'finished step')} {verb_text(answer.lost, 'are')} no longer in "
            f"{self.study}: check whether it was removed"
        )
        found = [gone] if answer.lost else []
        found += (
            [f"{count_text(done, 'step')} took {took} of elapsed time, {of_workers} of the workers' time"]
            if done
            else []
        )
        total = len(answer.named)
        if self.unfinished:
            finished, failed, skipped = answer.finished, len(answer.failed), len(answer.skipped)
            return [
                *found,
                (
                    f"{finished} of {count_text(total, 'step')} {verb_text(finished, 'are')} finished, {failed} "
                    f"failed, {skipped} {verb_text(skipped, 'were')} skipped"
                ),
                "fix: see the failures above; the same command runs them again",
            ]
        return [
            *found,
            f"all {count_text(total, 'step')} {verb_text(total, 'are')} finished: {self.study}",
            f"next: prunescope report {self.study}",
        ]

    def printed(self) -> RenderableType:
        """Return the lines, and why steps failed."""
        failed = [f"failed: {name}: {why}" for name, why in self.failed.items()]
        return console.lines_and([*failed, *self.lines()])

    def as_json(self) -> dict[str, Any]:
        """Return what `sweep --json` prints."""
        answer, names = self.answer, self._names()
        failed = [
            {"id": outcome.id, "name": names[outcome.id], "error": outcome.error.partition("\n")[0]}
            for outcome in answer.failed
        ]
        return {
            "schema_version": 1,
            "study": str(self.study),
            "steps": len(answer.named),
            "finished": answer.finished,
            "failed": failed,
            "skipped": [outcome.id for outcome in answer.skipped],
        }

    def rows(self) -> Sequence[Mapping[str, Any]]:
        """Return one row per number that was measured in any cell."""
        return self.readings.rows()

    def _names(self) -> dict[str, str]:
        return {recipe.id: name for name, recipe in self.answer.named.items()}


@dataclass(frozen=True, kw_only=True, repr=False)
class StepList(Finding):
    """Every step of a study and how far it is."""

    answer: StepStates
    study: Path
    """The study folder."""

    def summary(self) -> str:
        """Return how many steps are in each state."""
        counts = Counter(self.answer.states.values())
        found = ", ".join(f"{counts[state]} {state}" for state in STATES)
        return f"{found} of {count_text(len(self.answer.states), 'step')}"

    def lines(self) -> Sequence[str]:
        """Return a line per step: its state, its run id and its name."""
        named = self.answer.named
        return [f"{state:<9} {named[name].id:<25} {name}" for name, state in self.answer.states.items()]

    def printed(self) -> RenderableType:
        """Return how many steps are in each state, and a line per step."""
        return console.lines_and([self.summary(), *self.lines()])

    def as_json(self) -> dict[str, Any]:
        """Return what `sweep --list --json` prints."""
        return {"schema_version": 1, "study": str(self.study), "steps": self.rows()}

    def rows(self) -> list[dict[str, Any]]:
        """Return one row per step: its name, its run id and its state."""
        named = self.answer.named
        return [{"name": name, "id": named[name].id, "state": state} for name, state in self.answer.states.items()]


@asks(SweepQuestion)
def sweep(question: SweepQuestion, session: Session) -> Sweep | StepList | Cost:
    """Train, prune, retrain and measure every cell of a study.

    What is finished is not run again: the same call resumes where it was stopped, and several processes may work on one
    study. A step that fails is noted in failures/ of the folder, what needs it is skipped, and the rest is run.
    Finished is a step whose files are as they were written: `repair` computes damaged ones again.
    """
    return find_sweep(question, session)


def find_sweep(question: SweepQuestion, session: Session) -> Sweep | StepList | Cost:
    """Answer a question in a session that is open."""
    answer, study = answer_sweep(question, session), session.store.study
    if isinstance(answer, StepStates):
        return StepList(answer=answer, study=study)
    if not isinstance(answer, Swept):
        return cost_of(answer, session)
    probes = tuple(recipe.id for recipe in answer.named.values() if recipe.step == "probe")
    return Sweep(answer=answer, study=study, readings=Readings(runs=probes, store=session.store))
