"""How far replicas differ in what they predict for the same images."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import torch

from prunescope.api.errors import UsageError
from prunescope.landscape.estimate import Estimate, mean
from prunescope.landscape.features import softmax
from prunescope.landscape.guard import guarded

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor, nn

    from prunescope.api import Split


@dataclass(frozen=True)
class Disagreement:
    """Means over the images for one pair of replicas."""

    disagreement: Estimate
    """Fraction of images for which the two predict different classes."""
    jensen_shannon: Estimate
    """Jensen–Shannon divergence of their class probabilities, nat, in [0, ln 2]."""


def jensen_shannon(first: Tensor, second: Tensor) -> Tensor:
    """Jensen–Shannon divergence of two rows of probabilities, row by row.

    Formula: JS(p, q) = H(½ (p + q)) − ½ (H(p) + H(q)), H(p) = −Σ p ln p.
    Source: Lin 1991, equation 3.14. Shapes: (n, classes) twice -> (n,). Unit: nat, in [0, ln 2].

    >>> jensen_shannon(torch.tensor([[1.0, 0.0], [0.5, 0.5]]), torch.tensor([[0.0, 1.0], [0.5, 0.5]]))
    tensor([0.6931, 0.0000])
    """
    middle = (first + second) / 2
    gap = _entropy(middle) - (_entropy(first) + _entropy(second)) / 2
    return gap.clamp(min=0.0)


def _entropy(p: Tensor) -> Tensor:
    entropy: Tensor = -torch.special.xlogy(p, p).sum(1)
    return entropy


def disagreements(
    models: Sequence[nn.Module], split: Split, *, batch_size: int = 256, limit: int | None = None
) -> list[Disagreement]:
    """Prediction disagreement and Jensen–Shannon divergence of every pair (order of itertools.combinations).

    Formula: D = Σ_i [argmax f_A(x_i) ≠ argmax f_B(x_i)] / n; JS divergence of softmax f_A(x_i) and softmax f_B(x_i),
    averaged over the images.
    Source: Fort et al. 2019, section 3 (disagreement); Lin 1991 (JS). Un-augmented images, eval mode, float64.
    Unit: fraction in [0, 1]; nat in [0, ln 2]. Standard errors are over the images. NaN: JS where a logit is NaN.

    Raises UsageError without images.
    """
    pairs = list(combinations(range(len(models)), 2))
    rows = []
    with guarded(models):
        for images, _ in split.batches(batch_size, limit=limit):
            with torch.inference_mode():
                outputs = [model(images) for model in models]
            rows.append(torch.stack([_compare(outputs[a], outputs[b]) for a, b in pairs]).cpu())
    if not rows:
        raise UsageError("no images to compare predictions on", fix="give a split with at least one image")
    differ, divergence = torch.cat(rows, dim=2).unbind(1)
    return [Disagreement(mean(d), mean(js)) for d, js in zip(differ, divergence, strict=True)]


def _compare(first: Tensor, second: Tensor) -> Tensor:
    """Return (2, n): predicted classes differ, and the Jensen–Shannon divergence."""
    divergence = jensen_shannon(softmax(first), softmax(second))
    return torch.stack([(first.argmax(1) != second.argmax(1)).to(divergence), divergence])
