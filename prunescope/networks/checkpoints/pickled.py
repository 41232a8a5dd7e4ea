"""A whole network that was pickled: whether the network that its weights are loaded into computes the same."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import torch
from torch import nn

from prunescope.api.errors import MismatchError
from prunescope.api.wording import percent
from prunescope.networks.identity import fixed_inputs
from prunescope.networks.models import create
from prunescope.networks.outputs import main_output

if TYPE_CHECKING:
    from torch import Tensor

    from prunescope.networks.checkpoints.matching import Match

CLOSE = 1e-3
"""How far outputs may lie apart, as a share of the largest."""

WRAPPED = ("module", "_orig_mod")
"""Under which names DataParallel and torch.compile hold a network."""


def refuse_other_network(module: nn.Module, match: Match, *, source: str) -> None:
    """Raise MismatchError where a pickled network returns something else than its weights do in the matched one.

    One that is a part of a larger network, or that runs on no input tried, is not compared.
    """
    while len(dict(module.named_children())) == 1 and next(iter(dict(module.named_children()))) in WRAPPED:
        module = next(module.children())
    if set(module.state_dict()) != set(match.state):
        return
    network = create(match.spec, seed=0)
    network.load_state_dict(
        {name: tensor.float() if tensor.is_floating_point() else tensor for name, tensor in match.state.items()}
    )
    apart = _distance(module, network, (match.spec.in_chans, *match.spec.image_size))
    if apart > CLOSE:
        raise MismatchError(
            f"the {type(module).__name__} pickled in '{source}' computes something else than '{match.spec.name}' with "
            f"the same weights: outputs differ by {percent(apart)} of the largest",
            fix="give the function that builds it as it was, with its arguments: --model pkg.mod:factory",
        )


@torch.no_grad()
def _distance(one: nn.Module, other: nn.Module, shape: tuple[int, ...]) -> float:
    """Return how far the outputs of two networks lie apart, as a share of the largest; 0 where one does not run."""
    for inputs in fixed_inputs(shape, torch.float32):
        first, second = (_outputs(network, inputs) for network in (one, other))
        if first is not None and second is not None and first.shape == second.shape:
            return float((first - second).abs().max() / first.abs().max().clamp_min(1e-12))
    return 0.0


def _outputs(network: nn.Module, inputs: Tensor) -> Tensor | None:
    try:
        return main_output(copy.deepcopy(network).float().eval()(inputs.clone()), who=type(network).__name__)
    except Exception:  # noqa: BLE001 - whatever a foreign forward raises: inputs of another shape are next
        return None
