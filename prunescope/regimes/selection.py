"""Which model of a family to prune to one density, by the regime and by the plain rules it competes with.

Source: Zhou, Yang, Chang, Mahoney, "A Three-regime Model of Network Pruning", ICML 2023, section 5.2, Algorithms 2 and
2.1. Pure: numbers in, choices and their regrets out.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING

from prunescope.api.wording import probability_text
from prunescope.regimes.least import share_of_least

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, kw_only=True)
class Member:
    """One dense model of a family as it was measured after pruning to the density in question."""

    name: str
    lmc: float | None = None
    """Mean LMC between its retrained replicas, in training-error units."""
    cka: float | None = None
    """Mean CKA between its retrained replicas, in [0, 1]."""
    test_error: float | None = None
    """Mean test error of its retrained replicas, fraction; what Algorithm 2 looks at."""
    final_error: float | None = None
    """The same after the full retraining, where it was done; what regret is counted in."""
    dense_error: float | None = None
    """Test error before pruning."""
    epochs: float | None = None
    """How long the dense model was trained."""
    train_errors: tuple[float, ...] = ()
    """Training error of each of its retrained replicas, fraction; what the comparison looks at without losses."""
    train_losses: tuple[float, ...] = ()
    """Training loss of each, in the objective's unit; it decides where the errors are all 0."""


@dataclass(frozen=True, kw_only=True)
class Choice:
    """What one rule would prune."""

    rule: str
    member: str
    """Name of the chosen model; empty for the random choice."""
    because: str
    regret: float | None
    """Error of the choice - error of the best member; None where some member's error is unknown."""


def algorithm_2(members: Sequence[Member], *, epsilon: float) -> Member:
    """Return the member of the least test error among those with LMC >= -epsilon.

    Where none passes the gate: the best connected one. Raises ValueError where a test error is missing.

    >>> cold = Member(name="cold", lmc=-0.6, test_error=0.174)
    >>> hot = Member(name="hot", lmc=-0.05, test_error=0.157)
    >>> algorithm_2([cold, hot], epsilon=0.1).name
    'hot'
    """
    gated = connected(members, epsilon=epsilon)
    return min(gated, key=_test_error) if gated else _best_connected(members)


def algorithm_2_1(members: Sequence[Member], *, epsilon: float) -> Member:
    """Return the member of the highest CKA among those with LMC >= -epsilon: it needs no labels of test data.

    Members without a CKA (their outputs do not depend on the image) are passed over. Where none passes the gate: the
    best connected one. Raises ValueError where no CKA is known.

    >>> warm = Member(name="warm", lmc=-0.01, cka=0.96)
    >>> hot = Member(name="hot", lmc=-0.01, cka=0.94)
    >>> algorithm_2_1([hot, warm], epsilon=0.1).name
    'warm'
    """
    known = [member for member in members if member.cka is not None]
    gated = connected(known or members, epsilon=epsilon)
    return max(gated, key=_cka) if gated else _best_connected(known or members)


def connected(members: Sequence[Member], *, epsilon: float) -> list[Member]:
    """Return the members that pass the LMC gate: those outside Regime I."""
    return [member for member in members if _lmc(member) >= -epsilon]


def before_drop(members: Sequence[Member], *, drop: float) -> Member | None:
    """Return the longest-trained member at or before the first learning-rate drop; None where there is none."""
    last = last_before([member.epochs for member in members if member.epochs is not None], drop=drop)
    return next((member for member in members if member.epochs == last), None) if last is not None else None


def last_before(epochs: Sequence[float], *, drop: float) -> float | None:
    """Return the last of some snapshots at or before the first learning-rate drop; None where there is none.

    >>> last_before([40, 80, 100], drop=80)
    80
    """
    return max((epoch for epoch in epochs if epoch <= drop), default=None)


def choices(members: Sequence[Member], *, epsilon: float, drop: float | None = None) -> tuple[Choice, ...]:
    """Return what every rule that has its numbers would choose, with its regret.

    The comparison of training losses comes first where all are known, then Algorithm 2.

    drop: epoch of the first learning-rate drop, where the members are snapshots of one run.
    """
    if not members:
        raise ValueError("there is no model to choose from")
    picks = (*_compared(members), *_gated(members, epsilon), *_plain(members, drop))
    found = [choice(rule, member, because, members) for rule, member, because in picks]
    errors = _errors(members)
    expected = None if errors is None else fmean(errors) - min(errors)
    random = Choice(rule="random", member="", because="expected regret of a blind choice", regret=expected)
    return (*found, random)


