"""Whether a network computes the same after another library loaded it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from prunescope.api.errors import MismatchError
from prunescope.networks.outputs import main_output

if TYPE_CHECKING:
    from torch import Tensor

TOLERANCE = 1e-4
"""Largest difference of the outputs over their largest value that another order of the sums may make."""

OTHER_FORMAT = "export to another format: prunescope results export --help"

ANY_NETWORK = "--to onnx takes a network of any name, and --to torch-prune a pruned one"


def compare_outputs(found: Tensor, wanted: Tensor, *, library: str) -> float:
    """Return the largest difference of outputs over the largest value wanted; MismatchError above TOLERANCE.

    >>> compare_outputs(torch.tensor([1.0, 2.0]), torch.tensor([1.0, 2.0]), library="timm")
    0.0
    """
    if found.shape != wanted.shape:
        raise MismatchError(
            f"{library} returns outputs of shape {tuple(found.shape)}, wanted {tuple(wanted.shape)}", fix=OTHER_FORMAT
        )
    difference = float((found - wanted).abs().max() / wanted.abs().max().clamp(min=1e-30))
    if not difference <= TOLERANCE:
        raise MismatchError(
            f"the outputs in {library} differ by {difference:.2g} of their largest value, wanted {TOLERANCE:g} at most",
            fix=OTHER_FORMAT,
        )
    return difference


@torch.no_grad()
def outputs_of(model: torch.nn.Module, inputs: Tensor) -> Tensor:
    """Return the main output of a network in eval mode; the mode comes back."""
    training = model.training
    try:
        return main_output(model.eval()(inputs), who=type(model).__name__)
    finally:
        model.train(training)
