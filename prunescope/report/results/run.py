"""One run of a study: its recipe, its provenance, its history and its readings."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from prunescope.api.wording import error_text
from prunescope.report.common import console
from prunescope.report.common.finding import TEXT_WIDTH
from prunescope.report.steps.lines import NetworkFinding, epoch_rows
from prunescope.runs import coordinates
from prunescope.runs.watching import label

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.console import RenderableType

    from prunescope.api import Epoch
    from prunescope.runs.files.runfile import Run
    from prunescope.runs.session import Session


@dataclass(frozen=True, kw_only=True, repr=False)
class RunFinding(NetworkFinding):
    """A run of any step but a diagnosis."""

    found: Run
    """Everything of the run but its weights."""
    session: Session = field(repr=False)

    def lines(self) -> Sequence[str]:
        """Return recipe and provenance, a line each."""
        return [f"{name:<10} {text}" for name, text in _about(self.found) if text]

    def printed(self) -> RenderableType:
        """Return recipe, provenance, history and readings."""
        return self.sections(width=TEXT_WIDTH)

    def sections(self, *, width: int) -> RenderableType:
        """Return recipe, provenance, history and readings for so many columns."""
        from rich.console import Group
        from rich.text import Text

        from prunescope.report.common.readings import reading_table

        sections: list[RenderableType] = [Text("\n".join(self.lines()))]
        if self.found.history:
            rows = [_epoch_row(epoch) for epoch in self.found.history]
            sections.append(console.table(("epoch", "learning rate", "loss", "error"), rows))
        if self.found.readings:
            sections.append(reading_table(self.found.readings, width=width))
        return Group(*[part for section in sections for part in (section, "")][:-1])

    def rows(self) -> Sequence[Mapping[str, Any]]:
        """Return one row per number that was measured, or per epoch of a training."""
        if self.found.readings:
            return tuple(coordinates.read_rows([self.run], self.session.store))
        return epoch_rows(self.found)


def summarise_run(run: Run) -> str:
    """Return in a few words what came out."""
    if run.verdicts:
        return ", ".join(f"{verdict.density:g}: {verdict.diagnosis.advice}" for verdict in run.verdicts)
    if run.history:
        return f"loss {run.history[-1].train_loss:.4f}"
    if run.readings:
        return f"{sum(map(len, run.readings.values()))} readings"
    if "density" in run.facts:
        return f"density {run.facts['density']:.4g}"
    return str(run.facts.get("model", {}).get("name", ""))


def _about(run: Run) -> list[tuple[str, str]]:
    return [
        ("run", run.id),
        ("step", label(run.recipe)),
        ("created", f"{run.created}, took {console.duration(run.wall_seconds)} on {run.device}"),
        ("engine", run.engine),
        ("versions", ", ".join(f"{name} {version}" for name, version in run.versions.items())),
        ("inputs", ", ".join(run.recipe.inputs)),
        ("options", json.dumps(run.recipe.options)),
        ("arguments", json.dumps(run.recipe.arguments)),
        ("weights", ", ".join(run.weights)),
        *[(name, json.dumps(fact)) for name, fact in sorted(run.facts.items())],
    ]


def _epoch_row(epoch: Epoch) -> tuple[str, ...]:
    numbers = f"{epoch.learning_rate:.4g}", f"{epoch.train_loss:.4f}", error_text(epoch.train_error)
    return str(epoch.number), *numbers
