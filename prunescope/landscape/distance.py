"""How far replicas lie apart in weight space, and how much their masks share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prunescope.api.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

    from prunescope.api import Mask


def relative_l2(first: Mapping[str, Tensor], second: Mapping[str, Tensor]) -> float:
    """Distance of two weight vectors in units of their length.

    Formula: ‖a − b‖₂ / √(½ (‖a‖² + ‖b‖²)), in float64: 0 equal, √2 orthogonal and of one length, 2 opposite.
    Source: Frankle et al. 2020, appendix (L2 distance), made relative. Unit: 1; range [0, 2].
    NaN: never; two zero vectors have distance 0.

    Raises UsageError where names or shapes differ.

    >>> import torch
    >>> one, two = torch.tensor([3.0, 0.0]), torch.tensor([0.0, 3.0])
    >>> round(relative_l2({"w": one}, {"w": two}), 4), relative_l2({"w": one}, {"w": -one})
    (1.4142, 2.0)
    """
    _check(first, second)
    apart = sum(float((first[name].double() - second[name].double()).square().sum()) for name in first)
    length = sum(float(first[name].double().square().sum() + second[name].double().square().sum()) for name in first)
    return float((2 * apart / length) ** 0.5) if length else 0.0


def cosine(first: Mapping[str, Tensor], second: Mapping[str, Tensor]) -> float:
    """Cosine of the angle between two weight vectors.

    Formula: a · b / (‖a‖ ‖b‖), in float64. Source: Fort et al. 2019, section 3. Unit: 1; range [−1, 1]. NaN: never; 0
    where a vector is zero.

    Raises UsageError where names or shapes differ.

    >>> import torch
    >>> cosine({"w": torch.tensor([1.0, 0.0])}, {"w": torch.tensor([-2.0, 0.0])})
    -1.0
    """
    _check(first, second)
    product = sum(float((first[name].double() * second[name].double()).sum()) for name in first)
    lengths = [sum(float(w.double().square().sum()) for w in side.values()) for side in (first, second)]
    return float(product / (lengths[0] * lengths[1]) ** 0.5) if all(lengths) else 0.0


def jaccard(first: Mask, second: Mask) -> float:
    """Share of the weights kept by either mask that only one of them keeps.

    Formula: 1 − |A ∩ B| / |A ∪ B|: 0 equal, 1 disjoint. Source: Jaccard 1912. Unit: fraction; range [0, 1]. Two random
    masks of density d have about (2 − 2 d) / (2 − d). NaN: never; two empty masks have distance 0.

    Raises UsageError where names or shapes differ.

    >>> import torch
    >>> from prunescope.api import Mask
    >>> jaccard(Mask({"w": torch.tensor([True, True, False])}), Mask({"w": torch.tensor([True, False, True])}))
    0.6666666666666667
    """
    _check(first.kept, second.kept)
    both = sum(int((first.kept[name] & second.kept[name]).sum()) for name in first.kept)
    either = sum(int((first.kept[name] | second.kept[name]).sum()) for name in first.kept)
    return 1 - both / either if either else 0.0


def hamming(first: Mask, second: Mask) -> float:
    """Share of all prunable weights that one mask keeps and the other does not.

    Formula: |A △ B| / n: 0 equal, at most 2 min(d, 1 − d) at density d. Source: Hamming 1950. Unit:
    fraction. NaN: never.

    Raises UsageError where names or shapes differ.

    >>> import torch
    >>> from prunescope.api import Mask
    >>> hamming(Mask({"w": torch.tensor([True, True, False])}), Mask({"w": torch.tensor([True, False, True])}))
    0.6666666666666666
    """
    _check(first.kept, second.kept)
    return sum(int((first.kept[name] ^ second.kept[name]).sum()) for name in first.kept) / first.n_weights


def _check(first: Mapping[str, Tensor], second: Mapping[str, Tensor]) -> None:
    shapes = [{name: tuple(tensor.shape) for name, tensor in side.items()} for side in (first, second)]
    if odd := sorted(shapes[0].items() ^ shapes[1].items()):
        raise UsageError(f"the replicas differ in structure, first at {odd[0][0]!r}", fix="compare one architecture")
