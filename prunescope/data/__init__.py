"""Data sets ready for use: in memory or streamed, on a device, limited, and named by a short text."""

from prunescope.data.memory import Augmentation, InMemorySplit, channel_moments, content_digest, in_memory
from prunescope.data.spec import parse_spec
from prunescope.data.views import limited, to_device

__all__ = [
    "Augmentation",
    "InMemorySplit",
    "channel_moments",
    "content_digest",
    "in_memory",
    "limited",
    "parse_spec",
    "to_device",
]
