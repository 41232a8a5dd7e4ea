"""Whether torch rounds what convolutions and products multiply (TF32, bfloat16), by its older names and its newer ones.

From torch 2.9 on, `torch.backends.*.fp32_precision` says what `allow_tf32` said. Who has used the newer names gets a
RuntimeError from the older ones, and torch refuses a mixture.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from collections.abc import Iterator

NEWER = ("cuda.matmul", "cudnn.conv", "cudnn.rnn", "mkldnn.matmul", "mkldnn.conv", "mkldnn.rnn")
"""What of torch.backends has a precision of its own."""

FULL = ("ieee", "none")
"""Precisions that round nothing."""


@contextmanager
def full_precision() -> Iterator[None]:
    """Let convolutions and products round nothing; what was set before is set again at the end."""
    older = _older()
    if older is not None:
        _write_older((False, False))
    rounded = {place: value for place, value in _newer().items() if value not in FULL}
    try:
        for place in rounded:
            _backend(place).fp32_precision = "ieee"
        yield
    finally:
        for place, value in rounded.items():
            _write_newer(place, value)
        if older is not None:
            _write_older(older)


def allows_tf32_convolutions() -> bool:
    """Whether cuDNN's convolutions may use TF32."""
    try:
        return bool(torch.backends.cudnn.allow_tf32)
    except RuntimeError:
        return _newer()["cudnn.conv"] == "tf32"


def describe_precision() -> tuple[object, ...]:
    """Return everything that is set of precision, to be compared."""
    try:
        return (torch.backends.cudnn.allow_tf32, torch.get_float32_matmul_precision(), *_newer().values())
    except RuntimeError:
        return tuple(_newer().values())


def _older() -> tuple[bool, bool] | None:
    """Return what the older names say of cuDNN and of products; None where they have no answer."""
    try:
        return torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32
    except RuntimeError:
        return None


def _write_older(allowed: tuple[bool, bool]) -> None:
    torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32 = allowed


def _newer() -> dict[str, str]:
    """Return the precisions under the newer names; none before torch 2.9."""
    found = {place: getattr(_backend(place), "fp32_precision", None) for place in NEWER}
    return {place: str(value) for place, value in found.items() if value is not None}


def _write_newer(place: str, value: str) -> None:
    """Set a precision; where it is that of the one above it, follow that one, as before."""
    backend = _backend(place)
    backend.fp32_precision = "none"
    if backend.fp32_precision != value:
        backend.fp32_precision = value


def _backend(place: str) -> Any:  # noqa: ANN401 - a module, or what stands for one; None where torch has none
    found: Any = torch.backends
    for name in place.split("."):
        found = getattr(found, name, None)
    return found
