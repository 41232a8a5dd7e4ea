"""The view model: everything a report shows, as frozen values that any renderer can print."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from prunescope.api import Advice, Reading, Regime
    from prunescope.plugins.citations import Cited
    from prunescope.runs.files.runfile import Verdict

Style = Literal["percent", "points", "signed", "similarity", "plain", "times"]
"""How a number is written: a fraction as percent, an LMC with its sign, a CKA, as it is, or as a multiple."""


@dataclass(frozen=True, kw_only=True)
class Headline:
    """The verdict on one model: pruned to a density, or dense."""

    density: float
    label: str
    """ "5 %", or "dense"."""
    rule: str
    regime: Regime | None
    advice: Advice
    confidence: float | None
    unsure: str
    """Why there is no confidence; empty where there is one."""
    because: tuple[str, ...]
    hotter: float | None = None
    """Probability that the better dense training is hotter; the confidence is then that of the direction."""
    regime_probability: float | None = None
    gain: float | None = None
    gain_interval: tuple[float, float] | None = None
    next_buys: str = ""


@dataclass(frozen=True, kw_only=True)
class EvidenceLevel:
    """The evidence that the verdict rests on, and what one more input would buy."""

    name: str
    """ "L0" to "L4"."""
    stands_on: str
    next_buys: str


@dataclass(frozen=True, kw_only=True)
class ShownKnob:
    """One setting of the dense training that acts like a temperature."""

    name: str
    value: float | str
    hotter: str
    """What is hotter than this value, for example "fewer than 80 epochs"; empty where nothing can be."""
    colder: str


@dataclass(frozen=True, kw_only=True)
class Column:
    """One model of the tables: pruned to a density, or dense."""

    density: float
    label: str


@dataclass(frozen=True, kw_only=True)
class ReadingCell:
    """A scalar reading at one density: a value for each replica or pair."""

    values: tuple[float, ...] = ()
    over: Literal["", "replica", "pair"] = ""
    """What the values run over; empty for a single value."""
    n: int | None = None
    stderr: float | None = None
    """Largest standard error of the values; None where they are exact."""
    missing: str = ""
    """Why there is no value; empty where there is one."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """A scalar reading at every density."""

    key: str
    """ "<probe>/<name>"."""
    label: str
    style: Style
    unit: str
    estimator: str
    cells: tuple[ReadingCell, ...]
    """One per column."""
    about: str = ""


@dataclass(frozen=True, kw_only=True)
class Vector:
    """A reading with one named value per layer (class, block, ...) at every density, averaged over replicas."""

    key: str
    unit: str
    estimator: str
    axis: str
    labels: tuple[str, ...]
    columns: tuple[Column, ...]
    values: tuple[tuple[float, ...], ...]
    """One tuple per column, a value for each label."""


@dataclass(frozen=True, kw_only=True)
class HeatMap:
    """A reading with one value for every two named things (layers of two replicas) at one density, mean over pairs."""

    key: str
    label: str
    """The density."""
    unit: str
    estimator: str
    axes: tuple[str, str]
    labels: tuple[str, ...]
    """Along both axes."""
    values: tuple[tuple[float, ...], ...]


@dataclass(frozen=True, kw_only=True)
class ReadingSummary:
    """A reading of another shape at one density."""

    key: str
    label: str
    unit: str
    shape: str
    """The axes and their lengths, for example "pair 3 × t 11"."""
    low: float
    median: float
    high: float


@dataclass(frozen=True, kw_only=True)
class PathCurve:
    """Training error along the straight line between two replicas."""

    pair: str
    """ "1–2"."""
    values: tuple[float, ...]
    lmc: float
    """Mean of the end points - error at t*, as it was measured."""

    @property
    def star(self) -> int:
        """Index of t*: the point between the ends at which the error is their mean - LMC, of several the middle one."""
        at, last = (self.values[0] + self.values[-1]) / 2 - self.lmc, len(self.values) - 1
        return min(range(1, last), key=lambda i: (round(abs(self.values[i] - at), 9), abs(2 * i - last)))


@dataclass(frozen=True, kw_only=True)
class Paths:
    """The lines between all pairs of replicas at one density."""

    density: float
    label: str
    regime: Regime | None
    curves: tuple[PathCurve, ...]
    lmc: float
    """Mean over the pairs."""
    ends: float
    """Mean training error of the end points."""
    epsilon: tuple[float, float] | None
    """Between which values the rule takes the threshold to lie."""


@dataclass(frozen=True, kw_only=True)
class ShownCost:
    """What the finished steps of one kind took."""

    step: str
    runs: int
    seconds: float
    detail: str = ""


@dataclass(frozen=True, kw_only=True)
class MadeRun:
    """One run the verdict rests on."""

    label: str
    step: str
    what: str
    id: str
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Command:
    """What to type next, and why."""

    why: str
    lines: tuple[tuple[str, ...], ...]
    """Commands, each as its words, already quoted for a shell."""


@dataclass(frozen=True, kw_only=True)
class Taken:
    """The readings of one probe run, untouched."""

    density: float
    run: str
    probe: str
    replicas: tuple[str, ...]
    readings: Mapping[str, Reading]


@dataclass(frozen=True, kw_only=True)
class Report:
    """A diagnosis with all it rests on."""

    id: str
    created: str
    title: str
    """ "preresnet8 on patches"."""
    subject: Mapping[str, Any]
    """Run or snapshot, sha256, source, format, model and data of the dense model."""
    verdicts: tuple[Headline, ...]
    dense_votes: tuple[Headline, ...]
    level: EvidenceLevel
    knobs: tuple[ShownKnob, ...]
    columns: tuple[Column, ...]
    evidence: tuple[Row, ...]
    others: tuple[Row, ...]
    """Scalar readings of other probes."""
    vectors: tuple[Vector, ...]
    maps: tuple[HeatMap, ...] = ()
    summaries: tuple[ReadingSummary, ...]
    paths: tuple[Paths, ...]
    warnings: tuple[str, ...]
    cost: tuple[ShownCost, ...]
    made: tuple[MadeRun, ...]
    provenance: tuple[tuple[str, str], ...]
    recipes: tuple[tuple[str, str], ...]
    """(what, canonical JSON) of the steps whose numbers matter most."""
    versions: Mapping[str, str]
    seeds: Mapping[str, tuple[int, ...]]
    device: str
    commands: tuple[Command, ...]
    taken: tuple[Taken, ...]
    judged: tuple[Verdict, ...]
    cited: tuple[Cited, ...]
    """The publications of the methods it was made with."""

    @property
    def advising(self) -> tuple[Headline, ...]:
        """The verdicts that give the advice: the vote on the dense model only where there is no other."""
        return self.verdicts or self.dense_votes

    @property
    def seconds(self) -> float:
        """Wall time of all steps together."""
        return sum(step.seconds for step in self.cost)
