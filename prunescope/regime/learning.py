"""Whether a model has learned the training data at all: where it has not, no barrier can show."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from prunescope.api import Reading

LEARNED = 0.5
"""Models that err on a larger share of the training data than this have not learned it."""


def train_error(readings: Mapping[str, Reading]) -> float:
    """Return the larger of the mean errors on the training data: as measured, and at the ends of the paths; 0 if none.

    >>> from prunescope.api import Reading
    >>> train_error({"errors/train_error": Reading(np.array([0.5, 0.75]), "fraction", axes=("replica",))})
    0.625
    """
    path, errors = (readings.get(name) for name in ("lmc/train_error_path", "errors/train_error"))
    ends = 0.0 if path is None else float(np.asarray(path.value, dtype=np.float64)[..., [0, -1]].mean())
    return max(ends, 0.0 if errors is None else float(np.asarray(errors.value, dtype=np.float64).mean()))
