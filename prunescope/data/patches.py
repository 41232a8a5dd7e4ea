"""The `patches` images: a procedural ten-class image set whose difficulty is set by its options.

Each class owns a few smooth random prototype patches. An image is a smooth random background, one prototype of its
class at a random place with random contrast, a prototype of another class at a fraction of that strength, and white
noise. Every part draws from its own stream of random numbers, so that changing one option leaves the rest of the
images as they were, and the test images do not depend on the number of training images.

All arithmetic is elementwise in float64 or a sum in fixed order: equal options give equal bytes on every machine.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from prunescope.api.errors import UsageError
from prunescope.api.wording import count_text

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

NUM_CLASSES = 10
LEVELS_PER_UNIT = 32.0
"""Grey levels per unit of image value; the value 0 is the level 128."""
MOST_VALUES = 1 << 44
"""Values of an array that are asked for; numpy has other errors for shapes beyond."""
_PARTS = (
    "prototypes",
    "directions",
    "labels",
    "background",
    "which",
    "place",
    "contrast",
    "distractor class",
    "distractor which",
    "distractor place",
    "noise",
    "wrong labels",
)


@dataclass(frozen=True, kw_only=True)
class PatchesOptions:
    """What the images are like; the defaults are those of the data set `patches`."""

    size: int = 8
    channels: int = 3
    patch: int = 5
    prototypes: int = 2
    background: float = 0.4
    distractor: float = 0.5
    noise: float = 0.4
    intrinsic_dimension: int | None = None
    seed: int = 0


@dataclass(frozen=True)
class Patches:
    """Images, uint8 (n, channels, size, size), and their labels, int64 (n,)."""

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]


def generate(options: PatchesOptions, n: int, *, split: int, label_noise: float = 0.0) -> Patches:
    """Return `n` images of one split (0: training, 1: test), `round(label_noise * n)` of them with a wrong label.

    Classes are balanced: of n images, each class has n // 10 or one more. Raises UsageError for a patch larger than
    the image, or more dimensions than the image has values; MemoryError for more values than any machine holds.
    """
    _check(options)
    if options.channels * max(n * options.size**2, NUM_CLASSES * options.prototypes * options.patch**2) > MOST_VALUES:
        raise MemoryError
    true = _generator(options, split, "labels").permutation(np.arange(n) % NUM_CLASSES)
    images = options.background * smooth(
        _normal(options, split, "background", (n, options.channels, options.size, options.size)),
        passes=max(1, options.size // 4),
    )
    contrast = _generator(options, split, "contrast").uniform(0.5, 1.5, size=n)
    _add_prototypes(images, true, contrast, options=options, split=split, role="")
    other = (true + _generator(options, split, "distractor class").integers(1, NUM_CLASSES, size=n)) % NUM_CLASSES
    _add_prototypes(images, other, options.distractor * contrast, options=options, split=split, role="distractor ")
    images += options.noise * _normal(options, split, "noise", images.shape)
    if options.intrinsic_dimension is not None:
        images = project(images, _directions(options))
    return Patches(_quantise(images), _mislabel(true, label_noise, _generator(options, split, "wrong labels")))


def smooth(images: Array, *, passes: int) -> Array:
    """Blur by the binomial filter (1, 2, 1)/4 along both image axes, `passes` times, and scale to unit variance.

    Borders are repeated. Each image is scaled by the root mean square over its channels and pixels.
    """
    for _ in range(passes):
        for axis in (-2, -1):
            images = _blur(images, axis)
    return images / np.sqrt(_mean_square(images))[:, None, None, None]


def project(images: Array, directions: Array) -> Array:
    """Project each image (n, c, h, w) on the span of the orthonormal `directions` (d, c, h, w), and enlarge.

    The factor is sqrt(p / 2d) for p = c * h * w values per image, at least 1: smooth directions hold about 2d / p of
    the variance, so the contrast stays about what it was, far above the steps of one grey level.
    """
    pixels = images.reshape(len(images), -1)
    projected = np.zeros_like(pixels)
    for direction in directions.reshape(len(directions), -1):
        projected += _inner(pixels, direction)[:, None] * direction
    factor = math.sqrt(max(1.0, pixels.shape[1] / (2 * len(directions))))
    return factor * projected.reshape(images.shape)


def _check(options: PatchesOptions) -> None:
    if options.patch > options.size:
        raise UsageError(
            f"patches of {count_text(options.patch, 'pixel')} do not fit into images of {options.size}",
            fix=f"give a patch of at most {count_text(options.size, 'pixel')}, or larger images",
        )
    values = options.channels * options.size**2
    if options.intrinsic_dimension is not None and not 1 <= options.intrinsic_dimension <= values:
        raise UsageError(
            f"an intrinsic dimension of {options.intrinsic_dimension} is impossible in images of "
            f"{count_text(values, 'value')}",
            fix=f"give 1 to {values}, or none",
        )


def _generator(options: PatchesOptions, split: int, part: str) -> np.random.Generator:
    seeds = np.random.SeedSequence((options.seed, split, _PARTS.index(part)))
    return np.random.Generator(np.random.PCG64(seeds))


def _normal(options: PatchesOptions, split: int, part: str, shape: tuple[int, ...]) -> Array:
    return _generator(options, split, part).standard_normal(shape)


def _blur(images: Array, axis: int) -> Array:
    width = [(0, 0)] * images.ndim
    width[axis] = (1, 1)
    padded = np.moveaxis(np.pad(images, width, mode="edge"), axis, 0)
    return np.moveaxis(0.25 * (padded[:-2] + padded[2:]) + 0.5 * padded[1:-1], 0, axis)


def _inner(rows: Array, direction: Array) -> Array:
    """Inner product of each row with `direction`, summed over the columns from first to last."""
    return np.add.accumulate(rows * direction, axis=1)[:, -1]


def _mean_square(images: Array) -> Array:
    pixels = images.reshape(len(images), -1)
    return np.add.accumulate(pixels * pixels, axis=1)[:, -1] / pixels.shape[1]


def _prototypes(options: PatchesOptions) -> Array:
    """Smooth patches of unit mean square, (classes * prototypes, channels, patch, patch)."""
    shape = (NUM_CLASSES * options.prototypes, options.channels, options.patch, options.patch)
    return smooth(_normal(options, 0, "prototypes", shape), passes=max(1, options.patch // 4))


def _directions(options: PatchesOptions) -> Array:
    """Orthonormal smooth directions (d, c, h, w), by modified Gram-Schmidt."""
    shape = (options.intrinsic_dimension or 0, options.channels, options.size, options.size)
    directions = smooth(_normal(options, 0, "directions", shape), passes=1).reshape(shape[0], -1)
    for i in range(len(directions)):
        for j in range(i):
            directions[i] -= _inner(directions[i : i + 1], directions[j])[0] * directions[j]
        directions[i] /= np.sqrt(_inner(directions[i : i + 1], directions[i])[0])
    return directions.reshape(shape)


def _add_prototypes(
    images: Array, classes: NDArray[np.int64], strength: Array, *, options: PatchesOptions, split: int, role: str
) -> None:
    """Add to each image, in place, a random prototype of its class at a random place."""
    n = len(images)
    which = _generator(options, split, f"{role}which").integers(options.prototypes, size=n)
    corner = _generator(options, split, f"{role}place").integers(options.size - options.patch + 1, size=(2, n))
    inside = np.arange(options.patch)
    rows = (corner[0][:, None] + inside)[:, None, :, None]
    columns = (corner[1][:, None] + inside)[:, None, None, :]
    channels = np.arange(options.channels)[None, :, None, None]
    patches = _prototypes(options)[classes * options.prototypes + which]
    images[np.arange(n)[:, None, None, None], channels, rows, columns] += strength[:, None, None, None] * patches


def _quantise(images: Array) -> NDArray[np.uint8]:
    return np.clip(np.rint(128.0 + LEVELS_PER_UNIT * images), 0, 255).astype(np.uint8)


def _mislabel(labels: NDArray[np.int64], fraction: float, generator: np.random.Generator) -> NDArray[np.int64]:
    wrong = generator.permutation(len(labels))[: round(fraction * len(labels))]
    noisy = labels.copy()
    noisy[wrong] = (labels[wrong] + generator.integers(1, NUM_CLASSES, size=len(wrong))) % NUM_CLASSES
    return noisy
