"""Schedules of density: how much is kept on the way from a dense network to a sparse one, around any pruner."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from prunescope.api.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

Shape = Literal["geometric", "linear", "cubic"]


def geometric(x: float, *, final: float, initial: float = 1.0) -> float:
    """Density after a share x of the way when equal parts of the way keep equal shares of what is left.

    Formula: d(x) = d_i (d_f / d_i)^x. Source: Frankle and Carbin 2019, section 2 (a fixed share goes in each round).
    Range: x, densities in [0, 1], final > 0; falls from `initial` at 0 to `final` at 1.

    >>> [round(geometric(x, final=0.04), 3) for x in (0, 0.5, 1)]
    [1.0, 0.2, 0.04]
    """
    share: float = (final / initial) ** x
    return initial * share


def linear(x: float, *, final: float, initial: float = 1.0) -> float:
    """Density after a share x of the way when equal parts of the way take equal numbers of weights.

    Formula: d(x) = d_i + (d_f - d_i) x. Range: as `geometric`.

    >>> [round(linear(x, final=0.2), 3) for x in (0, 0.5, 1)]
    [1.0, 0.6, 0.2]
    """
    return initial + (final - initial) * x


def cubic(x: float, *, final: float, initial: float = 1.0) -> float:
    """Density after a share x of the way that takes most weights early, while there are many to spare.

    Formula: d(x) = d_f + (d_i - d_f) (1 - x)^3, with x = (t - t0) / (n dt) in steps of training.
    Source: Zhu and Gupta 2018, equation 1, which states the same of sparsity 1 - d. Range: as `geometric`.

    >>> [round(cubic(x, final=0.2), 3) for x in (0, 0.5, 1)]
    [1.0, 0.3, 0.2]
    """
    return final + (initial - final) * (1 - x) ** 3


SHAPES: dict[Shape, Callable[..., float]] = {"geometric": geometric, "linear": linear, "cubic": cubic}


def levels(shape: Shape, *, final: float, count: int) -> tuple[float, ...]:
    """Return the densities of `count` rounds of pruning that end at `final`: d(1 / count), ..., d(1).

    >>> levels("geometric", final=0.125, count=3)
    (0.5, 0.25, 0.125)

    Raises:
        UsageError: `final` lies outside (0, 1), or there is no round.
    """
    if not 0 < final < 1:
        raise UsageError(f"the last density is {final:g}", fix="it requires a fraction: 0.05 keeps 5 %")
    if count < 1:
        raise UsageError(f"{count} rounds of pruning", fix="prune once or more")
    return tuple(round(SHAPES[shape](number / count, final=final), 12) for number in range(1, count + 1))


def prune_steps(*, first: int, last: int, count: int) -> tuple[int, ...]:
    """Return the steps of training at which gradual pruning takes place: evenly spaced, both ends included.

    Source: Zhu and Gupta 2018, section 3: t0, t0 + dt, ..., t0 + n dt.

    >>> prune_steps(first=100, last=500, count=5)
    (100, 200, 300, 400, 500)

    Raises:
        UsageError: there are fewer steps than rounds of pruning.
    """
    found = tuple(first + round(number * (last - first) / max(1, count - 1)) for number in range(count))
    if len(set(found)) < count:
        raise UsageError(
            f"{count} rounds of pruning do not fit between step {first} and step {last}",
            fix="prune in fewer rounds, begin earlier, or train for longer",
        )
    return found
