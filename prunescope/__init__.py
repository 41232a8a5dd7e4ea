"""prunescope: which regime the pruned versions of a network will be in, and how to train it before pruning.

>>> import prunescope
>>> found = prunescope.diagnose("ckpt.pt", data="digits", densities=[0.1])  # doctest: +SKIP

One function per question; each is imported when it is first used, so that this import loads no torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from prunescope import api
from prunescope.api import *  # noqa: F403 - the public names are those of api
from prunescope.api.version import __version__

if TYPE_CHECKING:
    from prunescope.report.budget.finding import fit_budget
    from prunescope.report.cases.advice import advise
    from prunescope.report.cases.calibration import calibrate
    from prunescope.report.cases.selection import select
    from prunescope.report.cases.tuning import tune
    from prunescope.report.comparison.finding import compare
    from prunescope.report.diagnosis.finding import diagnose
    from prunescope.report.difference.finding import diff
    from prunescope.report.grid.finding import sweep
    from prunescope.report.lottery.finding import instability, lottery
    from prunescope.report.mapping.finding import map  # noqa: A004 - the command's name
    from prunescope.report.phase.finding import report
    from prunescope.report.phase.warning import warn
    from prunescope.report.results.exporting import export
    from prunescope.report.results.finding import open_study
    from prunescope.report.results.importing import import_results
    from prunescope.report.steps.probing import probe
    from prunescope.report.steps.pruning import prune
    from prunescope.report.steps.retraining import retrain
    from prunescope.report.steps.training import train

FUNCTIONS = {
    "advise": "prunescope.report.cases.advice",
    "calibrate": "prunescope.report.cases.calibration",
    "compare": "prunescope.report.comparison.finding",
    "diagnose": "prunescope.report.diagnosis.finding",
    "diff": "prunescope.report.difference.finding",
    "export": "prunescope.report.results.exporting",
    "fit_budget": "prunescope.report.budget.finding",
    "import_results": "prunescope.report.results.importing",
    "instability": "prunescope.report.lottery.finding",
    "lottery": "prunescope.report.lottery.finding",
    "map": "prunescope.report.mapping.finding",
    "open_study": "prunescope.report.results.finding",
    "probe": "prunescope.report.steps.probing",
    "prune": "prunescope.report.steps.pruning",
    "report": "prunescope.report.phase.finding",
    "retrain": "prunescope.report.steps.retraining",
    "select": "prunescope.report.cases.selection",
    "sweep": "prunescope.report.grid.finding",
    "train": "prunescope.report.steps.training",
    "tune": "prunescope.report.cases.tuning",
    "warn": "prunescope.report.phase.warning",
}
"""Public function -> the module that has it."""

__all__ = [
    "__version__",
    "advise",
    "calibrate",
    "compare",
    "diagnose",
    "diff",
    "export",
    "fit_budget",
    "import_results",
    "instability",
    "lottery",
    "map",
    "open_study",
    "probe",
    "prune",
    "report",
    "retrain",
    "select",
    "sweep",
    "train",
    "tune",
    "warn",
]
__all__ += api.__all__


def __getattr__(name: str) -> object:
    """Import a public function when it is first used (PEP 562)."""
    if name not in FUNCTIONS:
        raise AttributeError(f"module 'prunescope' has no attribute {name!r}")
    found = getattr(import_module(FUNCTIONS[name]), name)
    return globals().get(name, found)  # `report` is a room as well: one that can be called


def __dir__() -> list[str]:
    return sorted({*globals(), *FUNCTIONS})
