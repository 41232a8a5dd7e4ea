"""The handwritten digits that come with prunescope, and their division by class.

Source: E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits, UCI Machine Learning Repository (1998),
licence CC BY 4.0; the 1,797 images of its test set, as scikit-learn has them. The division is that of scikit-learn's
`train_test_split(..., stratify=labels)`, so that a seed means the same images.
"""

from __future__ import annotations

from importlib.resources import files
from io import BytesIO
from typing import TYPE_CHECKING

from prunescope.api.wording import count_text

if TYPE_CHECKING:
    import numpy as np

FILE = "digits.npz"


def read_digits() -> tuple[np.ndarray, np.ndarray]:
    """Return the images, uint8 (1797, 8, 8) in 17 grey levels 0..16, and the labels 0..9, int64 (1797,)."""
    import numpy as np

    with np.load(BytesIO(files("prunescope.data").joinpath(FILE).read_bytes()), allow_pickle=False) as found:
        return found["images"], found["labels"].astype(np.int64)


def divide_by_class(labels: np.ndarray, *, test: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the places of the training and of the test examples: the same share of each class, shuffled.

    seed: of numpy's RandomState, whose stream is fixed for good.
    Raises ValueError where a class has no example for one of both.
    """
    import numpy as np

    random = np.random.RandomState(seed)
    _, classes, counts = np.unique(labels, return_inverse=True, return_counts=True)
    places = np.split(np.argsort(classes, kind="stable"), np.cumsum(counts)[:-1])
    if not len(counts) <= test <= len(labels) - len(counts):
        raise ValueError(
            f"{test} of {count_text(len(labels), 'example')} for testing leave a class of {len(counts)} without any"
        )
    of_training = _apportion(counts, len(labels) - test, random)
    of_testing = _apportion(counts - of_training, test, random)
    training, testing = list[int](), list[int]()
    for mine, first, second in zip(places, of_training, of_testing, strict=True):
        shuffled = mine[random.permutation(len(mine))]
        training.extend(shuffled[:first])
        testing.extend(shuffled[first : first + second])
    return random.permutation(training), random.permutation(testing)


def _apportion(counts: np.ndarray, draws: int, random: np.random.RandomState) -> np.ndarray:
    """Return how many of the draws each class gets: the largest remainders are rounded up, ties at random."""
    import numpy as np

    shares = counts / counts.sum() * draws
    found = np.floor(shares)
    remainder, missing = shares - found, int(draws - found.sum())
    for value in np.unique(remainder)[::-1]:
        if missing == 0:
            break
        (tied,) = np.where(remainder == value)
        chosen = random.choice(tied, size=min(len(tied), missing), replace=False)
        found[chosen] += 1
        missing -= len(chosen)
    return np.asarray(found, dtype=int)
