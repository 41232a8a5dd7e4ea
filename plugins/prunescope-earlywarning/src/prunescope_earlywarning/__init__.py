"""Early-warning signals for prunescope: whether a transition along an axis of a study announces itself."""

from prunescope_earlywarning.judging import CAVEATS, Judged, TrendTest, judge
from prunescope_earlywarning.spread import Spread, spread_of_replicas
from prunescope_earlywarning.windows import EarlyWarning, early_warning

__all__ = [
    "CAVEATS",
    "EarlyWarning",
    "Judged",
    "Spread",
    "TrendTest",
    "early_warning",
    "judge",
    "spread_of_replicas",
]
