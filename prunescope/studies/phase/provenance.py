"""How a study's numbers were made: recipe, versions, cost, and what is missing."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from prunescope.api.wording import count_text
from prunescope.plugins import citations
from prunescope.runs import failures
from prunescope.runs.credits import credited_methods
from prunescope.runs.files import glance
from prunescope.runs.recipe import STEPS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from prunescope.plugins.citations import Cited
    from prunescope.runs.session import Session
    from prunescope.studies.grid.layout import Grid


@dataclass(frozen=True, kw_only=True)
class StudyCost:
    """The steps of one kind."""

    step: str
    finished: int
    of: int
    seconds: float


@dataclass(frozen=True, kw_only=True)
class StudyProvenance:
    """The provenance of a phase diagram; empty for one that was read from a table."""

    steps: tuple[StudyCost, ...] = ()
    failed: Mapping[str, str] = field(default_factory=dict)
    """Name of a step that failed -> why."""
    versions: Mapping[str, str] = field(default_factory=dict)
    device: str = ""
    created: str = ""
    """Of the latest run that was looked at."""
    facts: tuple[tuple[str, str], ...] = ()
    """What was trained, on what, and how."""
    recipes: tuple[tuple[str, str], ...] = ()
    cited: tuple[Cited, ...] = ()
    """The publications of the methods it was made with."""

    @property
    def seconds(self) -> float:
        """Time of all finished steps, summed."""
        return sum(step.seconds for step in self.steps)

    @property
    def finished(self) -> int:
        """Number of finished steps."""
        return sum(step.finished for step in self.steps)

    @property
    def of(self) -> int:
        """Number of steps of the study."""
        return sum(step.of for step in self.steps)


def read_provenance(
    grid: Grid, session: Session, *, rule: str, known: Mapping[str, float] | None = None
) -> StudyProvenance:
    """Return how a study was made and which rule judges it; times are read, results are not.

    known: run ids -> how long the runs took whose files were opened before.
    """
    known = known or {}
    finished, named = set(session.store.ids()), grid.named
    ids = {recipe.id: (name, recipe.step) for name, recipe in named.items()}
    seconds: Counter[str] = Counter()
    for run_id, (_, step) in ids.items():
        if run_id in finished:
            took = known[run_id] if run_id in known else glance.wall_seconds(session.store.path(run_id))
            seconds[step] += took  # type: ignore[assignment]
    total = Counter(step for _, step in ids.values())
    done = Counter(step for run_id, (_, step) in ids.items() if run_id in finished)
    last = next((session.read(run_id, only=()) for run_id in reversed(ids) if run_id in finished), None)
    return StudyProvenance(
        steps=tuple(
            StudyCost(step=step, finished=done[step], of=total[step], seconds=float(seconds[step]))
            for step in STEPS
            if total[step]
        ),
        failed={ids[run_id][0]: why for run_id, why in failures.known(session.store.study).items() if run_id in ids},
        versions=last.versions if last else {},
        device=last.device if last else "",
        created=last.created if last else "",
        facts=_facts(grid),
        recipes=_recipes(grid),
        cited=citations.cited(credited_methods(named.values(), rules=(rule,))),
    )


def _facts(grid: Grid) -> tuple[tuple[str, str], ...]:
    study = grid.study
    of_model = ", ".join(f"{name} {value}" for name, value in study.model_options.items())
    dense = count_text(len(study.dense_seeds), "dense seed")
    replicas = f"{count_text(study.replicas, 'replica')} of every pruned model"
    return (
        ("model", f"{study.model}{f' ({of_model})' if of_model else ''}"),
        ("data", study.data),
        *((what, _choice(choice)) for what, choice in (
            ("dense training", study.train), ("pruning", study.prune), ("retraining", study.retrain),
        )),
        ("probes", _choices(study.probes)),
        *((("probes of the dense models", _choices(study.dense_probes)),) if study.dense_probes else ()),
        ("knob", _knob(grid)),
        ("seeds", f"{dense}, {replicas}"),
    )  # fmt: skip


def _knob(grid: Grid) -> str:
    study = grid.study
    if study.knob == "epochs":
        return "epochs, " + ("as snapshots of one run" if study.snapshots else "one run each")
    return f"{study.knob}{f', {study.hold} held' if study.knob == 'batch_size' else ''}"


def _choices(choices: Sequence[object]) -> str:
    return "; ".join(_choice(choice) for choice in choices)


def _choice(choice: object) -> str:
    plugin, options = getattr(choice, "plugin", ""), getattr(choice, "options", {})
    listed = ", ".join(f"{name} {value}" for name, value in options.items())
    return f"{plugin}{f': {listed}' if listed else ''}"


def _recipes(grid: Grid) -> tuple[tuple[str, str], ...]:
    """Return the recipes of the first cell: one of every step and probe."""
    cell = grid.cells[0]
    chosen = (grid.trainings[0], *cell.dense_probes, cell.prune, cell.retrainings[0], *cell.probes)
    return tuple(
        (f"{recipe.step} by {recipe.plugin}", json.dumps(json.loads(recipe.canonical()), indent=2)) for recipe in chosen
    )
