"""For the tests of plugins: a toy model and toy data, and checks of what api.py asks of each kind of plugin.

    from prunescope.plugins.testing import check_probe

    def test_it_is_a_probe():
        check_probe(WeightNorm(order=1))

A check raises AssertionError with the reason. Everything here runs on the CPU within seconds, without files or network.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from prunescope.plugins.testing.datasets import check_dataset
    from prunescope.plugins.testing.executors import check_executor
    from prunescope.plugins.testing.objectives import check_objective
    from prunescope.plugins.testing.probes import check_probe
    from prunescope.plugins.testing.pruners import check_pruner
    from prunescope.plugins.testing.rules import check_rule
    from prunescope.plugins.testing.toys import toy_data, toy_model, toy_replicas
    from prunescope.plugins.testing.trainers import check_trainer

__all__ = [
    "check_dataset",
    "check_executor",
    "check_objective",
    "check_probe",
    "check_pruner",
    "check_rule",
    "check_trainer",
    "toy_data",
    "toy_model",
    "toy_replicas",
]

MODULES = {
    "check_dataset": "datasets",
    "check_executor": "executors",
    "check_objective": "objectives",
    "check_probe": "probes",
    "check_pruner": "pruners",
    "check_rule": "rules",
    "check_trainer": "trainers",
    "toy_data": "toys",
    "toy_model": "toys",
    "toy_replicas": "toys",
}


def __getattr__(name: str) -> object:
    """Import what is asked for: a worker that performs a job of `check_executor` needs no torch."""
    if name not in MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{MODULES[name]}"), name)
