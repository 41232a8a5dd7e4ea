"""prunescope: which regime the pruned versions of a network will be in, and how to train it before pruning."""

from prunescope.api import (
    Advice,
    Data,
    Dataset,
    Diagnosis,
    Epoch,
    Evidence,
    Executor,
    Mask,
    Option,
    Outcome,
    Probe,
    Pruner,
    Reading,
    Regime,
    RegimeRule,
    Replica,
    Split,
    Task,
    Trainer,
)

__version__ = "0.1.0"

__all__ = [
    "Advice",
    "Data",
    "Dataset",
    "Diagnosis",
    "Epoch",
    "Evidence",
    "Executor",
    "Mask",
    "Option",
    "Outcome",
    "Probe",
    "Pruner",
    "Reading",
    "Regime",
    "RegimeRule",
    "Replica",
    "Split",
    "Task",
    "Trainer",
    "__version__",
]
