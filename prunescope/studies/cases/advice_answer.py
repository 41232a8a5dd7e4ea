"""From the question of `advise` to its advice: of a study's finished cells, or bought for one network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from prunescope.api import Advice
from prunescope.api.errors import EvidenceError, UsageError
from prunescope.regimes import chosen
from prunescope.regimes.direction import hottest_first
from prunescope.runs.soundness import blaming_damage, read_sound
from prunescope.studies.cases import budgeted, measured
from prunescope.studies.cases.advice_plan import plan_advice
from prunescope.studies.cases.advising import advise_model
from prunescope.studies.imported.study import read_imported

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from prunescope.api import RegimeRule
    from prunescope.runs.session import Session
    from prunescope.studies.cases.advice_plan import AdvicePlan
    from prunescope.studies.cases.advising import Advised
    from prunescope.studies.cases.measured import MeasuredModel
    from prunescope.studies.cases.questions import AdviceQuestion


@dataclass(frozen=True, kw_only=True)
class AdviceAnswer:
    """What to do with a knob, at each value that is asked for, and what that rests on."""

    advised: tuple[Advised, ...]
    """From the hottest value to the coldest."""
    knob: str
    density: float
    notes: tuple[str, ...] = ()
    """What was compared, assumed and spent."""
    probes: tuple[str, ...] = ()
    """The runs that hold the readings."""
    problems: tuple[str, ...] = ()
    """What is wrong with damaged files of the study, which are left out."""

    @property
    def silent(self) -> bool:
        """Whether the evidence suffices for no advice at any value."""
        return all(one.advice is Advice.NONE for one in self.advised)


def answer_advice(asked: AdviceQuestion, session: Session) -> AdviceAnswer | AdvicePlan:
    """Advise from the finished cells of a study, or from what the budget buys for a network; only plan a dry run."""
    rule = chosen.rule(asked.rule, asked.rule_options, asked.rules).instance
    if asked.dry_run:
        return plan_advice(asked, session)
    if asked.imported is not None:
        return _of_imported(asked, rule, session)
    if asked.file is not None:
        return _of_study(asked, asked.file, rule, session)
    found = budgeted.advise_within_budget(asked, rule, session)
    return AdviceAnswer(
        advised=(found.advised,), knob=found.knob, density=asked.density, notes=found.notes, probes=found.probes
    )


def _of_study(asked: AdviceQuestion, file: Path, rule: RegimeRule, session: Session) -> AdviceAnswer:
    from prunescope.studies.grid import studyfolder
    from prunescope.studies.phase.from_study import drops

    grid = studyfolder.load_grid(file.parent, at=file, trust=session.store.trust)
    models, problems = read_sound(lambda sound: measured.measured_column(grid, sound, density=asked.density), session)
    if not models:
        with blaming_damage(problems):
            raise EvidenceError(
                f"no cell of {file.parent} is finished at density {asked.density:g}",
                fix=f"run: prunescope sweep {asked.target}",
            )
    knob, drop = grid.study.knob, next(iter(drops(grid.study)), None)
    values = _values(knob, models, asked.at)
    return AdviceAnswer(
        advised=tuple(
            advise_model(models, value=value, knob=knob, rule=rule, first_drop=drop, certainty=asked.certainty)
            for value in values
        ),
        knob=knob,
        density=asked.density,
        probes=measured.column_probes(grid, density=models[0].density),
        problems=problems,
    )


def _of_imported(asked: AdviceQuestion, rule: RegimeRule, session: Session) -> AdviceAnswer:
    """Advise from what other programs measured; without LMC no regime is named, and test errors alone count."""
    study, problems = read_sound(read_imported, session)
    with blaming_damage(problems):
        models = measured.imported_column(study, density=asked.density)
    drop = next(iter(study.drops), None)
    return AdviceAnswer(
        advised=tuple(
            advise_model(models, value=value, knob=study.knob, rule=rule, first_drop=drop, certainty=asked.certainty)
            for value in _values(study.knob, models, asked.at)
        ),
        knob=study.knob,
        density=asked.density,
        notes=(study.source, study.evidence),
        probes=tuple(cell.run for cell in study.cells if cell.density == models[0].density),
        problems=problems,
    )


def _values(knob: str, models: Sequence[MeasuredModel], at: float | None) -> list[float]:
    known = hottest_first(sorted({model.value for model in models}), knob=knob)
    if at is not None and at not in known:
        listed = ", ".join(f"{value:g}" for value in known)
        raise UsageError(f"--at got {at:g}, which was not measured", fix=f"{knob} has: {listed}")
    return known if at is None else [at]
