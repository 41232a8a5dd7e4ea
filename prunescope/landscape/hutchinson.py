"""Trace of the Hessian by Hutchinson's estimator, with the largest eigenvalues of each batch taken out first."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from prunescope.api import CLASSIFICATION
from prunescope.api.errors import UsageError
from prunescope.landscape.estimate import Estimate
from prunescope.landscape.guard import double
from prunescope.landscape.hessian import shares, weights
from prunescope.landscape.lanes import lanes
from prunescope.landscape.operator import graph_bytes
from prunescope.landscape.replayed import gradients

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from torch import Tensor, nn

    from prunescope.api import Mask, Objective
    from prunescope.landscape.hessian import Batch, GradientOfWeights
    from prunescope.landscape.replayed import Replayed


LEAST_SHARE = 1e-11
"""Of the largest squared length in a sketch, below which a direction is rounding."""


@dataclass(frozen=True)
class Trace:
    """Trace of the Hessian; `products` Hessian-vector products of one batch each went into it."""

    estimate: Estimate
    """Value, its standard error over the random vectors, and the number of images."""
    products: int
    layers: Mapping[str, Estimate]
    """Trace of the diagonal block of each layer, by the name of the module that has the weights."""


@dataclass(frozen=True, kw_only=True)
class Stop:
    """When to draw no more vectors: at a standard error of so much of the trace, or at so many for a batch."""

    relative_stderr: float
    max_vectors: int = 256


@dataclass(frozen=True)
class _Draws:
    """What was found of one batch in one visit: the total and the trace of each tensor's block, in float64."""

    exact: Tensor
    """Part within the sketch, (1 + tensors,)."""
    random: Tensor
    """Part outside of it, (vectors, 1 + tensors)."""

    @property
    def count(self) -> int:
        """Number of random vectors."""
        return len(self.random)

    def on_cpu(self) -> _Draws:
        """Return the draws on the CPU, after all that was queued on the device is computed."""
        return _Draws(self.exact.cpu(), self.random.cpu())


