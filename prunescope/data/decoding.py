"""Decoded images and labels of timm's data sets, one after another or by index, never a damaged one skipped."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
from PIL import Image, UnidentifiedImageError

from prunescope.api.errors import InputError
from prunescope.api.wording import count_text
from prunescope.data.file_digests import digest_files
from prunescope.data.row_digests import digest_rows
from prunescope.data.shard_digests import digest_shards

if TYPE_CHECKING:
    from collections.abc import Iterator

Mode = Literal["L", "RGB"]


@dataclass(frozen=True, kw_only=True)
class Indexed:
    """A timm or torchvision data set whose images can be read in any order."""

    name: str
    dataset: Any

    def __len__(self) -> int:
        return len(self.dataset)

    def read(self, index: int) -> tuple[Image.Image, int]:
        """Return one image and its label; InputError for an image that cannot be decoded.

        timm's own reading replaces a damaged image by the next one, which would change the data in silence.
        """
        refuse_postscript()
        try:
            if not hasattr(self.dataset, "reader"):
                image, label = self.dataset[index]
                return eight_bit(image), int(label)
            file, label = self.dataset.reader[index]
            with file:
                image = Image.open(file)
                _check_sides(image)
                image.load()
            image = eight_bit(image)
        except (OSError, SyntaxError, ValueError, UnidentifiedImageError, Image.DecompressionBombError) as error:
            raise InputError(
                f"{self.name}: image {index} ({self._filename(index)}) cannot be read: {error}",
                fix="scale it down: images are resized anyway"
                if isinstance(error, Image.DecompressionBombError)
                else "replace the file or take it out of the data set",
            ) from error
        return image, int(label)

    def __iter__(self) -> Iterator[tuple[Image.Image, int]]:
        for index in range(len(self)):
            yield self.read(index)

    def arrays(self, mode: Mode) -> tuple[np.ndarray, np.ndarray] | None:
        """Return all images (n, channels, height, width) and labels where the data set holds them undivided."""
        images, labels = getattr(self.dataset, "data", None), getattr(self.dataset, "targets", None)
        if images is None or labels is None or np.ndim(labels) != 1 or len(images) != len(labels):
            return None
        pixels = np.asarray(images)
        if pixels.dtype != np.uint8 or pixels.ndim != (3 if mode == "L" else 4):
            return None
        return (pixels[:, None] if mode == "L" else pixels.transpose(0, 3, 1, 2)), np.asarray(labels, dtype=np.int64)

    def digest(self) -> str:
        """Return a digest of the content: of the bytes of every file and its label, in the order of the images.

        Of data that a library holds without files, of its arrays; else of what it hands out, image by image.
        """
        samples = _samples(self.dataset)
        if samples is not None:
            root = Path(self.dataset.reader.root if hasattr(self.dataset, "reader") else self.dataset.root)
            digests = digest_files(root, [Path(path) for path, _ in samples])
            lines = [f"{digest} {label}" for digest, (_, label) in zip(digests, samples, strict=True)]
        elif isinstance(held := getattr(self.dataset, "data", None), np.ndarray | torch.Tensor):
            pixels, labels = np.asarray(held), np.asarray(getattr(self.dataset, "targets", ()))
            lines = [hashlib.sha256(np.ascontiguousarray(part).tobytes()).hexdigest() for part in (pixels, labels)]
            lines.append(f"{pixels.dtype} {pixels.shape}")
        else:
            return digest_rows(self.dataset, name=self.name)
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()

    def _filename(self, index: int) -> str:
        try:
            return str(self.dataset.filename(index))
        except (AttributeError, NotImplementedError, KeyError, TypeError):
            return "no file name"


def _samples(dataset: Any) -> list[tuple[Any, Any]] | None:  # noqa: ANN401 - timm's or torchvision's
    """Return (path, label) of each image where a data set keeps a list of its files."""
    held = getattr(dataset, "reader", dataset)
    for name in ("samples", "imgs"):  # Places365 has the latter alone
        if (found := getattr(held, name, None)) is not None:
            return list(found)
    return None


@dataclass(frozen=True, kw_only=True)
class Sequential:
    """A timm data set that can be read only from first to last: shards of WebDataset or TensorFlow records."""

    name: str
    dataset: Any

    def __len__(self) -> int:
        return len(self.dataset)

    def __iter__(self) -> Iterator[tuple[Image.Image, int]]:
        count = 0
        refuse_postscript()
        for image, label in self.dataset:
            count += 1
            yield eight_bit(image), int(label)
        if count != len(self):
            raise InputError(
                f"{self.name}: {count_text(count, 'image')} could be read, {len(self)} were expected",
                fix="check for damaged shards, or correct the number in _info.json or after the | of the split",
            )

    def arrays(self, _mode: Mode) -> None:
        """Return None: the images are never held undivided."""

    def digest(self) -> str:
        """Return a digest of the number of images and of what they are read from; see `shard_digests.digest_shards`."""
        lines = [str(len(self)), *digest_shards(self.dataset.reader, name=self.name)]
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()


ImageSource = Indexed | Sequential


SLIMMEST = 2000
"""How many times longer than the other a side may be: scaled by its shorter side, an image grows as its longer one."""


def _check_sides(image: Image.Image) -> None:
    """Raise ValueError for an image that is nearly a line."""
    if max(image.size) > SLIMMEST * max(1, min(image.size)):
        raise ValueError("it has {}x{} pixels, one side more than {:,} times the other".format(*image.size, SLIMMEST))


def refuse_postscript() -> None:
    """Let Pillow know no PostScript from now on: Ghostscript would execute the program that such an image is."""
    from PIL import EpsImagePlugin  # first, as it registers what is replaced then

    Image.register_open(EpsImagePlugin.EpsImageFile.format, EpsImagePlugin.EpsImageFile, accept=lambda _: False)


DEPTH = 257
"""65,535 / 255: from 16 bits to 8."""


def eight_bit(image: Image.Image) -> Image.Image:
    """Return the image with 8 bits a channel: 16 bits are scaled, where Pillow would make all above 255 white.

    Raises ValueError for whole numbers of more bits, and for fractions: their range is not known.
    """
    if not image.mode.startswith(("I", "F")):
        return image
    pixels = np.asarray(image)
    if image.mode == "F" or pixels.min() < 0 or pixels.max() > 255 * DEPTH:
        raise ValueError(f"its pixels are of Pillow's mode {image.mode!r}, from {pixels.min():g} to {pixels.max():g}")
    return Image.fromarray(np.rint(pixels / DEPTH).astype(np.uint8))


def decode(source: ImageSource, transform: Any, *, mode: Mode) -> tuple[torch.Tensor, torch.Tensor]:  # noqa: ANN401 - timm's
    """Return all images as uint8 (n, channels, height, width) through a transform that gives uint8 arrays."""
    images, labels = [], []
    for image, label in source:
        images.append(torch.from_numpy(np.ascontiguousarray(transform(image.convert(mode)))))
        labels.append(label)
    return torch.stack(images), torch.tensor(labels, dtype=torch.int64)
