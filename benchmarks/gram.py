"""CKA as it is commonly written: n x n Gram matrices of numpy for every pair."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np


def cka(x: np.ndarray, y: np.ndarray) -> float:
    """Return linear CKA, biased, of features (n, p) and (n, q) in float64.

    H K H is computed as K less its means, which is faster than by products with H.
    """
    k, l = _centred(x @ x.T), _centred(y @ y.T)  # noqa: E741 - the papers' names
    return float((k * l).sum() / math.sqrt((k * k).sum() * (l * l).sum()))


def _centred(gram: np.ndarray) -> np.ndarray:
    return gram - gram.mean(0) - gram.mean(1)[:, None] + gram.mean()
