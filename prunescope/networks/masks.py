"""Masks: keep exactly so many weights, hold them while training, and check what a plugin returns.

A mask keeps *exactly* round(density * n) weights, with Python's round. Scores that tie are kept in order: by the order
of the names, then by the flat (row-major) index in the tensor.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Literal

import torch
from torch import nn

from prunescope.api import Mask
from prunescope.api.errors import PluginError, UsageError
from prunescope.api.wording import count_text, verb_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from torch import Tensor

__all__ = [
    "apply",
    "apportion",
    "audit",
    "check_mask",
    "check_room",
    "check_within",
    "density",
    "density_left",
    "factors",
    "holder",
    "infer",
    "keep_counts",
    "keep_largest",
    "layer_counts",
    "mask_to_device",
    "per_layer_density",
    "pruned_before",
    "total",
    "whole_density",
]


# ---- choosing -----------------------------------------------------------------------------------------------------


def keep_largest(scores: Mapping[str, Tensor], density: float, *, scope: Literal["layer", "global"]) -> Mask:
    """Keep the round(density * n) largest of all n scores: ranked over the model, or within each tensor.

    With scope "layer" every tensor keeps its share of the same total, as `layer_counts` divides it.

    >>> scores = {"a": torch.tensor([4.0, 3.0, 2.0, 1.0]), "b": torch.tensor([9.0, 8.0, 7.0, 7.0])}
    >>> {name: kept.int().tolist() for name, kept in keep_largest(scores, 0.5, scope="layer").kept.items()}
    {'a': [1, 1, 0, 0], 'b': [1, 1, 0, 0]}
    >>> {name: kept.int().tolist() for name, kept in keep_largest(scores, 0.375, scope="global").kept.items()}
    {'a': [0, 0, 0, 0], 'b': [1, 1, 1, 0]}

    Raises:
        UsageError: `density` lies outside [0, 1].
        PluginError: a score is NaN.
    """
    sizes = {name: score.numel() for name, score in scores.items()}
    if scope == "layer":
        return keep_counts(scores, layer_counts(sizes, density))
    return Mask(_keep_top(_checked_scores(scores), total(sizes, density)))


def keep_counts(scores: Mapping[str, Tensor], counts: Mapping[str, int]) -> Mask:
    """Keep the `counts[name]` largest scores of each tensor; ties are kept by flat index.

    Raises:
        UsageError: a count is missing, negative or larger than its tensor.
        PluginError: a score is NaN.
    """
    for name, score in scores.items():
        if not 0 <= counts.get(name, -1) <= score.numel():
            raise UsageError(
                f"cannot keep {counts.get(name)} of the {count_text(score.numel(), 'weight')} of '{name}'",
                fix="give every tensor a count between 0 and its size",
            )
    checked = _checked_scores(scores)
    return Mask({name: _keep_top({name: score}, counts[name])[name] for name, score in checked.items()})


def layer_counts(sizes: Mapping[str, int], density: float) -> dict[str, int]:
    """Divide round(density * n) kept weights evenly: each tensor gets density * its size, to within one weight.

    >>> layer_counts({"a": 5, "b": 5, "c": 5}, 0.5)
    {'a': 3, 'b': 3, 'c': 2}
    """
    return apportion({name: density * size for name, size in sizes.items()}, total(sizes, density))


def apportion(shares: Mapping[str, float], wanted: int) -> dict[str, int]:
    """Round shares that sum to `wanted`, to within one, so that they sum to it exactly.

    Largest remainders (Hamilton's method): the floor of each share first, then one more for the largest fractions,
    ties by order. Rounding each share by itself would miss the total.

    >>> apportion({"a": 1.2, "b": 2.7, "c": 0.1}, 4)
    {'a': 1, 'b': 3, 'c': 0}
    """
    counts = {name: int(share) for name, share in shares.items()}
    by_remainder = sorted(shares, key=lambda name: counts[name] - shares[name])
    for name in by_remainder[: wanted - sum(counts.values())]:
        counts[name] += 1
    return counts


def total(sizes: Mapping[str, int], density: float) -> int:
    """Return round(density * n), the number of weights a mask keeps.

    Raises:
        UsageError: `density` lies outside [0, 1].
    """
    if not 0 <= density <= 1:
        raise UsageError(
            f"density is {density}, wanted a fraction in [0, 1]",
            fix="density = kept weights / all prunable weights; 5 % is 0.05",
        )
    return round(density * sum(sizes.values()))


_BEFORE: ContextVar[Mask | None] = ContextVar("mask before", default=None)
"""The mask of the network that is being pruned; a context's value, never a module's."""


@contextmanager
def pruned_before(mask: Mask | None) -> Iterator[None]:
    """Rank the weights that `mask` prunes below all others inside the block, whatever a pruner scores them.

    Every choice of this module then keeps kept weights only. None: the network is dense.
    """
    token = _BEFORE.set(mask)
    try:
        yield
    finally:
        _BEFORE.reset(token)


def density_left(scores: Mapping[str, Tensor]) -> float:
    """Return the largest density that these scores can keep: below 1 inside `pruned_before` alone."""
    ranked = [_below_others(name, score) for name, score in scores.items()]
    left = sum(int((score > -math.inf).sum()) for score in ranked)
    return left / max(1, sum(score.numel() for score in ranked))


def _checked_scores(scores: Mapping[str, Tensor]) -> dict[str, Tensor]:
    for name, score in scores.items():
        bad = int(torch.isnan(score).sum())
        if bad:
            raise PluginError(
                f"{bad} of the {score.numel()} scores of '{name}' are NaN, wanted numbers that can be ranked",
                fix="check the weights, and the values that the pruner computes from them, for NaN",
            )
    return {name: _below_others(name, score.detach()) for name, score in scores.items()}


def _below_others(name: str, score: Tensor) -> Tensor:
    """Return the score, minus infinity where the weight was pruned before."""
    before = _BEFORE.get()
    kept = None if before is None else before.kept.get(name)
    if kept is None or kept.shape != score.shape:
        return score
    ranked = score if score.is_floating_point() else score.double()
    return ranked.masked_fill(~kept.to(score.device), -math.inf)


def _keep_top(scores: Mapping[str, Tensor], count: int) -> dict[str, Tensor]:
    """Keep the `count` largest over all tensors: those above the count-th value, then ties in order."""
    flat = torch.cat([_rankable(score).reshape(-1) for score in scores.values()]) if scores else torch.empty(0)
    if count == 0 or (count == flat.numel() and _BEFORE.get() is None):
        return {name: torch.full_like(score, count > 0, dtype=torch.bool) for name, score in scores.items()}
    threshold = torch.kthvalue(flat, flat.numel() - count + 1).values
    if _BEFORE.get() is not None and threshold == -math.inf:
        left = int((flat > -math.inf).sum())
        raise UsageError(
            f"cannot keep {count_text(count, 'weight')} of {', '.join(scores)[:80]}: the existing mask leaves {left}",
            fix="give a lower density, rank over the whole model (scope global), or prune the dense network",
        )
    above = flat > threshold
    ties = (flat == threshold).nonzero().squeeze(1)
    above[ties[: count - int(above.sum())]] = True
    pieces = torch.split(above, [score.numel() for score in scores.values()])
    return {
        name: piece.reshape(score.shape).clone() for (name, score), piece in zip(scores.items(), pieces, strict=True)
    }


def _rankable(score: Tensor) -> Tensor:
    """Widen, exactly, the types that have no selection kernel."""
    if score.dtype == torch.bool:
        return score.to(torch.uint8)
    return score.float() if score.dtype in {torch.float16, torch.bfloat16} else score


# ---- using --------------------------------------------------------------------------------------------------------


@torch.no_grad()
def apply(model: nn.Module, mask: Mask) -> None:
    """Set the masked weights of `model` to exactly zero, in place."""
    for name, weight in _masked_parameters(model, mask).items():
        weight.masked_fill_(~mask.kept[name].to(weight.device), 0)


def factors(model: nn.Module, mask: Mask) -> tuple[list[Tensor], list[Tensor]]:
    """Return the masked parameters of `model` and, for each, 0 or 1 per weight in its type and memory layout."""
    weights: list[Tensor] = list(_masked_parameters(model, mask).values())
    return weights, [torch.empty_like(w).copy_(mask.kept[name]) for name, w in zip(mask.kept, weights, strict=True)]


def holder(model: nn.Module, mask: Mask | None) -> Callable[[], None]:
    """Return a function that zeroes the masked weights of `model`, fast: call it after every optimiser step.

    Momentum, weight decay and adaptive steps move a weight whose gradient is zero; multiplying the weights
    themselves is exact for every optimiser. Call `holder` after the model has its final device and memory format.
    """
    if mask is None:
        return lambda: None
    weights, ones = factors(model, mask)

    @torch.no_grad()
    def hold() -> None:
        torch._foreach_mul_(weights, ones)

    return hold


def check_room(before: Mask | None, density: float) -> None:
    """Raise UsageError where a network that is pruned already has no more than `density` of its weights left."""
    if before is not None and density > before.density:
        raise UsageError(
            f"the network is already pruned to density {before.density:.6g}, which is below {density:g}",
            fix="give a lower density, or prune the dense network",
        )


def check_within(mask: Mask, before: Mask | None, *, who: str) -> None:
    """Raise where a mask keeps weights that the mask before it prunes, or leaves out tensors that one covers."""
    if before is None:
        return
    left_out = sorted(set(before.kept) - set(mask.kept))
    if left_out:
        raise UsageError(
            f"{who} does not prune {left_out[0]}, which the network's mask already prunes",
            fix="prune the same layers as before (linear, first, last), or start from the dense network",
        )
    again = sum(int((mask.kept[name] & ~kept.to(mask.kept[name].device)).sum()) for name, kept in before.kept.items())
    if again:
        raise UsageError(
            f"{who} keeps {count_text(again, 'weight')} that the network's mask already prunes",
            fix="rank with prunescope.networks.masks.keep_largest, or start from the dense network",
        )


def mask_to_device(mask: Mask, device: torch.device | str) -> Mask:
    """Return the mask with its tensors on `device`."""
    return Mask({name: kept.to(device) for name, kept in mask.kept.items()})


def _masked_parameters(model: nn.Module, mask: Mask, *, who: str = "mask") -> dict[str, nn.Parameter]:
    """Return the parameters the mask names, in its order; PluginError where name or shape does not fit."""
    parameters = dict(model.named_parameters())
    for name, kept in mask.kept.items():
        if name not in parameters:
            raise PluginError(
                f"{who}: the mask names '{name}', which is not a parameter of the model",
                fix="use the names of model.named_parameters()",
            )
        if kept.shape != parameters[name].shape:
            raise PluginError(
                f"{who}: the mask of '{name}' has shape {tuple(kept.shape)}, wanted {tuple(parameters[name].shape)}",
                fix="use a mask for this architecture",
            )
    return {name: parameters[name] for name in mask.kept}


# ---- measuring ----------------------------------------------------------------------------------------------------


def whole_density(model: nn.Module, mask: Mask) -> float:
    """Return the parameters of `model` that the mask does not prune / all its parameters, in [0, 1]."""
    whole = sum(weight.numel() for weight in model.parameters())
    return 1 - (mask.n_weights - mask.n_kept) / whole if whole else 1.0


def density(mask: Mask) -> float:
    """Kept weights / all prunable weights, in [0, 1].

    >>> density(Mask({"a": torch.tensor([True, False]), "b": torch.tensor([False, False])}))
    0.25
    """
    return mask.density


def per_layer_density(mask: Mask) -> dict[str, float]:
    """Kept weights / all weights of each tensor, by name."""
    return {name: int(kept.sum()) / kept.numel() for name, kept in mask.kept.items()}


def infer(model: nn.Module | Mapping[str, Tensor], names: Iterable[str]) -> Mask | None:
    """Read a mask from the exact zeros of the named weights; None where there is not one zero.

    >>> infer({"a": torch.tensor([0.5, 0.0])}, ["a"]).kept["a"].tolist()
    [True, False]
    """
    state = model if isinstance(model, Mapping) else dict(model.named_parameters())
    mask = Mask({name: state[name].detach() != 0 for name in names})
    return None if mask.n_kept == mask.n_weights else mask


# ---- checking -----------------------------------------------------------------------------------------------------


def check_mask(mask: Mask, model: nn.Module, density: float, *, who: str = "mask", exact: bool = True) -> None:
    """Raise PluginError unless the mask is bool, fits the model, and keeps exactly round(density * n) weights.

    n counts the weights the mask covers: which weights are prunable is the pruner's choice. `who` names the plugin
    the mask comes from. exact: when False, fewer will do, down to one (a pruner of whole channels).
    """
    if not mask.kept:
        raise PluginError(f"{who}: the mask names no parameter", fix="mask at least one prunable weight tensor")
    for name, kept in mask.kept.items():
        if kept.dtype != torch.bool:
            raise PluginError(
                f"{who}: the mask of '{name}' has dtype {kept.dtype}, wanted torch.bool", fix="True = kept"
            )
    _masked_parameters(model, mask, who=who)
    wanted = total({name: kept.numel() for name, kept in mask.kept.items()}, density)
    if mask.n_kept == wanted or (not exact and 0 < mask.n_kept < wanted):
        return
    target = f"round({density} * n) = {wanted}" + ("" if exact else " at most")
    raise PluginError(
        f"{who}: the mask keeps {mask.n_kept} of {count_text(mask.n_weights, 'weight')}, wanted {target}",
        fix="use prunescope.networks.masks.keep_largest, which keeps exact counts"
        if exact
        else "remove one structure more",
    )


def audit(model: nn.Module, mask: Mask, *, who: str = "model") -> None:
    """Raise PluginError, naming the parameter and the count, if a masked weight is not exactly zero."""
    for name, weight in _masked_parameters(model, mask, who=who).items():
        moved = int(torch.count_nonzero(weight.detach()[~mask.kept[name].to(weight.device)]))
        if moved:
            raise PluginError(
                f"{who}: {count_text(moved, 'masked weight')} of '{name}' {verb_text(moved, 'are')} not zero",
                fix="zero them after every optimiser step: prunescope.networks.masks.holder",
            )
