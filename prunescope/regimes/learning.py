"""Whether a model has learned the training data at all: where it has not, no barrier can show."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from prunescope.api.wording import error_text
from prunescope.regimes.thresholds import PUBLISHED

if TYPE_CHECKING:
    from collections.abc import Mapping

    from prunescope.api import Reading

LEARNED = PUBLISHED.learned
"""Models with a larger training error than this have not learned."""

LITTLE_LEARNED = 0.25
"""A mean training error of replicas above this leaves little room for a barrier."""

UNDER_TRAINED = 0.01
"""Replicas still learn at an LMC above this, in units of training error, and above two of its standard errors."""

LIKE_CHANCE = 0.9
"""Nor have those whose error is more than this share of that of the best prediction that is the same for all."""


def train_error(readings: Mapping[str, Reading]) -> float:
    """Return the larger of the mean errors on the training data: as measured, and at the ends of the paths; 0 if none.

    >>> from prunescope.api import Reading
    >>> train_error({"errors/train_error": Reading(np.array([0.5, 0.75]), "fraction", axes=("replica",))})
    0.625
    """
    path, errors = (readings.get(name) for name in ("lmc/train_error_path", "errors/train_error"))
    ends = 0.0 if path is None else float(np.asarray(path.value, dtype=np.float64)[..., [0, -1]].mean())
    return max(ends, 0.0 if errors is None else float(np.asarray(errors.value, dtype=np.float64).mean()))


def failed(readings: Mapping[str, Reading], *, learned: float = LEARNED) -> float:
    """Return the training error of a model that has not learned; 0 of one that has.

    learned: the error above which none has; 1 is satisfied with anything. Where "errors/train_chance" is known, the
    error of the best prediction that is the same for all examples (of classification: the largest class), the limit is
    `LIKE_CHANCE` of it if lower.

    >>> from prunescope.api import Reading
    >>> known = {"errors/train_error": Reading(0.1, "fraction"), "errors/train_chance": Reading(0.1, "fraction")}
    >>> failed(known), failed({"errors/train_error": Reading(0.1, "fraction")})
    (0.1, 0.0)
    """
    error, known = train_error(readings), chance(readings)
    if known is not None and learned < 1:
        learned = min(learned, LIKE_CHANCE * known)
    return error if error > learned else 0.0


def is_better_than_chance(error: float, chance: float) -> bool:
    """Return whether a training error is at most `LIKE_CHANCE` of that of the best answer that is the same for all.

    >>> is_better_than_chance(0.8, 0.9), is_better_than_chance(0.84, 0.9)
    (True, False)
    """
    return error <= LIKE_CHANCE * chance


def chance(readings: Mapping[str, Reading]) -> float | None:
    """Return the error of the best prediction that is the same for all examples; None where it is not known."""
    found = readings.get("errors/train_chance")
    return None if found is None else float(np.asarray(found.value, dtype=np.float64).mean())


def is_under_trained(readings: Mapping[str, Reading]) -> bool:
    """Return whether the training error falls between replicas: they have not come to the bottom of their valley.

    >>> from prunescope.api import Reading
    >>> is_under_trained({"lmc/lmc": Reading(0.02, "fraction", stderr=0.004)})
    True
    >>> is_under_trained({"lmc/lmc": Reading(0.02, "fraction", stderr=0.02)}), is_under_trained({})
    (False, False)
    """
    lmc = readings.get("lmc/lmc")
    if lmc is None:
        return False
    errors = np.asarray(0.0 if lmc.stderr is None else lmc.stderr, dtype=np.float64)
    stderr = float(np.sqrt(np.square(errors).sum()) / errors.size)  # of the mean, as if pairs were independent
    return float(np.mean(lmc.value)) > max(UNDER_TRAINED, 2 * stderr)


def still_learning(readings: Mapping[str, Reading]) -> str:
    """Say that longer retraining can still part replicas that are connected; "" where they have learned enough."""
    error = train_error(readings)
    if error > LITTLE_LEARNED:
        return f"replicas have a training error of {error_text(error)}"
    return "the training error falls between replicas" if is_under_trained(readings) else ""
