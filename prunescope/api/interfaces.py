"""The interfaces of prunescope: everything a plugin needs to know, in one file.

A plugin is a final `@dataclass(frozen=True, kw_only=True)` that implements one of the abstract classes below and is
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

import traceback
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol

from prunescope.api.errors import PrunescopeError
from prunescope.api.objective import CLASSIFICATION, Classification, Objective

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    import numpy as np
    import torch
    from torch import Tensor, nn

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
    "Pruner",
    "Reading",
    "Regime",
    "RegimeRule",
    "Replica",
    "Split",
    "Thresholds",
    "Trainer",
    "describe_failure",
]


@dataclass(frozen=True)
class Option:
    """Help and bounds of one option, written as `name: Annotated[type, Option(...)] = default`.

    Types: bool, int, float, str, `Literal[...]` (the choices), `tuple[T, ...]` (comma-separated), and `T | None`.
    """

    help: str
    minimum: float | None = None
    maximum: float | None = None
    code: Callable[[str], bool] | None = None
    """Whether a text names code ("pkg.mod:function") or makes something run it: from a file such a text is refused
    unless the person allowed it (`--trust TEXT`). None: no text of this option does."""


# ---- what flows between the steps -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Mask:
    """Which weights are kept: for every prunable parameter, by name, a bool tensor of its shape (True = kept)."""

    kept: Mapping[str, Tensor]

    @property
    def n_weights(self) -> int:
        """Number of prunable weights."""
        return sum(tensor.numel() for tensor in self.kept.values())

    @property
    def n_kept(self) -> int:
        """Number of kept weights."""
        return sum(int(tensor.sum()) for tensor in self.kept.values())

    @property
    def density(self) -> float:
        """Kept prunable weights / all prunable weights, in [0, 1]."""
        return self.n_kept / self.n_weights


class Split(Protocol):
    """The labelled examples of one side (training or test) of a data set, on one device: images, or any tensors."""

    def __len__(self) -> int:
        """Return the number of examples."""

    def batches(self, size: int, *, limit: int | None = None) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield (inputs, targets) in fixed order, never augmented: what measurements use.

        inputs: what the network takes, (batch, ...). Images are float32 (batch, channels, height, width), normalised,
        channels_last. targets: what the objective of the data takes; of classification int64 (batch,).
        The last batch may be short. `limit` stops after that many batches.
        """

    def epoch(self, size: int, *, generator: torch.Generator) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield one pass in random order, augmented as the data set asks: what training uses.

        Shuffling and augmentation draw from `generator` (on the CPU) alone. A last batch of one example is left out:
        BatchNorm has no variance for it.
        """


@dataclass(frozen=True, kw_only=True)
class Data:
    """A data set ready for use: both splits, and what a model must fit."""

    name: str
    train: Split
    test: Split
    num_classes: int
    """Classes, or outputs of the network where there are none; `models.create` gives it to the network."""
    in_chans: int
    """First dimension of an example: channels of an image, numbers or token ids of a row."""
    image_size: tuple[int, ...]
    """Its other dimensions: (height, width) of an image, () of a row."""
    fingerprint: str
    """Digest of the content; equal fingerprints mean equal inputs and targets."""
    objective: Objective = CLASSIFICATION
    """What a network is trained for on these data."""


@dataclass(frozen=True, kw_only=True)
class Replica:
    """A model as a probe gets it: in eval mode, on the device of the data; `mask` where it was pruned."""

    model: nn.Module
    mask: Mask | None = None
    run: str = ""
    """Id of the run it comes from; empty for a model made by hand."""


@dataclass(frozen=True, kw_only=True)
class Epoch:
    """One finished epoch of training."""

    number: int
    """Epochs finished so far, from 1."""
    of: int
    learning_rate: float
    """Learning rate of the last step."""
    train_loss: float
    """Mean loss over the epoch's augmented mini-batches, as trained on."""
    train_error: float
    """Mean error of the objective over the same batches, fraction in [0, 1]."""


