"""Classes, channels and image size of a network of one's own, solved from the shapes of its tensors.

A function of a person's own does not say which tensor is the head. So the network is built twice, with one number
changed: a dimension that follows it has a slope, and the file's length of that dimension gives the number.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING, Literal

from prunescope.api.errors import PrunescopeError

if TYPE_CHECKING:
    from collections.abc import Callable

    from prunescope.networks.checkpoints.fingerprints import Shapes
    from prunescope.networks.spec import ModelSpec

SIDES = (8, 16, 28, 32, 48, 64, 96, 112, 128, 160, 192, 224, 240, 256, 288, 299, 320, 331, 384, 448, 512)
"""Sides of square images, in pixels, of which one may be the file's."""


def solve_sizes(spec: ModelSpec, have: Shapes, shapes_of: Callable[[ModelSpec], Shapes]) -> ModelSpec:
    """Return the spec whose network has the shapes of a file, as far as classes, channels and image size decide.

    shapes_of: builds a network and returns its shapes; it may raise PrunescopeError. The spec itself is returned where
    nothing fits better.
    """
    if shapes_of(spec) == have:
        return spec
    solved = _solve(_solve(spec, "num_classes", have, shapes_of), "in_chans", have, shapes_of)
    if _is_row(spec, solved, have):
        solved = replace(solved, image_size=())
    for side in SIDES if _shapes(solved, shapes_of) != have and len(spec.image_size) == 2 else ():
        square = replace(solved, image_size=(side, side))
        if _shapes(square, shapes_of) == have:
            return square
    return solved


def _solve(
    spec: ModelSpec,
    field: Literal["num_classes", "in_chans"],
    have: Shapes,
    shapes_of: Callable[[ModelSpec], Shapes],
) -> ModelSpec:
    """Return the spec with the one number that every dimension of the file agrees on."""
    before: int = getattr(spec, field)
    base = _shapes(spec, shapes_of)
    for probe in (before + 1, 2 * before):  # attention divides its width: not every number can be built
        other = _shapes(_with(spec, field, probe), shapes_of)
        if not base or not other:
            continue
        found = {
            before + Fraction(wanted - now) * (probe - before) / (then - now)
            for wanted, now, then in _dimensions(have, base, other)
            if then != now
        }
        if len(found) == 1 and (value := found.pop()).denominator == 1 and value > 0:
            return _with(spec, field, int(value))
    return spec


def _with(spec: ModelSpec, field: Literal["num_classes", "in_chans"], value: int) -> ModelSpec:
    return replace(spec, num_classes=value) if field == "num_classes" else replace(spec, in_chans=value)


def _dimensions(have: Shapes, base: Shapes, other: Shapes) -> list[tuple[int, int, int]]:
    """Return each dimension of the tensors that all three have: of the file, before, and after the change."""
    return [
        dimensions
        for name in have.keys() & base.keys() & other.keys()
        if len(have[name]) == len(base[name]) == len(other[name])
        for dimensions in zip(have[name], base[name], other[name], strict=True)
    ]


def _is_row(spec: ModelSpec, solved: ModelSpec, have: Shapes) -> bool:
    """Whether the network takes rows of numbers: its channels were a guess, and a matrix takes just as many."""
    matrices = all(len(shape) <= 2 for shape in have.values())
    taken = any(len(shape) == 2 and shape[1] == solved.in_chans for shape in have.values())
    return solved.in_chans != spec.in_chans and matrices and taken


def _shapes(spec: ModelSpec, shapes_of: Callable[[ModelSpec], Shapes]) -> Shapes:
    try:
        return shapes_of(spec)
    except PrunescopeError:
        return {}