def rademacher(size: int, *, generator: torch.Generator, device: torch.device | str = "cpu") -> Tensor:
    """Return a vector of independent signs, ±1 with probability ½: the bits of random words.

    The words are drawn on the CPU, so that the signs are the same on every device, and unpacked on `device`.
    """
    words = torch.empty(-(-size // 64), dtype=torch.int64).random_(-(2**63), None, generator=generator)
    shifts = torch.arange(8, dtype=torch.uint8, device=device)
    bits = (words.to(device).view(torch.uint8)[:, None] >> shifts) & 1
    return bits.flatten()[:size].float().mul_(2).sub_(1)


def trace(  # noqa: PLR0913 - the objective beside what the estimator needs
    model: nn.Module,
    batches: Sequence[Batch],
    *,
    vectors: int,
    generator: torch.Generator,
    mask: Mask | None = None,
    only: Sequence[str] = (),
    objective: Objective = CLASSIFICATION,
    sketch: int = 0,
    stop: Stop | None = None,
) -> Trace:
    """Trace of the Hessian of the mean loss over the images of `batches`, in eval mode.

    Formula: H = Σ_b w_b H_b with w_b the share of batch b in the images; tr H ≈ Σ_b w_b · mean_j v_bjᵀ H_b v_bj with
    independent Rademacher vectors v_bj, `vectors` of them for every batch. Independent vectors per batch have less
    variance than the same vectors for all batches, at the same cost; the graph of each batch is built once for all its
    vectors. With a `sketch` of k > 0: Q_b an orthonormal basis of H_b S for k random vectors S, and
    tr H_b ≈ tr(Q_bᵀ H_b Q_b) + mean_j u_bjᵀ H_b u_bj, u = (I − Q Qᵀ) v: the few large eigenvalues, which make the
    variance, are counted exactly. It costs 2 k products more for each batch.
    stderr² = Σ_b w_b² s_b² / vectors, s_b² the sample variance within batch b: it covers the random vectors,
    not the choice of images. The block of a layer: vᵀ P H u in place of uᵀ H u, P the projection on its weights.
    With `stop`, further vectors are drawn, most where w_b s_b is largest, until the standard error is small enough.
    Over all parameters, or those that match `only`; of masked tensors over the kept weights alone.
    Source: Hutchinson 1990; Yao et al. 2020 (PyHessian), section 3; Meyer et al. 2021 (Hutch++).
    Unit: the loss's / weight². NaN: where the loss is.

    Raises UsageError with fewer than two vectors, a negative sketch, or no images.
    """
    if vectors < 2:
        raise UsageError(f"{vectors} random vector gives no standard error", fix="use two vectors or more")
    if sketch < 0:
        raise UsageError(f"a sketch of {sketch} vectors", fix="use zero vectors or more")
    at, parts = weights(model, mask, only=only), shares(batches)
    visits: list[list[_Draws]] = [[] for _ in batches]
    wanted, products = [vectors] * len(batches), 0
    most = vectors + 2 * sketch if stop is None else stop.max_vectors
    size = {"products": len(batches) * most, "graph_bytes": graph_bytes(model, batches[0][0])}
    turns = lanes(lambda: gradients(model, at, objective=objective), at.device, batches=len(batches), **size)
    while any(wanted):
        drawn_now = []
        for batch, seen, count in zip(batches, visits, wanted, strict=True):
            if count:
                with turns.turn(batch) as gradient:
                    drawn_now.append((seen, _visit(gradient, count=count, sketch=sketch, generator=generator)))
        turns.finish()  # nothing is copied from the device before all batches are queued
        for seen, draws in drawn_now:
            seen.append(draws.on_cpu())
            products += draws.count + 2 * sketch
        wanted = _more(visits, parts, stop) if stop else [0]
    n = sum(len(labels) for _, labels in batches)
    value, variance = _pooled(visits, parts)
    found = [Estimate(float(v), math.sqrt(s), n) for v, s in zip(value, variance, strict=True)]
    return Trace(found[0], products, _by_layer(list(at.leaves), visits, parts, n=n))


def _visit(gradient: GradientOfWeights | Replayed, *, count: int, sketch: int, generator: torch.Generator) -> _Draws:
    """Draw random vectors on one graph."""
    size, like = gradient.at.size, next(iter(gradient.at.leaves.values())).detach()

    def draw() -> Tensor:
        return rademacher(size, generator=generator, device=like.device).to(like)

    basis = (
        _basis(torch.stack([gradient.product(draw()) for _ in range(sketch)])) if sketch else like.new_zeros(0, size)
    )
    exact = [gradient.forms(row, row) for row in basis]
    random = []
    for _ in range(count):
        vector = draw()
        random.append(gradient.forms(vector, vector - (basis @ vector) @ basis))
    none = random[0].new_zeros(1, len(random[0]))
    return _Draws(torch.stack(exact).sum(0) if exact else none[0], torch.stack(random))


def _basis(rows: Tensor) -> Tensor:
    """Return an orthonormal basis of the space of `rows`, as rows; rows of zeros are the dimensions it lacks.

    Formula: with A Aᵀ = V Λ Vᵀ in float64, Q = Λ^(−½) Vᵀ A, and the same once more on Q: rows of a few million numbers
    take two products with a matrix of their few inner products, where a QR decomposition takes a pass for each.
    """
    basis = double(rows)
    for _ in range(2):
        values, vectors = torch.linalg.eigh(basis @ basis.T)
        inside = values > LEAST_SHARE * values[-1]
        scale = torch.where(inside, values.clamp(min=torch.finfo(values.dtype).tiny).rsqrt(), 0)
        basis = (scale[:, None] * vectors.T) @ basis
    return basis.to(rows)


def _pooled(visits: Sequence[Sequence[_Draws]], parts: Sequence[float]) -> tuple[Tensor, Tensor]:
    """Return the estimates and their variances: every visit weighs as many vectors as it drew."""
    value = variance = torch.zeros(())
    for share, seen in zip(parts, visits, strict=True):
        total = sum(draws.count for draws in seen)
        for draws in seen:
            weight = share * draws.count / total
            value = value + weight * (draws.exact + draws.random.mean(0))
            variance = variance + weight**2 * draws.random.var(0) / draws.count
    return value, variance


def _more(visits: Sequence[Sequence[_Draws]], parts: Sequence[float], stop: Stop) -> list[int]:
    """Return how many vectors each batch needs beyond those it has (Neyman's allocation); zeros when it is enough."""
    value, variance = _pooled(visits, parts)
    target = (stop.relative_stderr * float(value[0])) ** 2
    if float(variance[0]) <= target:
        return [0] * len(visits)
    spread = [share * math.sqrt(_within(seen)) for share, seen in zip(parts, visits, strict=True)]
    counts = [sum(draws.count for draws in seen) for seen in visits]
    goal = [stop.max_vectors if target == 0 else math.ceil(each * sum(spread) / target) for each in spread]
    more = [min(wanted, stop.max_vectors) - have for wanted, have in zip(goal, counts, strict=True)]
    return [max(count, 2) if count > 0 else 0 for count in more]


def _within(seen: Sequence[_Draws]) -> float:
    """Variance of one draw within a batch, pooled over the visits."""
    freedom = sum(draws.count - 1 for draws in seen)
    return sum(float(draws.random[:, 0].var()) * (draws.count - 1) for draws in seen) / freedom


def _by_layer(
    names: Sequence[str], visits: Sequence[Sequence[_Draws]], parts: Sequence[float], *, n: int
) -> dict[str, Estimate]:
    """Add up the tensors of each module, draw by draw."""
    layers: dict[str, list[int]] = {}
    for column, name in enumerate(names, start=1):
        layers.setdefault(name.rpartition(".")[0] or name, []).append(column)
    summed = [[_columns(draws, list(layers.values())) for draws in seen] for seen in visits]
    value, variance = _pooled(summed, parts)
    return {name: Estimate(float(v), math.sqrt(s), n) for name, v, s in zip(layers, value, variance, strict=True)}


def _columns(draws: _Draws, groups: Sequence[Sequence[int]]) -> _Draws:
    exact = torch.stack([draws.exact[list(group)].sum() for group in groups])
    return _Draws(exact, torch.stack([draws.random[:, list(group)].sum(1) for group in groups], dim=1))
