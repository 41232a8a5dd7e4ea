"""One file of weights and masks as `torch.nn.utils.prune` keeps them: `X_orig` and `X_mask`."""

from __future__ import annotations

import copy
from functools import partial
from typing import TYPE_CHECKING

import torch
from torch.nn.utils import prune

from prunescope.api.errors import UsageError
from prunescope.networks.exports.artefact import Artefact, ExportSubject
from prunescope.networks.exports.comparison import compare_outputs, outputs_of
from prunescope.networks.exports.serialised import state_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from torch import Tensor, nn

    from prunescope.api import Mask


def export_to_torch_prune(subject: ExportSubject) -> Artefact:
    """Return a state_dict whose masked weights are `X_orig` and `X_mask` (1 = kept), as `prune.identity` names them.

    Raises UsageError for a network that is not pruned.
    """
    checkpoint = subject.checkpoint
    if checkpoint.mask is None:
        raise UsageError("the network has no mask", fix="prune it first: prunescope prune magnitude RUN --density 0.1")
    return Artefact(
        files={"": state_bytes(pruned_state(checkpoint.state, checkpoint.mask))},
        load="prunescope.networks.exports.to_torch_prune.load_masks(network, torch.load({path!r}))",
        check=partial(_check_in_torch_prune, subject),
    )


def pruned_state(state: Mapping[str, Tensor], mask: Mask) -> dict[str, Tensor]:
    """Return a state_dict under the names of `torch.nn.utils.prune`.

    >>> from prunescope.api import Mask
    >>> state = {"weight": torch.tensor([1.0, 0.0]), "bias": torch.zeros(1)}
    >>> sorted(pruned_state(state, Mask({"weight": torch.tensor([True, False])})))
    ['bias', 'weight_mask', 'weight_orig']
    """
    found = {name: tensor for name, tensor in state.items() if name not in mask.kept}
    for name, kept in mask.kept.items():
        found |= {f"{name}_orig": state[name], f"{name}_mask": kept.to(state[name].dtype)}
    return found


def load_masks(network: nn.Module, state: Mapping[str, Tensor]) -> nn.Module:
    """Load such a state_dict strictly into a plain network, in place; its masked weights are then held by torch."""
    for name in [name.removesuffix("_mask") for name in state if name.endswith("_mask")]:
        module, _, parameter = name.rpartition(".")
        hold: Callable[[nn.Module, str], nn.Module] = prune.identity  # it comes without types
        hold(network.get_submodule(module), parameter)
    network.load_state_dict(dict(state), strict=True)
    return network


def _check_in_torch_prune(subject: ExportSubject, path: Path) -> float:
    network = load_masks(copy.deepcopy(subject.model), torch.load(path, weights_only=True))
    wanted = outputs_of(subject.model, subject.inputs)
    return compare_outputs(outputs_of(network, subject.inputs), wanted, library="torch.nn.utils.prune")
