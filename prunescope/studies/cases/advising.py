"""Case study 1: at one density, whether the temperature of dense training is to go up or down, and what that changes.

Source: Zhou et al. 2023, section 5.1, Algorithm 1. The verdict is that of `judging.judge_cell`, as in a report.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from prunescope.api.wording import count_text
from prunescope.regimes.thresholds import CERTAINTY
from prunescope.studies.cases.judging import judge_cell

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from prunescope.api import Advice, RegimeRule
    from prunescope.studies.cases.judging import CellVerdict
    from prunescope.studies.cases.measured import MeasuredModel
    from prunescope.studies.cases.moving import Change


@dataclass(frozen=True, kw_only=True)
class Advised:
    """What to do with the knob at `value`."""

    value: float
    regime: str
    advice: Advice
    confidence: float | None
    """Of the direction where `hotter` is known, else of the regime; None where it cannot be estimated."""
    to: float | None
    """A measured value in that direction; None where the family ends or nothing is to change."""
    change: Change | None
    """None where the neighbour was not measured."""
    because: tuple[str, ...]
    hotter: float | None = None
    """Probability that a hotter dense training is the better one, given that this is not."""
    regime_probability: float | None = None
    """None where it is not known."""


def advise_model(
    models: Sequence[MeasuredModel],
    *,
    value: float,
    knob: str,
    rule: RegimeRule,
    first_drop: float | None = None,
    certainty: float = CERTAINTY,
) -> Advised:
    """Return which way to move the knob from `value`, NaN where it is unknown.

    models: every measured dense model at one density, one per value and seed. first_drop: epochs of the dense training
    after which its learning rate first fell. Raises ValueError where none of the models has the value.
    """

    def judge(seen: Sequence[MeasuredModel]) -> CellVerdict:
        return judge_cell(seen, value=value, knob=knob, rule=rule, first_drop=first_drop, certainty=certainty)

    cell = judge(models)
    found = cell.diagnosis
    return Advised(
        value=value,
        regime=str(found.regime or "n/a"),
        advice=found.advice,
        confidence=found.confidence,
        to=cell.to,
        change=cell.change,
        because=(*found.because, *_seeds_alone(models, value, cell, judge)),
        hotter=found.hotter,
        regime_probability=found.regime_probability,
    )


def _seeds_alone(
    models: Sequence[MeasuredModel], value: float, cell: CellVerdict, judge: Callable[..., CellVerdict]
) -> tuple[str, ...]:
    """Return how many dense seeds, each judged alone, get the advice of all; nothing where there is one."""
    seeds = sorted({model.seed for model in models if model.value == value})
    if len(seeds) < 2:
        return ()
    advice = cell.diagnosis.advice
    alone = [judge([model for model in models if model.seed == seed]).diagnosis.advice for seed in seeds]
    return (f"{alone.count(advice)} of {count_text(len(seeds), 'dense seed')}, each judged alone: {advice}",)