@dataclass(frozen=True)
class Reading:
    """One measured quantity: a number, or an array whose dimensions `axes` names.

    The axis "replica" runs over the replicas, "pair" over their pairs in the order of itertools.combinations.
    """

    value: float | np.ndarray
    unit: str
    """ "1" for a pure number, "fraction", "nat", "byte", "second", ..."""
    n: int | None = None
    """Number of images (or draws) the value was estimated from; None where nothing was sampled."""
    stderr: float | np.ndarray | None = None
    """Standard error, of the value's shape; None where the value is exact."""
    estimator: str = ""
    axes: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    """Names along the last axis (layers, for example); empty where the position says enough."""


class Regime(StrEnum):
    """Regimes of pruned models (Zhou et al. 2023, figure 1); II where A and B cannot be told apart."""

    I = "I"  # noqa: E741 - the paper's name
    II = "II"
    II_A = "II-A"
    II_B = "II-B"
    UNRESOLVED = "unresolved"


class Advice(StrEnum):
    """What to do with the temperature of dense training before pruning at this density."""

    RAISE = "raise"
    LOWER = "lower"
    KEEP = "keep"
    NONE = "none"


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What is known of one model (dense, or pruned to one density) when a rule judges it."""

    density: float
    readings: Mapping[str, Reading]
    """By "<probe>/<name>", for example "lmc/lmc"."""
    knobs: Mapping[str, float] = field(default_factory=dict)
    """Temperature-like settings of the dense training, where known."""
    neighbours: Sequence[Evidence] = ()
    """The same density at other temperatures."""
    siblings: Sequence[Evidence] = ()
    """This network first, then others of its training at other temperatures, all pruned to this density and retrained
    equally, briefly; their reading is "errors/train_error"."""
    first_drop: float | None = None
    """Epochs of the dense training after which its learning rate first fell, as recorded; None: not known, or never."""


@dataclass(frozen=True, kw_only=True)
class Diagnosis:
    """A verdict, how sure it is, and what it rests on."""

    regime: Regime | None
    """None: the rule judges the temperature without naming a regime."""
    advice: Advice
    confidence: float | None
    """Probability that the advised direction is right, where `hotter` is known; else, from replicas, that the regime's
    side of the threshold is right. None: cannot be estimated."""
    because: tuple[str, ...]
    """The reasons, one sentence each: measured values, thresholds and the calibration they come from."""
    hotter: float | None = None
    """Probability that the better dense training is a hotter one, given that it is not this one; None: not judged."""
    regime_probability: float | None = None
    """Probability, from replicas, that the regime's side of the threshold is right, where `hotter` is known."""
    gain: float | None = None
    """How much lower the training error of the best sibling in the more probable direction is, after the same brief
    retraining; fraction, negative where it is worse. None: that side was not measured."""
    gain_interval: tuple[float, float] | None = None
    """Its central 80 % interval."""
    rests_on: tuple[str, ...] = ()
    """The signals behind `hotter`, the weightiest first."""
    next_buys: str = ""
    """What one more input would buy."""


@dataclass(frozen=True, kw_only=True)
class Thresholds:
    """Where a rule with a gate on LMC draws the line between poorly connected replicas and connected ones."""

    epsilon: float
    """LMC below -epsilon is poorly connected; in units of the error."""
    low: float
    """Lower end of what epsilon may be."""
    high: float
    """Upper end of what epsilon may be."""
    pair_spread: float
    """Standard deviation of LMC between pairs, assumed where they are too few to show it."""
    certainty: float
    """The side is open below this probability."""
    learned: float
    """Replicas with a larger training error have not learned: nothing is said of them."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """One piece of work for an executor: its id, the ids it waits for, and what is to be done."""

    id: str
    """A run id; of several trainings that are performed together, an id of their group."""
    needs: tuple[str, ...] = ()
    """Ids of the jobs whose results it needs."""
    recipes: tuple[str, ...] = ()
    """The recipe as JSON; several where trainings are performed together."""
    study: str = ""
    """The folder of the study."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How a job ended; `error` is empty when it succeeded."""

    id: str
    error: str = ""
    """What `describe_failure` says of an exception: the core recognises some errors by how they begin."""
    skipped: bool = False
    """True when a job it needs failed."""
    details: str = ""
    """The traceback of a failure."""


