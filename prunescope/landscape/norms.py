"""Norms of any library, known by what they do: inputs a thousand times as large give the same outputs."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from prunescope.api.errors import UsageError
from prunescope.landscape.guard import guarded
from prunescope.landscape.linear_flow import is_known_norm

if TYPE_CHECKING:
    from torch.utils.hooks import RemovableHandle

LARGE = (2.0**13, 2.0**26)
"""Factors that drown the ε of a norm, and saturate what is no norm."""

CLOSE = 1e-3


@torch.no_grad()
def other_norms(twin: nn.Module, shape: tuple[int, ...]) -> dict[nn.Module, int | None]:
    """Return the norms of a positive network that are none of torch's, and the axis of their weight (None: no weight).

    Each layer without layers of weights inside is called with random positive inputs of two sizes, where the network
    calls it. Norms of timm (RmsNorm, SimpleNorm, EvoNorm, FilterResponseNorm, ...) and of one's own are found so.

    Raises:
        UsageError: a norm scales in a way that is not one number along one axis.
    """
    found: dict[nn.Module, int | None] = {}
    handles: list[RemovableHandle] = []
    for name, module in twin.named_modules():
        inner = any(True for child in module.children() for _ in child.parameters())
        if not inner and not is_known_norm(module):
            handles.append(module.register_forward_hook(partial(_look, found, name)))
    device = next(twin.parameters()).device
    try:
        with guarded([twin]):
            twin(torch.ones(1, *shape, dtype=torch.float64, device=device))
    finally:
        for handle in handles:
            handle.remove()
    return found


def _look(
    found: dict[nn.Module, int | None], name: str, module: nn.Module, inputs: tuple[object, ...], output: object
) -> None:
    one = inputs[0] if len(inputs) == 1 else None
    if not isinstance(one, Tensor) or not isinstance(output, Tensor) or one.shape != output.shape or module in found:
        return
    generator = torch.Generator().manual_seed(0)
    drawn = (torch.rand(one.shape, generator=generator, dtype=torch.float64) + 0.5).to(one)
    small, large = (module.forward(drawn * factor) for factor in LARGE)
    if _same(small, large) and not _saturated(small):
        found[module] = _axis(module, name, drawn * LARGE[0], small)


def _same(one: Tensor, other: Tensor) -> bool:
    return bool(torch.allclose(one, other, rtol=CLOSE, atol=CLOSE * float(one.abs().max())))


def _saturated(output: Tensor) -> bool:
    """Whether outputs are constant, or whole numbers alone: what sigmoids and softmax give for large inputs."""
    spread = float(output.max() - output.min())
    return spread <= CLOSE * float(output.abs().max()) or bool(((output - output.round()).abs() < CLOSE).all())


def _axis(module: nn.Module, name: str, inputs: Tensor, before: Tensor) -> int | None:
    """Return the axis along which the weight of a norm lies: where doubling its first number changes the outputs."""
    weight = module._parameters.get("weight")  # noqa: SLF001 - a weight that is computed is none
    if weight is None:
        return None
    kept = weight.detach().clone()
    weight.view(-1)[0] += 1
    changed = (module.forward(inputs) - before).abs() > 0
    weight.copy_(kept)
    for axis in range(1, before.dim()):
        along = changed.transpose(0, axis).flatten(1).any(1)
        if len(along) == weight.numel() and bool(along[0]) and not bool(along[1:].any()):
            return axis
    raise UsageError(
        f"SynFlow: layer '{name}' ({type(module).__name__}) normalises, and its weight lies along no axis of its input",
        fix="prune by lamp or magnitude",
    )
