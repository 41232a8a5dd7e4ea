"""What `lottery` and `instability` found: sentences, curves, and one HTML file."""

from prunescope.report.lottery.curves import barriers, errors
from prunescope.report.lottery.files import write_figures
from prunescope.report.lottery.page import instability_page, lottery_page
from prunescope.report.lottery.sentences import of_curve, of_lottery

__all__ = [
    "barriers",
    "errors",
    "instability_page",
    "lottery_page",
    "of_curve",
    "of_lottery",
    "write_figures",
]
