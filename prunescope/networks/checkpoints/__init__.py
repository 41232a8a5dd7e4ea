"""Checkpoints: every format a practitioner has -> network, weights, mask, and how it was trained as far as known.

>>> from prunescope.networks import checkpoints
>>> one = checkpoints.load_checkpoint("ckpt.pt")  # doctest: +SKIP
>>> model = checkpoints.to_model(one)  # doctest: +SKIP
"""

from prunescope.networks.checkpoints.loading import load_checkpoint
from prunescope.networks.checkpoints.own import reads_back, to_parts, to_safetensors
from prunescope.networks.checkpoints.record import Checkpoint, to_model

__all__ = ["Checkpoint", "load_checkpoint", "reads_back", "to_model", "to_parts", "to_safetensors"]
