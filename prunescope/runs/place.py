"""Where a question is answered, and what a person may give as a network or as data: fields alone, light to import."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from torch import nn

    from prunescope.api import Data, Recorder
    from prunescope.runs.watching import Watcher

STUDY = Path("prunescope-study")
"""The study folder where none is named."""


class HasRun(Protocol):
    """What a function of prunescope returned, which is one run."""

    @property
    def run(self) -> str:
        """The id of the run."""


class HasRuns(Protocol):
    """What a function of prunescope returned, which is several runs: replicas."""

    @property
    def runs(self) -> Sequence[str]:
        """The ids of the runs."""


class HasStudy(Protocol):
    """What a function of prunescope returned, which is a whole study."""

    @property
    def study(self) -> Path:
        """The study folder."""


STUDY_FILE = "study.toml"
"""The file that describes a study, in its folder."""

RUNS = "runs"
"""The folder of the results, in that of a study."""


def find_study_folder(named: str | Path) -> Path:
    """Return the folder of a study that a person names by it, or by something in it.

    Its TOML file: the folder it lies in when it is called study.toml, otherwise the folder of the file's name, here, as
    `sweep` makes it. Its folder `runs`, or a file in that. Anything else is returned as it is.
    """
    path = Path(named)
    if path.name == STUDY_FILE:
        return path.parent
    if path.suffix == ".toml":
        return Path(path.stem)
    if path.name == RUNS and path.is_dir() and not (path / RUNS).is_dir():
        return path.parent
    return path.parent.parent if path.parent.name == RUNS and path.is_file() else path


Network: TypeAlias = "str | Path | nn.Module | HasRun"
"""A file or folder, `hf-hub:NAME`, a run id or its beginning, `ID@EPOCH`, a live network, or what a step returned."""

Networks: TypeAlias = "Network | HasRuns | Sequence[Network | HasRuns]"
"""One network, or several: replicas. What `retrain` returned is all its replicas."""

DataLike: TypeAlias = "str | Path | Data | tuple[Any, Any] | Callable[[], object]"
"""A name, a folder, Data, a pair of data sets, loaders or (inputs, targets), or a function that returns any of them."""


def study_folder(study: str | Path | None) -> Path:
    """Return the folder that is named, or the usual one."""
    return STUDY if study is None else Path(study)


@dataclass(frozen=True, kw_only=True)
class AskedPlace:
    """What is asked: the fields that all questions share. Its subclasses are frozen too, with every default."""

    trust: Sequence[str] = ()
    """Code that the files of the study may name, "pkg.mod:factory"; what was typed for it before is remembered."""
    progress: bool | Watcher = False
    """Whether progress and notes are shown; or what receives them."""
    recorders: Sequence[Recorder] = ()
    """What receives the epochs and readings of every step as it ends: TensorBoard, MLflow, or one of your own."""

    @property
    def folder(self) -> Path:
        """The study folder; a question that names a study has it there."""
        return STUDY


@dataclass(frozen=True, kw_only=True)
class StudyPlace(AskedPlace):
    """Where a question is answered whose steps run in this process."""

    study: str | Path | None = None
    """Folder that keeps every finished step, made where it does not exist; prunescope-study where None."""
    device: str = "auto"
    """auto, cpu, cuda, cuda:1, ..."""

    @property
    def folder(self) -> Path:
        """The study folder; a question that names a study has it there."""
        return study_folder(self.study)


@dataclass(frozen=True, kw_only=True)
class Place(StudyPlace):
    """Where a question of many steps is answered."""

    workers: int = 0
    """Worker processes of the local executor; 0: one per core, or one per GPU."""
    executor: str = "local"
    """The plugin that runs the steps."""
    executor_options: Mapping[str, Any] = field(default_factory=dict)
    """Its options."""


@dataclass(frozen=True, kw_only=True)
class Loading:
    """How a checkpoint of another program is read."""

    weights: str | None = None
    """"ema", "raw", or the name of a set of weights in the file, where it has several."""
    model: str | nn.Module | None = None
    """A timm name, "pkg.mod:factory", or a live network of that class, where the file does not name it."""
    unsafe: bool = False
    """Whether the file may be unpickled, which can run any code."""


@dataclass(frozen=True, kw_only=True)
class CheckpointQuestion(StudyPlace):
    """A question about networks whose steps run in this process, and how their checkpoints are read."""

    model: str | nn.Module | None = None
    """Network of a foreign checkpoint: a timm name, "pkg.mod:factory", or a live network, whose weights are ignored. An
    object of its structure also lets a process resume work on a live network of an earlier one."""
    weights: str | None = None
    """Which weights of a checkpoint that has several: "ema", "raw", or the name of the set in the file."""
    unsafe_load: bool = False
    """Unpickle without restrictions: the file can run any code. Only for trusted files."""

    @property
    def loading(self) -> Loading:
        """How the checkpoints are read."""
        return Loading(weights=self.weights, model=self.model, unsafe=self.unsafe_load)


@dataclass(frozen=True, kw_only=True)
class NetworkPlace(Place, CheckpointQuestion):
    """Where a question of many steps about networks is answered, and how their checkpoints are read."""
