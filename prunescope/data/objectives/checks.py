"""What every objective asks of the shapes it gets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prunescope.api.errors import UsageError

if TYPE_CHECKING:
    from torch import Tensor


def check_shape(outputs: Tensor, wanted: tuple[int, ...], *, what: str) -> None:
    """Raise UsageError where the outputs have another shape than the targets ask for; the batch comes first."""
    if tuple(outputs.shape) != wanted:
        got, fit = (" x ".join(map(str, shape[1:])) or "one number" for shape in (outputs.shape, wanted))
        raise UsageError(
            f"the network returns {got} for each example, wanted {fit}: {what}",
            fix="give the network as many outputs as the targets have, or the data another objective",
        )
