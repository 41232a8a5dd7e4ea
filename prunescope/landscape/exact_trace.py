"""The Hessian's trace without random vectors, where the network is piecewise linear in every weight."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from prunescope.api import CLASSIFICATION
from prunescope.api.objective import Classification
from prunescope.api.progress import add_passes
from prunescope.landscape.estimate import Estimate
from prunescope.landscape.guard import double, guarded
from prunescope.landscape.halving import in_halves
from prunescope.landscape.hessian import shares, weights
from prunescope.landscape.hutchinson import Trace
from prunescope.landscape.operator import join_batches
from prunescope.landscape.piecewise import NotPiecewiseLinear, piecewise_layers
from prunescope.landscape.squared_gradients import squared_sums

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from torch import Tensor, nn

    from prunescope.api import Mask, Objective
    from prunescope.landscape.hessian import Batch, NamedWeights
    from prunescope.landscape.piecewise import Layer


def exact_trace(
    model: nn.Module,
    batches: Sequence[Batch],
    *,
    mask: Mask | None = None,
    only: Sequence[str] = (),
    objective: Objective = CLASSIFICATION,
    most_classes: int | None = None,
) -> Trace:
    """Return the trace of the Hessian of the mean cross-entropy over `batches`, in eval mode, to rounding.

    Formula: with logits z_n(w), probabilities p_n, targets q_n and J_n = ∂z_n/∂w,
    H = 1/N Σ_n [J_nᵀ S_n J_n + Σ_c (p_nc − q_nc) ∂²z_nc],
    S_n = diag(p_n) − p_n p_nᵀ = Σ_c p_nc (e_c − p_n)(e_c − p_n)ᵀ. Where the network is piecewise linear in every weight
    taken by itself (ReLU, pooling, sums; normalisation by fixed statistics), ∂²z/∂w² = 0 on the diagonal, and so
    tr H = 1/N Σ_n Σ_c ‖J_nᵀ √p_nc (e_c − p_n)‖²: a gradient for every class, squared image by image. Kinks have no
    second derivative, as in automatic differentiation. The block of a layer is the part of its weights.
    Over all parameters, or those that match `only`; of masked tensors over the kept weights alone.
    Source: Schraudolph 2002 (the Gauss-Newton matrix); Botev et al. 2017 (in piecewise linear networks its diagonal
    blocks are those of the Hessian); Goodfellow 2015 (norms of single gradients).
    Unit: nat / weight². stderr: 0. NaN: where a logit is. `products`: 0, since no Hessian-vector product is taken.

    Raises NotPiecewiseLinear where the network or the loss is not of this kind, or has more than `most_classes`;
    UsageError without images.
    """
    if type(objective) is not Classification:
        raise NotPiecewiseLinear(f"{objective.loss_name} is not the cross-entropy of classes")
    at, n = weights(model, mask, only=only), sum(len(labels) for _, labels in batches)
    shares(batches)  # which requires images
    names = {id(leaf): name for name, leaf in at.leaves.items()}
    if at.device.type == "cuda":
        batches = join_batches(model, batches)
    kept, found = _kept(at), dict.fromkeys(at.leaves, 0.0)
    for number, (images, _) in enumerate(batches):

        def squared(items: slice, images: Tensor = images, *, check: bool = not number) -> dict[str, float]:
            logits, layers = piecewise_layers(model, at.leaves, images[items], check=check)
            if logits.dim() != 2 or logits.shape[1] > (most_classes or logits.shape[1]):
                raise NotPiecewiseLinear(f"outputs of shape {tuple(logits.shape)} are not logits of few enough classes")
            return _squared(logits, layers, names=names, kept=kept)

        for part in in_halves(squared, len(images)):
            for name, squares in part.items():
                found[name] += squares / n
    return Trace(Estimate(sum(found.values()), 0.0, n), 0, _by_layer(found, n=n))


def _kept(at: NamedWeights) -> dict[str, Tensor | None]:
    """Return the flags of the kept weights of every tensor that has some; None where all are kept."""
    if at.kept is None:
        return dict.fromkeys(at.leaves)
    sizes = [leaf.numel() for leaf in at.leaves.values()]
    flags = dict(zip(at.leaves, torch.split(at.kept, sizes), strict=True))
    return {name: None if each.all() else each for name, each in flags.items() if each.any()}


def _squared(
    logits: Tensor, layers: Sequence[Layer], *, names: Mapping[int, str], kept: Mapping[str, Tensor | None]
) -> dict[str, float]:
    """Return Σ_n Σ_c of the squared gradients of every tensor; a backward pass for every class."""
    parts = [part for layer in layers if (part := _part(layer, names=names, kept=kept)) is not None]
    chances = double(logits.detach()).softmax(1)
    units = torch.eye(logits.shape[1], dtype=chances.dtype, device=chances.device)
    total: dict[str, Tensor] = {}
    outputs = [output for output, _ in parts]
    for number, unit in enumerate(units):
        along = (chances[:, number, None].sqrt() * (unit - chances)).to(logits)
        with guarded([]):
            found = torch.autograd.grad(logits, outputs, along, retain_graph=True, allow_unused=True)
            for (_, sums), at in zip(parts, found, strict=True):
                if at is not None:
                    for name, squares in sums(at).items():
                        total[name] = total.get(name, 0) + squares
        add_passes(2 * len(logits))
    return {name: float(squares) for name, squares in total.items()}


def _part(
    layer: Layer, *, names: Mapping[int, str], kept: Mapping[str, Tensor | None]
) -> tuple[Tensor, Callable[[Tensor], dict[str, Tensor]]] | None:
    """Return the output of a layer, and what sums the squares of its tensors by their full names; None without any."""
    own = {role: names.get(id(layer.arguments[role]), "") for role in ("weight", "bias")}
    wanted = {role: name for role, name in own.items() if name in kept}
    if not wanted:
        return None
    squares = squared_sums(layer, {role: kept[name] for role, name in wanted.items()})
    return layer.output, lambda at: {wanted[role]: found for role, found in squares(at).items()}


def _by_layer(found: Mapping[str, float], *, n: int) -> dict[str, Estimate]:
    """Add up the tensors of each module."""
    layers: dict[str, float] = {}
    for name, part in found.items():
        layer = name.rpartition(".")[0] or name
        layers[layer] = layers.get(layer, 0.0) + part
    return {layer: Estimate(value, 0.0, n) for layer, value in layers.items()}
