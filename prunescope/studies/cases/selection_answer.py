"""From the question of `select` to its finished runs, and which network it chooses."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from prunescope.api.errors import UsageError
from prunescope.regimes import chosen, selection
from prunescope.regimes.thresholds import PUBLISHED
from prunescope.runs.dry import keep_nothing
from prunescope.studies.cases.family import lay_out_member, measure_member, open_members

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from prunescope.regimes.selection import Choice
    from prunescope.runs.recipe import Recipe
    from prunescope.runs.scheduling.cost import CostEstimate
    from prunescope.runs.session import Session
    from prunescope.studies.cases.measured import MeasuredModel
    from prunescope.studies.cases.questions import SelectionQuestion
    from prunescope.studies.diagnosis.plan import DiagnosisSteps


@dataclass(frozen=True, kw_only=True)
class Selected:
    """What each rule chooses among the networks, and what they read."""

    models: tuple[MeasuredModel, ...]
    references: Mapping[str, str]
    """Name of a model -> its run or snapshot."""
    choices: tuple[Choice, ...]
    """The comparison of training losses first, then Algorithm 2 of Zhou et al. (2023)."""
    epsilon: float
    """Of the LMC gate."""
    probes: tuple[str, ...]
    """The runs that hold the readings."""

    @property
    def run(self) -> str:
        """The run or snapshot that is chosen."""
        return self.references[self.choices[0].member]


@dataclass(frozen=True, kw_only=True)
class Layout:
    """The steps of every network, by its run: retrained briefly, and where it is asked as long as trained."""

    brief: Mapping[str, DiagnosisSteps]
    full: Mapping[str, DiagnosisSteps]
    notes: tuple[str, ...]
    """What had to be assumed."""

    @property
    def recipes(self) -> list[Recipe]:
        """All steps but the judgements."""
        return [recipe for steps in (*self.brief.values(), *self.full.values()) for recipe in steps.recipes[:-1]]


def answer_selection(asked: SelectionQuestion, session: Session) -> Selected | CostEstimate:
    """Prune, retrain and measure every network and choose; the cost where only that is asked, and nothing is kept."""
    with keep_nothing(session, dry_run=asked.dry_run) as opened:
        return _select(asked, opened)


def _select(asked: SelectionQuestion, session: Session) -> Selected | CostEstimate:
    if isinstance(asked.networks, str | Path) or len(asked.networks) < 2:
        raise UsageError("there is only one model", fix="name two checkpoints or more")
    rule = chosen.rule("three-regime", asked.rule_options, asked.rules).instance
    epsilon = (rule.thresholds() or PUBLISHED).epsilon
    references = open_members(asked.networks, asked, session)
    names = [
        str(one) if isinstance(one, str | Path) else run for one, run in zip(asked.networks, references, strict=True)
    ]
    laid = _lay_out(references, asked, session)
    for note in laid.notes:
        session.note(f"note: {note}")
    estimate = session.estimate(laid.recipes)
    if asked.dry_run:
        return estimate
    session.complete(laid.recipes)
    models = tuple(_measured(run, laid, session, name=name) for name, run in zip(names, references, strict=True))
    return Selected(
        models=models,
        references=dict(zip(names, references, strict=True)),
        choices=tuple(selection.choices([model.member() for model in models], epsilon=epsilon)),
        epsilon=epsilon,
        probes=tuple(recipe.id for recipe in laid.recipes if recipe.step == "probe"),
    )


def _lay_out(references: Sequence[str], asked: SelectionQuestion, session: Session) -> Layout:
    first, full = references[0], references if asked.full else ()
    return Layout(
        brief={reference: lay_out_member(reference, asked, session, like=first)[0] for reference in references},
        full={reference: lay_out_member(reference, asked, session, like=first, full=True)[0] for reference in full},
        notes=lay_out_member(first, asked, session, like=first)[1],
    )


def _measured(reference: str, laid: Layout, session: Session, *, name: str) -> MeasuredModel:
    found = measure_member(reference, laid.brief[reference], session, name=name, knob="epochs")
    if reference not in laid.full:
        return found
    after = measure_member(reference, laid.full[reference], session, name=name, knob="epochs")
    return replace(found, final_error=after.test_error)
