"""One measured quantity with its unit, error and axes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class Reading:
    """One measured quantity: a number, or an array whose dimensions `axes` names.

    The axis "replica" runs over the replicas, "pair" over their pairs in the order of itertools.combinations.
    """

    value: float | np.ndarray
    unit: str
    """ "1" for a pure number, "fraction", "nat", "byte", "second", ..."""
    n: int | None = None
    """Number of images (or draws) the value was estimated from; None where nothing was sampled."""
    stderr: float | np.ndarray | None = None
    """Standard error, of the value's shape; None where the value is exact."""
    estimator: str = ""
    axes: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    """Names along the last axis (layers, for example); empty where the position suffices."""
