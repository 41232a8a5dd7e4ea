"""From what a network returns to the one tensor of outputs that losses and measurements take."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from torch import Tensor

from prunescope.api.errors import UsageError

if TYPE_CHECKING:
    from torch import nn

NAMES = ("logits", "out")
"""Under which names libraries return them: Hugging Face, torchvision's segmentation."""

SUM = 1e-4
"""How far from 1 float32 sums of probabilities may lie."""


class TheOutputs:
    """A hook after which a network returns one tensor: see `main_output`."""

    def __call__(self, module: nn.Module, inputs: tuple[Tensor, ...], output: object) -> Tensor:
        """Return the one tensor."""
        del inputs
        return main_output(output, who=type(module).__name__)


def main_output(output: object, *, who: str) -> Tensor:
    """Return the main tensor of what a network returns: the others (auxiliary logits, features) are not used.

    Of a mapping the entry "logits", "out", or the only tensor; of a tuple the first entry; of a map of one place per
    class, (n, classes, 1, 1), the rows.

    Raises:
        UsageError: there is no such tensor, or it is not clear which.

    >>> import torch
    >>> main_output({"logits": torch.zeros(2, 3, 1, 1), "loss": torch.zeros(())}, who="Net").shape
    torch.Size([2, 3])
    """
    if isinstance(output, Tensor):
        single = output.dim() > 2 and all(size == 1 for size in output.shape[2:])
        return output.flatten(1) if single else output
    if isinstance(output, Mapping):
        tensors = [value for value in output.values() if isinstance(value, Tensor)]
        named = [output[name] for name in NAMES if name in output]
        if named or len(tensors) == 1:
            return main_output((named or tensors)[0], who=who)
        raise _unclear(who, f"a dictionary of {', '.join(map(str, output)) or 'nothing'}")
    if isinstance(output, tuple | list) and output and isinstance(output[0], Tensor):
        return main_output(output[0], who=who)
    raise _unclear(who, type(output).__name__)


def refuse_probabilities(outputs: Tensor, *, who: str) -> None:
    """Raise UsageError where rows (n, classes) lie in [0, 1] and sum to 1: their softmax would be taken once more."""
    rows = outputs.detach().double()
    if rows.dim() != 2 or rows.shape[1] < 2 or not bool(((rows >= 0) & (rows <= 1)).all()):
        return
    if bool(((rows.sum(1) - 1).abs() < SUM).all()):
        raise UsageError(
            f"the outputs of {who} are probabilities already (each row lies in [0, 1] and sums to 1), wanted logits: "
            "the cross-entropy would take their softmax once more",
            fix="leave the softmax out of its forward, or return the logarithm of the probabilities; the weights stay",
        )


def _unclear(who: str, got: str) -> UsageError:
    return UsageError(
        f"{who} returns {got}, wanted one tensor of outputs",
        fix="return the tensor of logits, a tuple that begins with it, or a dictionary with 'logits'",
    )
