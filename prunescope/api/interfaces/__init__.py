"""The interfaces of prunescope: everything a plugin needs, one file for each.

A plugin is a final `@dataclass(frozen=True, kw_only=True)` that implements one of the abstract classes and is
registered under an entry-point group (`prunescope.pruners`, `.trainers`, `.probes`, `.rules`, `.datasets`,
`.executors`). Its fields are its options: they become command-line flags and TOML keys. The first line of its
docstring is its help. Import torch inside the method, not at the top of the module: `prunescope --help` lists
every plugin without loading torch.

    @dataclass(frozen=True, kw_only=True)
    class WeightNorm(Probe):
        '''Norm of all weights of each replica.'''

        order: Annotated[float, Option("order p of the norm", minimum=1)] = 2.0

        replicas = 1

        def measure(self, replicas, data, *, seed):
            weights = [weight.detach() for weight in replicas[0].model.parameters()]
            norm = sum(weight.abs().pow(self.order).sum() for weight in weights) ** (1 / self.order)
            return {"norm": Reading(float(norm), unit="1")}
"""

from __future__ import annotations

from prunescope.api.interfaces.data import Data, Split
from prunescope.api.interfaces.dataset import Dataset
from prunescope.api.interfaces.diagnosis import Advice, Diagnosis, Evidence, Regime
from prunescope.api.interfaces.executor import (
    Executor,
    Job,
    Outcome,
    Progress,
    Resources,
    attempt_job,
    describe_failure,
    describe_skip,
)
from prunescope.api.interfaces.keeper import StateKeeper
from prunescope.api.interfaces.mask import Mask
from prunescope.api.interfaces.option import Option
from prunescope.api.interfaces.probe import Probe, Replica
from prunescope.api.interfaces.pruner import Pruner
from prunescope.api.interfaces.reading import Reading
from prunescope.api.interfaces.recorder import Recorder
from prunescope.api.interfaces.rule import RegimeRule, Thresholds
from prunescope.api.interfaces.trainer import Epoch, Trainer
from prunescope.api.objective import CLASSIFICATION, Classification, Objective

__all__ = [
    "CLASSIFICATION",
    "Advice",
    "Classification",
    "Data",
    "Dataset",
    "Diagnosis",
    "Epoch",
    "Evidence",
    "Executor",
    "Job",
    "Mask",
    "Objective",
    "Option",
    "Outcome",
    "Probe",
    "Progress",
    "Pruner",
    "Reading",
    "Recorder",
    "Regime",
    "RegimeRule",
    "Replica",
    "Resources",
    "Split",
    "StateKeeper",
    "Thresholds",
    "Trainer",
    "attempt_job",
    "describe_failure",
    "describe_skip",
]
