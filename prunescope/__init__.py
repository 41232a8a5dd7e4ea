"""prunescope: which regime the pruned versions of a network will be in, and how to train it before pruning."""

from prunescope import api
from prunescope.api import *  # noqa: F403 - the public names are those of api

__version__ = "0.1.0"

__all__ = ["__version__"]
__all__ += api.__all__
