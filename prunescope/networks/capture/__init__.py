"""A step recorded once and repeated: as one CUDA graph on a GPU, operation by operation on a CPU."""

from prunescope.networks.capture.chosen import capture_on
from prunescope.networks.capture.interface import Capture, NotCapturable

__all__ = ["Capture", "NotCapturable", "capture_on"]
