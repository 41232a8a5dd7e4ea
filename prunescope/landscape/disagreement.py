"""How far replicas differ in what they predict for the same examples."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import torch

from prunescope.api import CLASSIFICATION
from prunescope.api.errors import UsageError
from prunescope.landscape.estimate import Estimate, mean
from prunescope.landscape.guard import double, guarded

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor, nn

    from prunescope.api import Objective, Split


@dataclass(frozen=True)
class Disagreement:
    """Means over the examples for one pair of replicas."""

    disagreement: Estimate
    """Error of one on the predictions of the other; of classification, where the two predict different classes."""
    jensen_shannon: Estimate | None
    """Jensen–Shannon divergence of the probabilities they give, nat, in [0, ln 2]; None where they give none."""


def jensen_shannon(first: Tensor, second: Tensor) -> Tensor:
    """Jensen–Shannon divergence of two rows of probabilities, row by row along the last dimension.

    Formula: JS(p, q) = H(½ (p + q)) − ½ (H(p) + H(q)), H(p) = −Σ p ln p.
    Source: Lin 1991, equation 3.14. Shapes: (n, ..., outcomes) twice -> (n, ...). Unit: nat, in [0, ln 2].

    >>> jensen_shannon(torch.tensor([[1.0, 0.0], [0.5, 0.5]]), torch.tensor([[0.0, 1.0], [0.5, 0.5]]))
    tensor([0.6931, 0.0000])
    """
    middle = (first + second) / 2
    gap = _entropy(middle) - (_entropy(first) + _entropy(second)) / 2
    return gap.clamp(min=0.0)


def _entropy(p: Tensor) -> Tensor:
    entropy: Tensor = -torch.special.xlogy(p, p).sum(-1)
    return entropy


def disagreements(
    models: Sequence[nn.Module],
    split: Split,
    *,
    batch_size: int = 256,
    limit: int | None = None,
    objective: Objective = CLASSIFICATION,
) -> list[Disagreement]:
    """Prediction disagreement and Jensen–Shannon divergence of every pair (order of itertools.combinations).

    Formula: D = Σ_i e(f_A(x_i), prediction of f_B(x_i)) / n with the error e of the objective; of classification
    Σ_i [argmax f_A(x_i) ≠ argmax f_B(x_i)] / n. JS divergence of `objective.distributions`, softmax f_A(x_i) and
    softmax f_B(x_i) of classification, averaged over the examples; None where the objective has no distributions.
    Source: Fort et al. 2019, section 3 (disagreement); Lin 1991 (JS). Un-augmented examples, eval mode, float64.
    Unit: fraction in [0, 1]; nat in [0, ln 2]. Standard errors are over the examples. NaN: JS where an output is NaN.

    Raises UsageError without examples.
    """
    pairs = list(combinations(range(len(models)), 2))
    rows = []
    with guarded(models):
        for inputs, _ in split.batches(batch_size, limit=limit):
            with torch.inference_mode():
                outputs = [model(inputs) for model in models]
            rows.append(torch.stack([_compare(outputs[a], outputs[b], objective) for a, b in pairs]).cpu())
    if not rows:
        raise UsageError("there are no images for comparing predictions", fix="give a split with at least one example")
    columns = torch.cat(rows, dim=2).unbind(1)
    divergences = [mean(each) for each in columns[1]] if len(columns) > 1 else [None] * len(pairs)
    return [Disagreement(mean(d), js) for d, js in zip(columns[0], divergences, strict=True)]


def _compare(first: Tensor, second: Tensor, objective: Objective) -> Tensor:
    """Return (1 or 2, n), float64: the disagreement and, where there are probabilities, the JS divergence."""
    differ = double(objective.errors(first, objective.predictions(second)))
    one, other = objective.distributions(first), objective.distributions(second)
    if one is None or other is None:
        return differ[None]
    divergence = jensen_shannon(one, other)
    return torch.stack([differ, divergence.flatten(1).mean(1) if divergence.dim() > 1 else divergence])
