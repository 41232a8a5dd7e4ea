"""The reasons of several verdicts, each written once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from prunescope.api import Regime
    from prunescope.report.common.view import Headline


@dataclass(frozen=True, kw_only=True)
class ReasonGroup:
    """Reasons of the same verdicts."""

    label: str
    """The densities of the verdicts, or "all"."""
    regime: Regime | None
    """That of a single verdict; None where the reasons are those of several."""
    reasons: tuple[str, ...]


def group_reasons(verdicts: Sequence[Headline]) -> tuple[ReasonGroup, ...]:
    """Return the reasons of each verdict alone, then those that several share; a verdict may have none of its own.

    >>> group_reasons(())
    ()
    """
    sharing: dict[str, list[int]] = {}
    for number, verdict in enumerate(verdicts):
        for reason in dict.fromkeys(verdict.because):
            sharing.setdefault(reason, []).append(number)
    groups: dict[tuple[int, ...], list[str]] = {(number,): [] for number in range(len(verdicts))}
    for reason, numbers in sharing.items():
        groups.setdefault(tuple(numbers), []).append(reason)
    return tuple(_group(verdicts, numbers, reasons) for numbers, reasons in groups.items() if reasons)


def _group(verdicts: Sequence[Headline], numbers: Sequence[int], reasons: Sequence[str]) -> ReasonGroup:
    alone = len(numbers) == 1
    labels = ", ".join(verdicts[number].label for number in numbers)
    label = "all" if len(numbers) == len(verdicts) and not alone else labels
    return ReasonGroup(label=label, regime=verdicts[numbers[0]].regime if alone else None, reasons=tuple(reasons))
