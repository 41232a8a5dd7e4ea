"""What a phase diagram calls its axes, values and ways to choose."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from prunescope.api.knobs import KNOBS
from prunescope.api.wording import density_text
from prunescope.report.common import formatting
from prunescope.report.common.words import either

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

WAYS = {
    "algorithm-2": ("Algorithm 2", "connected (LMC ≥ −ε), then lowest test error of the retrained model"),
    "algorithm-2-dense": ("Algorithm 2, dense error", "connected, then lowest test error of the dense model"),
    "algorithm-2.1": ("Algorithm 2.1", "connected, then highest CKA: requires no labels"),
    "coldest": ("coldest", "the coldest value: the longest training, the largest batch, the smallest rate"),
    "dense": ("best dense accuracy", "lowest test error before pruning"),
    "before-drop": ("before the first drop", "the last snapshot before the learning rate falls"),
    "random": ("random", "expected"),
    "oracle": ("oracle", "lowest test error after retraining"),
}
"""Way to choose -> name, meaning."""


DIRECTIONS = {
    "means": ("the rule, never abstaining", "the same thresholds on the means of LMC and CKA"),
    "lmc": ("LMC alone", "hotter below −ε, colder elsewhere"),
    "cka": ("CKA alone", "towards its largest value at that density, independent of LMC"),
    "colder": ("always colder", "independent of the density"),
    "drop": ("towards the drop", "to the last snapshot before the first learning-rate drop"),
}
"""Another way to advise a direction -> name, meaning."""


def value(knob: str, found: float) -> str:
    """Write a value of a knob in a sentence.

    >>> value("epochs", 80.0), value("learning_rate", 0.05), value("batch_size", 32.0)
    ('80 epochs', 'learning rate 0.05', 'batch size 32')
    """
    text = formatting.number(found)
    return KNOBS[knob].at(text) if knob in KNOBS else f"{knob} {text}"


def densities(all_densities: Sequence[float], chosen: Collection[float]) -> str:
    """Name some of the densities; neighbours as a range.

    >>> densities((0.05, 0.07, 0.1, 0.2, 0.4), (0.05, 0.07, 0.1, 0.4))
    '5–10 % and 40 %'
    """
    numbers = [number for number, density in enumerate(all_densities) if density in chosen]
    if not numbers:
        return "none"
    cuts = [0, *(after for after, (a, b) in enumerate(pairwise(numbers), start=1) if b > a + 1), len(numbers)]
    return either([_span(all_densities, numbers[begin:end]) for begin, end in pairwise(cuts)], "and")


def _span(all_densities: Sequence[float], run: Sequence[int]) -> str:
    first, last = all_densities[run[0]], all_densities[run[-1]]
    return density_text(first) if len(run) == 1 else f"{100 * first:.3g}–{density_text(last)}"
