"""Weights must be numbers: a network with NaN or infinity in it has no loss, and nothing to diagnose."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from prunescope.api.errors import InputError
from prunescope.api.wording import count_text, verb_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor


def check_finite(state: Mapping[str, Tensor], *, source: str) -> None:
    """Raise InputError, naming the tensor and the count, where a value is NaN or infinite."""
    for name, tensor in state.items():
        bad = int((~torch.isfinite(tensor)).sum()) if tensor.is_floating_point() else 0
        if bad:
            raise InputError(
                f"{bad} of the {count_text(tensor.numel(), 'value')} of '{name}' in '{source}' "
                f"{verb_text(bad, 'are')} NaN or infinite",
                fix="the training diverged or the file is damaged: take an earlier checkpoint",
            )