def describe_failure(job: Job, error: BaseException) -> Outcome:
    """Return the outcome of a job that ended in an exception, in a form that every process can read.

    >>> describe_failure(Job(id="train-1"), ValueError("no such thing")).error
    'ValueError: no such thing'
    """
    message = str(error) if isinstance(error, PrunescopeError) else f"{type(error).__name__}: {error}"
    return Outcome(id=job.id, error=message, details="".join(traceback.format_exception(error)))


# ---- the interfaces ---------------------------------------------------------------------------------------------


class Pruner(ABC):
    """Chooses which weights of a dense model to keep."""

    citations: ClassVar[tuple[str, ...]] = ()
    """Publications of the method: keys of entries in `references.bib` of the plugin's package, or of prunescope's."""

    version: ClassVar[int] = 1
    """Raise it when the same options give other numbers: it is part of every run's id."""

    exact: ClassVar[bool] = True
    """False for a pruner of whole structures (channels): its mask keeps at most round(density * n) weights, as near as
    they come, and at least one; what it keeps is recorded."""

    @abstractmethod
    def mask(self, model: nn.Module, data: Data, density: float, *, seed: int) -> Mask:
        """Return a mask of exactly round(density * n) kept weights per scope; leave `model` as it was.

        n counts the weights the mask speaks of. UsageError where the method cannot reach the density.
        """


class Trainer(ABC):
    """Trains a dense model, and retrains a pruned one with its mask held."""

    citations: ClassVar[tuple[str, ...]] = ()
    """Publications of the method: keys of entries in `references.bib` of the plugin's package, or of prunescope's."""

    version: ClassVar[int] = 1
    """Raise it when the same options give other numbers: it is part of every run's id."""

    @abstractmethod
    def fit(self, model: nn.Module, data: Data, *, mask: Mask | None = None, seed: int) -> Iterator[Epoch]:
        """Train `model` in place and yield after every epoch.

        Between epochs the caller takes snapshots, audits the density, shows progress, or stops. Weights masked out
        must be exactly zero at every yield. Order, augmentation and initial momentum depend on `seed` alone; the
        caller has seeded torch's global generator (dropout) with it too.

        A generator may return a string after the last epoch: how it performed the steps ("captured"). The run file
        records it with the engine.
        """

    def stages(self) -> tuple[int, ...]:
        """Return the epochs after which the network is as one trained so long: ends of cycles, for example.

        Their snapshots are kept unless others are asked for, and a study takes its epochs from them alone. (): the
        trainer has none; any epoch may be asked for.
        """
        return ()

    def length(self) -> int | None:
        """Return the epochs of one fit; None: the trainer does not count in epochs.

        The default is the option `epochs`, where there is one.
        """
        epochs = getattr(self, "epochs", None)
        return epochs if isinstance(epochs, int) else None

    def drop_epochs(self) -> tuple[float, ...]:
        """Return the epochs of one fit after which the learning rate falls in a step, rising.

        (), the default: it does not, or falls otherwise. Diagrams draw them, and rules compare with them.
        """
        return ()

    def held_rate(self, *, total: int) -> Mapping[str, object]:
        """Return the options that hold the learning rate of the last of `total` steps of the schedule: fine-tuning.

        {}, the default: the rate ends at zero, or the trainer has no options for it.
        """
        del total
        return {}

    def passes(self, *, train: int) -> float:
        """Return the images one fit sends forward, for the cost estimate; a backward pass counts as two.

        train: images in the training set. The default knows the length of a fit and nothing else.
        """
        return 3.0 * (self.length() or 1) * train

    def together(self, model: nn.Module, data: Data) -> int:
        """Return how many models like `model` one call of `fit_together` trains best; 1: they are trained one by one.

        The answer must follow from the options, the architecture and the sizes of the data alone: no clock, no memory
        that happens to be free. It decides which runs share a call, and with that the last bits of their numbers.
        """
        del model, data
        return 1

    def fit_together(
        self, models: Sequence[nn.Module], data: Data, *, masks: Sequence[Mask | None], seeds: Sequence[int]
    ) -> Iterator[tuple[Epoch, ...]]:
        """Train several models of one architecture in place, each as `fit` trains it alone up to float32 rounding.

        Yields the epochs of all models after every epoch; `fit` says what holds for each of them then. Called only
        where `together` is above 1. What happens to one model must not depend on the others: when one diverges, raise,
        and the core trains them one by one.
        """
        raise NotImplementedError