def choice(rule: str, member: Member, because: str, members: Sequence[Member]) -> Choice:
    """Return one member of a family as a rule's choice, with its regret."""
    errors = _errors(members)
    regret = None if errors is None else error(member) - min(errors)
    return Choice(rule=rule, member=member.name, because=because, regret=regret)


def _compared(members: Sequence[Member]) -> list[tuple[str, Member, str]]:
    """Return the member that most probably has the least training loss after retraining, where all are known.

    The training error where losses are not known.
    """
    losses, errors = ([getattr(member, name) for member in members] for name in ("train_losses", "train_errors"))
    what, seen = ("loss", losses) if all(losses) else ("error", errors)
    if len(members) < 2 or not all(seen):
        return []
    shares = share_of_least(seen)
    best = max(range(len(members)), key=lambda place: shares[place])
    because = f"least training {what} after retraining, {probability_text(shares[best])} sure; no labels of test data"
    return [("comparison", members[best], because)]


def _gated(members: Sequence[Member], epsilon: float) -> list[tuple[str, Member, str]]:
    """Return (rule, member, reason) of every rule with the LMC gate whose readings are there."""
    if any(member.lmc is None for member in members):
        return []
    passed = len(connected(members, epsilon=epsilon))
    gate = f"{passed} of {len(members)} have LMC >= {-epsilon:g}" if passed else "none is connected: the best LMC"
    picks = []
    if all(member.test_error is not None for member in members):
        member = algorithm_2(members, epsilon=epsilon)
        picks.append(("algorithm-2", member, f"{gate}; then the least test error"))
    if any(member.cka is not None for member in members):
        member = algorithm_2_1(members, epsilon=epsilon)
        picks.append(("algorithm-2.1", member, f"{gate}; then the highest CKA, no labels"))
    if all(member.dense_error is not None for member in members):
        member = min(connected(members, epsilon=epsilon), key=_dense_error, default=_best_connected(members))
        picks.append(("algorithm-2-dense", member, f"{gate}; then the least test error before pruning"))
    return picks


def _plain(members: Sequence[Member], drop: float | None) -> list[tuple[str, Member, str]]:
    """Return the same of the rules that need no LMC."""
    picks = []
    if all(member.epochs is not None for member in members) and len({member.epochs for member in members}) > 1:
        picks.append(("longest-trained", max(members, key=_epochs), "most epochs of dense training"))
    if all(member.dense_error is not None for member in members):
        picks.append(("best-dense", min(members, key=_dense_error), "least test error before pruning"))
    last = before_drop(members, drop=drop) if drop is not None else None
    if last is not None:
        picks.append(("before-drop", last, f"last at or before the first learning-rate drop, epoch {drop:g}"))
    if _errors(members) is not None:
        picks.append(("oracle", min(members, key=error), "least error of all, in hindsight"))
    return picks


def error(member: Member) -> float:
    """Return the error that regret is counted in: after full retraining where it is known."""
    found = member.test_error if member.final_error is None else member.final_error
    if found is None:
        raise ValueError(f"the error of {member.name} is unknown")
    return found


def _errors(members: Sequence[Member]) -> list[float] | None:
    """Return every member's error, of one kind; None where they are not all known."""
    finals = [member.final_error for member in members if member.final_error is not None]
    if len(finals) == len(members):
        return finals
    known = [member.test_error for member in members if member.test_error is not None]
    return known if len(known) == len(members) and not finals else None


def _best_connected(members: Sequence[Member]) -> Member:
    return max(members, key=_lmc)


def _lmc(member: Member) -> float:
    if member.lmc is None:
        raise ValueError(f"the LMC of {member.name} is unknown")
    return member.lmc


def _test_error(member: Member) -> float:
    if member.test_error is None:
        raise ValueError(f"the test error of {member.name} is unknown")
    return member.test_error


def _cka(member: Member) -> float:
    if member.cka is None:
        raise ValueError(f"the CKA of {member.name} is unknown")
    return member.cka


def _epochs(member: Member) -> float:
    return -1.0 if member.epochs is None else member.epochs


def _dense_error(member: Member) -> float:
    return 1.0 if member.dense_error is None else member.dense_error
