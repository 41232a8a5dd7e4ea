"""Evidence of one network, and the verdict on it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from prunescope.api.interfaces.reading import Reading


class Regime(StrEnum):
    """Regimes of pruned models (Zhou et al. 2023, figure 1); II where A and B cannot be distinguished."""

    I = "I"  # noqa: E741 - the paper's name
    II = "II"
    II_A = "II-A"
    II_B = "II-B"
    UNRESOLVED = "unresolved"


class Advice(StrEnum):
    """What to do with the temperature of dense training before pruning at this density."""

    RAISE = "raise"
    LOWER = "lower"
    KEEP = "keep"
    NONE = "none"


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What is known of one model (dense, or pruned to one density) when a rule judges it."""

    density: float
    readings: Mapping[str, Reading]
    """By "<probe>/<name>", for example "lmc/lmc"."""
    knobs: Mapping[str, float] = field(default_factory=dict)
    """Temperature-like settings of the dense training, where known."""
    neighbours: Sequence[Evidence] = ()
    """The same density at other temperatures."""
    siblings: Sequence[Evidence] = ()
    """This network first, then others of its training at other temperatures, all pruned to this density and retrained
    equally, briefly; their reading is "errors/train_error", and "pruned/train_error" right after pruning."""
    first_drop: float | None = None
    """Epochs of the dense training after which its learning rate first fell, as recorded; None: not known, or never."""
    knob: str | None = None
    """The knob that is to be changed, where there are no siblings but it is known: "epochs" of a snapshot."""
    progress: float | None = None
    """Share of the fall of the dense training's loss before its learning rate first fell (`one_checkpoint`)."""


@dataclass(frozen=True, kw_only=True)
class Diagnosis:
    """A verdict, how sure it is, and what it rests on."""

    regime: Regime | None
    """None: the rule judges the temperature without naming a regime."""
    advice: Advice
    confidence: float | None
    """Probability that the advised direction is right, where `hotter` is known; else, from replicas, that the regime's
    side of the threshold is right. None: cannot be estimated."""
    because: tuple[str, ...]
    """The reasons, one sentence each: measured values, thresholds and the calibration they come from."""
    hotter: float | None = None
    """Probability that the better dense training is a hotter one, given that it is not this one; None: not judged."""
    regime_probability: float | None = None
    """Probability, from replicas, that the regime's side of the threshold is right, where `hotter` is known."""
    gain: float | None = None
    """How much lower the training error of the best sibling in the more probable direction is, after the same brief
    retraining; fraction, negative where it is worse. None: that side was not measured."""
    gain_interval: tuple[float, float] | None = None
    """Its central 80 % interval."""
    rests_on: tuple[str, ...] = ()
    """The signals behind `hotter`, the weightiest first."""
    next_buys: str = ""
    """What one more input would buy."""
