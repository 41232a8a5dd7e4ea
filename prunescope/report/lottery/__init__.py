"""What `lottery` and `instability` found: sentences, curves, and one HTML file."""

from prunescope.report.common.figures import draw_picture, write_figures
from prunescope.report.lottery.curves import barriers, lottery_errors
from prunescope.report.lottery.page import instability_page, lottery_page
from prunescope.report.lottery.sentences import of_curve, of_lottery

__all__ = [
    "barriers",
    "draw_picture",
    "instability_page",
    "lottery_errors",
    "lottery_page",
    "of_curve",
    "of_lottery",
    "write_figures",
]
