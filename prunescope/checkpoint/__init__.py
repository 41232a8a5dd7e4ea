"""Checkpoints: every format a practitioner has -> network, weights, mask, and how it was trained as far as known.

>>> from prunescope import checkpoint
>>> one = checkpoint.load("ckpt.pt")  # doctest: +SKIP
>>> model = checkpoint.to_model(one)  # doctest: +SKIP
"""

from prunescope.checkpoint.layouts import Weights
from prunescope.checkpoint.loading import load
from prunescope.checkpoint.own import save, to_safetensors
from prunescope.checkpoint.record import Checkpoint, to_model

__all__ = ["Checkpoint", "Weights", "load", "save", "to_model", "to_safetensors"]
