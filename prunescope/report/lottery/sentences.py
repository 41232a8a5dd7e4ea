"""What `lottery` and `instability` found, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prunescope.api.wording import count_text, error_text, verb_text
from prunescope.report.common import formatting

if TYPE_CHECKING:
    from prunescope.studies.lottery.outcomes import Curve, Lottery, Row


def of_lottery(found: Lottery) -> list[str]:
    """Say of every kind of network down to which density it matches the dense one."""
    seeds, spread = len(found.dense.values), found.dense.deviation
    over = "one seed" if spread is None else f"± {error_text(spread)} over {count_text(seeds, 'seed')}"
    lines = [f"dense: {error_text(found.dense.mean)} test error, {over}"]
    for label, rows in by_label(found).items():
        matching = _down_to(rows)
        lines.append(
            f"{label}: no density matches the dense networks"
            if matching is None
            else f"{label}: matches the dense networks down to density {formatting.number(matching)}"
        )
    return lines


def of_curve(curve: Curve, threshold: float) -> str:
    """Say from which step on training is stable, and over how many seeds.

    >>> from prunescope.studies.lottery.outcomes import Curve
    >>> from prunescope.studies.lottery.stability import step_of_stability
    >>> found = step_of_stability([0, 20], [[0.3, 0.01], [0.2, 0.01]])
    >>> of_curve(Curve(density=1, steps=(0, 20), barrier=(), error=(), stability=found), 0.02)
    'dense: stable to SGD noise from step 20 on (barrier below 2 %; seeds: 20 to 20; not yet at step 0)'
    """
    found, below = curve.stability, f"barrier below {100 * threshold:g} %"
    seeds = len(found.by_seed)
    if found.middle is None:
        return (
            f"{curve.label}: not stable up to step {curve.steps[-1]} ({below}; {found.reached} of "
            f"{count_text(seeds, 'seed')} {verb_text(found.reached, 'are')})"
        )
    high = "later" if found.high is None else str(found.high)
    before = "" if found.before is None else f"; not yet at step {found.before}"
    low = f"; seeds: {found.low} to {high}" if seeds > 1 else ""
    return f"{curve.label}: stable to SGD noise from step {found.middle} on ({below}{low}{before})"


def by_label(found: Lottery) -> dict[str, list[Row]]:
    """Return the rows of every kind of network, from the densest."""
    groups: dict[str, list[Row]] = {}
    for row in sorted(found.rows, key=lambda row: -row.density):
        groups.setdefault(row.label, []).append(row)
    return {label: groups[label] for label in dict.fromkeys(row.label for row in found.rows)}


def _down_to(rows: list[Row]) -> float | None:
    """Return the least density such that it and every higher one matches."""
    matching = None
    for row in rows:
        if not row.matching:
            break
        matching = row.density
    return matching
