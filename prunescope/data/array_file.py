"""Images and labels of an .npz of numpy, which anybody may have made: no pickles, no more than it may hold."""

from __future__ import annotations

import zipfile
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from prunescope.api.errors import InputError
from prunescope.api.regular import read_regular
from prunescope.api.wording import count_text

if TYPE_CHECKING:
    import numpy as np

MOST = 1 << 30
"""Bytes of the file, and of the arrays in it."""

IMAGES, LABELS = "x", "y"
"""Names of the two arrays."""


def read_arrays(file: str, *, least: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the images, uint8 (n, channels, height, width), and the labels, (n,), of at least so many examples.

    Raises InputError, which names the file, for one that cannot be read, lacks an array or has too few examples.
    """
    path = Path(file)
    try:
        content = read_regular(path, most=MOST)
    except OSError as error:
        reason = error.strerror or error
        raise InputError(f"cannot read {path}: {reason}", fix="give the path of an .npz of numpy") from error
    images, labels = _unpacked(content, path)
    if images.dtype != "uint8" or images.ndim != 4 or labels.dtype.kind not in "iu" or labels.shape != images.shape[:1]:
        found = f"{IMAGES} {images.dtype} {images.shape}, {LABELS} {labels.dtype} {labels.shape}"
        raise InputError(
            f"{path} holds {found}", fix="wanted x uint8 (n, channels, height, width) and y (n,), whole numbers from 0"
        )
    if len(images) < least:
        raise InputError(
            f"{path} holds {count_text(len(images), 'image')}, wanted {least:,}",
            fix="give fewer train_images or test_images",
        )
    return images, labels


def _unpacked(content: bytes, path: Path) -> tuple[np.ndarray, np.ndarray]:
    import numpy as np

    try:
        _check_sizes(content)
        with np.load(BytesIO(content), allow_pickle=False) as found:
            return np.asarray(found[IMAGES]), np.asarray(found[LABELS])
    except Exception as error:  # a damaged archive or header can raise anything
        raise InputError(
            f"{path} is no .npz with the arrays {IMAGES} and {LABELS}: {error}",
            fix="write it with numpy.savez_compressed(file, x=images, y=labels)",
        ) from error


def _check_sizes(content: bytes) -> None:
    """Raise ValueError where the arrays would take more memory than a file may."""
    with zipfile.ZipFile(BytesIO(content)) as archive:
        sizes = {one.filename.removesuffix(".npy"): one.file_size for one in archive.infolist()}
    large = sum(sizes.get(name, 0) for name in (IMAGES, LABELS))
    if large > MOST:
        raise ValueError(f"they have {count_text(large, 'byte')}, wanted at most {MOST:,}")
