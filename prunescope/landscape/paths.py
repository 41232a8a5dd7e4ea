"""Effective density: the kept weights that lie on a path from the image to an output."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from torch.nn.modules.conv import _ConvNd

from prunescope.api import Mask
from prunescope.api.errors import UsageError
from prunescope.landscape.linear_flow import linear, positive
from prunescope.landscape.norms import other_norms

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor


def effective(model: nn.Module, mask: Mask, shape: tuple[int, ...]) -> Mask:
    """Return the kept weights that some path of kept weights joins with the image and with an output.

    The others can be removed without changing what the network computes, up to constants. Found in one pass forward and
    back through the network as a positive linear flow (prunescope.landscape.linear_flow), of which every layer passes
    on whether anything arrives at all.
    Source: Vysogorets & Kempe 2023. Shapes: shape: (channels, height, width) of an image. Its density is the
    effective density, at most that of the mask.

    Raises:
        UsageError: some output of a layer seems to lie on no path even in the unpruned network, as the queries and
            keys of attention do; or the network takes no input of ones, because it takes token ids.
    """
    whole = _reached(model, {name: torch.ones_like(kept) for name, kept in mask.kept.items()}, shape)
    cut = [name for name, reached in whole.items() if not bool(reached.flatten(1).any(1).all())]
    if cut:
        raise UsageError(
            f"some weights of {cut[0]!r} lie on no path that can be traced",
            fix="effective density is defined for networks of layers and sums, without attention",
        )
    return Mask(_reached(model, mask.kept, shape))


def _reached(model: nn.Module, kept: Mapping[str, Tensor], shape: tuple[int, ...]) -> dict[str, Tensor]:
    twin = positive(model)
    parameters = dict(twin.named_parameters())
    with torch.no_grad():
        for name, parameter in parameters.items():
            parameter.copy_(kept.get(name, parameter > 0))
    layers = [module for module in twin.modules() if isinstance(module, _ConvNd | nn.Linear)]
    handles = [layer.register_forward_hook(_whether) for layer in layers]
    at = [parameters[name].requires_grad_() for name in kept]
    try:
        with linear(twin, _norms(twin, shape)):
            outputs = _outputs(twin, torch.ones(1, *shape, dtype=torch.float64, device=at[0].device))
            gradients = torch.autograd.grad(outputs.sum(), at, materialize_grads=True)
    finally:
        for handle in handles:
            handle.remove()
    return {
        name: ones & (gradient > 0).to(ones.device)
        for (name, ones), gradient in zip(kept.items(), gradients, strict=True)
    }


def _norms(twin: nn.Module, shape: tuple[int, ...]) -> Mapping[nn.Module, int | None]:
    """Return the norms of other libraries; none where the network takes no input of ones, which `_outputs` refuses."""
    try:
        return other_norms(twin, shape)
    except RuntimeError:
        return {}


def _outputs(twin: nn.Module, ones: Tensor) -> Tensor:
    try:
        outputs: Tensor = twin(ones)
    except RuntimeError as error:
        reason = str(error).partition(";")[0]
        raise UsageError(
            f"the network does not accept an input of ones, which the search for paths requires: {reason}",
            fix="effective density is not defined for networks on token ids",
        ) from error
    return outputs


def _whether(_: nn.Module, __: tuple[Tensor, ...], outputs: Tensor) -> Tensor:
    return _Whether.apply(outputs)  # type: ignore[no-any-return]


class _Whether(torch.autograd.Function):
    """1 where anything arrives and 0 elsewhere, forward and back: sums neither grow nor fade over many layers."""

    @staticmethod
    def forward(ctx: Any, flow: Tensor) -> Tensor:  # noqa: ANN401, ARG004 - torch's protocol
        return (flow > 0).to(flow)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:  # noqa: ANN401, ARG004 - torch's protocol
        return (gradients[0] > 0).to(gradients[0])
