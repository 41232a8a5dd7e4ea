"""Images and labels of an .npz of numpy, which anybody may have made: no pickles, no more than it may hold."""

from __future__ import annotations

import zipfile
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from prunescope.api.errors import InputError
from prunescope.api.regular import read_regular

if TYPE_CHECKING:
    import numpy as np

MOST = 1 << 30
"""Bytes of the file, and of each array in it."""

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
    if images.dtype != "uint8" or images.ndim != 4 or labels.shape != (len(images),):
        found = f"{IMAGES} {images.dtype} {images.shape}, {LABELS} {labels.dtype} {labels.shape}"
        raise InputError(
            f"{path} holds {found}", fix="wanted x uint8 (n, channels, height, width) and y (n,), labels from 0"
        )
    if len(images) < least:
        raise InputError(
            f"{path} holds {len(images):,} images, wanted {least:,}", fix="give fewer train_images or test_images"
        )
    return images, labels


def _unpacked(content: bytes, path: Path) -> tuple[np.ndarray, np.ndarray]:
    import numpy as np

    try:
        with zipfile.ZipFile(BytesIO(content)) as archive:
            sizes = {one.filename.removesuffix(".npy"): one.file_size for one in archive.infolist()}
        large = [name for name in (IMAGES, LABELS) if sizes.get(name, 0) > MOST]
        if large:
            raise InputError(f"{path}: {large[0]} has {sizes[large[0]]:,} bytes", fix=f"wanted at most {MOST:,}")
        with np.load(BytesIO(content), allow_pickle=False) as found:
            return found[IMAGES], found[LABELS]
    except (ValueError, KeyError, zipfile.BadZipFile, EOFError, OSError) as error:
        raise InputError(
            f"{path} is no .npz with the arrays {IMAGES} and {LABELS}: {error}",
            fix="write it with numpy.savez_compressed(file, x=images, y=labels)",
        ) from error
