"""The words and signs of a verdict: never colour alone, and ASCII where a terminal has nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prunescope.api import Advice, Regime

if TYPE_CHECKING:
    from collections.abc import Sequence

    from prunescope.report.common.view import Headline

REGIME_SHAPES: dict[Regime | None, str] = {
    Regime.I: "■",
    Regime.II: "○",
    Regime.II_A: "◐",
    Regime.II_B: "●",
    Regime.UNRESOLVED: "◇",
    None: " ",
}
"""One shape per regime."""

REGIMES: dict[Regime | None, str] = {
    Regime.I: "Regime I",
    Regime.II: "Regime II",
    Regime.II_A: "Regime II-A",
    Regime.II_B: "Regime II-B",
    Regime.UNRESOLVED: "unresolved",
    None: "no regime",
}

MEANINGS: dict[Regime | None, str] = {
    Regime.I: "replicas are poorly connected",
    Regime.II: "replicas are connected; A or B requires another temperature",
    Regime.II_A: "replicas are connected but less similar than at another temperature",
    Regime.II_B: "replicas are connected and as similar as at any temperature",
    Regime.UNRESOLVED: "the evidence is not sufficient",
    None: "the temperature alone was judged",
}

SURE_OF: dict[Regime | None, str] = {
    Regime.I: "replicas are poorly connected",
    Regime.II: "replicas are connected",
    Regime.II_A: "replicas are connected",
    Regime.II_B: "replicas are connected",
    Regime.UNRESOLVED: "",
    None: "",
}
"""What the confidence of a verdict is the probability of; empty where it names no side of the threshold."""

ARROWS = {Advice.RAISE: "↑", Advice.LOWER: "↓", Advice.KEEP: "=", Advice.NONE: "·"}

ADVICE = {
    Advice.RAISE: "raise the temperature",
    Advice.LOWER: "lower the temperature",
    Advice.KEEP: "keep the temperature",
    Advice.NONE: "no advice",
}

VOTES = {
    Advice.RAISE: "temperature too low",
    Advice.LOWER: "temperature too high",
    Advice.KEEP: "no opinion",
    Advice.NONE: "no opinion",
}
"""The vote on a dense model, as a finding: where pruned models were judged, the advice is theirs."""

MOST_LABELS = 3
"""More densities in a row than these are written as a range."""

ASCII = str.maketrans({
    "■": "#", "○": "o", "◐": "c", "●": "@", "◇": "?", "↑": "^", "↓": "v", "·": "-", "−": "-", "–": "-", "±": "+-",
    "×": "x", "µ": "u", "ε": "e", "→": ">", "…": "...", "≥": ">", "≤": "<",
})  # fmt: skip


def headline(verdicts: Sequence[Headline], votes: Sequence[Headline] = ()) -> str:
    """Say all verdicts in one or two sentences.

    >>> headline(())
    'No verdict: no model was judged.'
    """
    parts = []
    for advice, phrase in (
        (Advice.RAISE, "raise the temperature to prune to {}"),
        (Advice.LOWER, "lower it to prune to {}"),
        (Advice.KEEP, "keep it to prune to {}"),
        (Advice.NONE, "{} cannot be decided yet"),
    ):
        chosen = [number for number, verdict in enumerate(verdicts) if verdict.advice is advice]
        if chosen:
            joint = "or" if advice is not Advice.NONE else "and"
            parts.append(phrase.format(_densities([verdict.label for verdict in verdicts], chosen, joint)))
    if not parts:
        return _vote(votes)
    first, rest = parts[0], parts[1:]
    if not first.startswith("raise"):
        first = first.replace(" it ", " the temperature ", 1)
    return f"{_capital('; '.join([first, *rest]))}."


def sure_of(verdicts: Sequence[Headline]) -> str:
    """Say what the confidence of verdicts is of; empty where none has any.

    >>> sure_of(())
    ''
    """
    if any(one.hotter is not None for one in verdicts):
        side = "Confidence: that the better dense training lies on that side"
        return f"{side}; in brackets: of the regime." if _has_regimes(verdicts) else f"{side}."
    sides = {SURE_OF[one.regime] for one in verdicts if one.regime is not None and one.confidence is not None}
    if not sides:
        return ""
    side = sides.pop() if len(sides) == 1 and "" not in sides else "replicas are (poorly) connected"
    return f"Confidence: that {side}, not that the advice helps."


def _has_regimes(verdicts: Sequence[Headline]) -> bool:
    return any(one.regime_probability is not None for one in verdicts)


def either(items: Sequence[str], word: str = "or") -> str:
    """Join words as a sentence does.

    >>> either(["a", "b", "c"]), either(["a"])
    ('a, b or c', 'a')
    """
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} {word} {items[-1]}"


def _densities(labels: Sequence[str], chosen: Sequence[int], joint: str) -> str:
    """Name densities; many neighbours by the first and the last."""
    found = [labels[number] for number in chosen]
    if len(found) > MOST_LABELS and chosen[-1] - chosen[0] == len(chosen) - 1:
        return f"{found[0]}–{found[-1]}"
    return either(found, joint)


def _vote(votes: Sequence[Headline]) -> str:
    if not votes:
        return "No verdict: no model was judged."
    return f"The vote on the dense model alone: {ADVICE[votes[0].advice]}."


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
