"""What `lottery` and `instability` found: sentences, curves, and one HTML file."""

from prunescope.report.iteration.curves import barriers, errors
from prunescope.report.iteration.files import write_figures
from prunescope.report.iteration.page import instability_page, lottery_page
from prunescope.report.iteration.sentences import of_curve, of_lottery

__all__ = [
    "barriers",
    "errors",
    "instability_page",
    "lottery_page",
    "of_curve",
    "of_lottery",
    "write_figures",
]
