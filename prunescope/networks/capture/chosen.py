"""The capture that a device has."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prunescope.networks.capture.cuda_graphs import CudaGraphs
from prunescope.networks.capture.tape import Tape

if TYPE_CHECKING:
    import torch

    from prunescope.networks.capture.interface import Capture


def capture_on(device: torch.device) -> Capture:
    """Return what records steps on `device`: CUDA graphs, or the list of operations that replaces them."""
    return CudaGraphs() if device.type == "cuda" else Tape()
