"""What plugins implement and exchange: interfaces, values and errors, in one import.

from prunescope.api import Option, Probe, Reading
"""

from prunescope.api import interfaces
from prunescope.api.interfaces import *  # noqa: F403 - the public names are those of the interfaces

__all__ = []
__all__ += interfaces.__all__