class Probe(ABC):
    """Measures replicas of a model, or the data alone."""

    replicas: ClassVar[Literal[0, 1, 2, "any"]]
    """How many replicas one call takes. 0: data alone. 1, 2: the core calls once per replica or pair and stacks the
    readings along "replica" or "pair". "any": one call with all of them (two or more)."""

    needs_data: ClassVar[bool] = True

    citations: ClassVar[tuple[str, ...]] = ()
    """Publications of the method: keys of entries in `references.bib` of the plugin's package, or of prunescope's."""

    version: ClassVar[int] = 1

    @abstractmethod
    def measure(self, replicas: Sequence[Replica], data: Data, *, seed: int) -> dict[str, Reading]:
        """Return the readings by name; leave models (and their mode) as they were."""

    def passes(self, *, replicas: int, train: int, test: int) -> float:
        """Return the images one call sends forward, for the cost estimate; a backward pass counts as two.

        replicas: how many the call gets; train, test: images in each split. The default is one pass over both.
        """
        return float(replicas * (train + test))


class RegimeRule(ABC):
    """Turns evidence into a regime and advice. Pure: no torch, no files, no clock."""

    needs: ClassVar[tuple[str, ...]]
    """Readings it cannot do without, as "<probe>/<name>"."""

    citations: ClassVar[tuple[str, ...]] = ()
    """Publications of the method: keys of entries in `references.bib` of the plugin's package, or of prunescope's."""

    version: ClassVar[int] = 1

    @abstractmethod
    def classify(self, evidence: Evidence) -> Diagnosis:
        """Judge one model; abstain (Regime.UNRESOLVED) where the evidence does not suffice."""

    def thresholds(self) -> Thresholds | None:
        """Return the thresholds of its gate on LMC: what `select` and `tune` use, and diagrams and reports draw.

        None, the default: the rule has no such gate.
        """
        return None


class Dataset(ABC):
    """Makes a data set from its options."""

    citations: ClassVar[tuple[str, ...]] = ()
    """Publications of the method: keys of entries in `references.bib` of the plugin's package, or of prunescope's."""

    version: ClassVar[int] = 1
    """Raise it when the same options give other numbers: it is part of every run's id."""

    @abstractmethod
    def load(self) -> Data:
        """Return the data on the CPU; equal options give equal data to the bit."""

    def inventory(self) -> Mapping[str, Mapping[str, Any]]:
        """Return what each split holds, by its name, where the data are files; {} where they are not.

        folder, classes in the order of their labels, counts of images, skipped (why -> files), sizes and modes of a
        sample: as `data.inventory.Inventory` has them.
        """
        return {}


class Executor(ABC):
    """Runs a graph of jobs: on this machine, or on a cluster."""

    @abstractmethod
    def run(self, jobs: Sequence[Job], perform: Callable[[Job], None]) -> Iterator[Outcome]:
        """Perform every job once, after those it needs; yield each outcome as soon as it is known.

        Jobs come in an order in which each follows those it needs. `perform` and the jobs can be pickled; an exception
        of `perform` need not be. A job that raises an exception, SystemExit included, failed: it is yielded with its
        error, the jobs that need it are skipped, the others are performed. An executor may be asked several times.
        """

    def slots(self) -> int:
        """Return how many jobs run at a time, for the estimate of the time; the default is one."""
        return 1

    def with_slots(self, slots: int) -> Executor | None:
        """Return this executor with so many jobs at a time: what `--workers` asks for.

        None, the default: the number is given by its options, or by the cluster.
        """
        del slots
        return None
