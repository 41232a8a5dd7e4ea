"""The questions of the case studies and their defaults, which no other place has."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from prunescope.runs.place import STUDY_FILE, AskedPlace, NetworkPlace, Place, study_folder

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from prunescope.runs.place import DataLike, Network


@dataclass(frozen=True, kw_only=True)
class FamilyQuestion(NetworkPlace):
    """What questions about dense networks share: how each is pruned, retrained, measured and judged."""

    density: float
    """Share of the prunable weights to keep, in (0, 1)."""
    data: DataLike | None = None
    """What the networks were trained on; what their runs were trained on where None."""
    replicas: int = 3
    """Retrainings of each pruned model, at least 2."""
    pruner: str = "magnitude"
    """The plugin that prunes."""
    pruner_options: Mapping[str, Any] = field(default_factory=dict)
    """Its options."""
    trainer: str | None = None
    """The plugin that retrains; as the network was trained where None."""
    trainer_options: Mapping[str, Any] = field(default_factory=dict)
    """Its options, which go before those of the checkpoint."""
    retrain_epochs: int | None = None
    """Epochs of a retraining; a fifth of the dense ones where None."""
    rule_options: Mapping[str, Any] = field(default_factory=dict)
    """Options of the rule."""
    rules: str | Path | None = None
    """A pack of thresholds that `calibrate` fitted."""
    seed: int = 0
    """Seed of all random numbers."""
    limit_batches: int | None = None
    """Use only the first N batches of the data, for a quick trial."""


@dataclass(frozen=True, kw_only=True)
class AdviceQuestion(FamilyQuestion):
    """Whether to raise, lower or keep the temperature of dense training, for one density."""

    target: Network = field(kw_only=False)
    """The folder of a finished sweep; or a dense network: a path, a run id, `ID@EPOCH`, a live network."""
    at: float | None = None
    """Of a study: the value of the knob; all its values where None."""
    budget: str | int = 8
    """Of a network: trainings to spend, 12, or time, "10min"."""
    knob: str | None = None
    """Of a network: what to change, such as "epochs" or "batch_size"; the first that is known where None."""
    rule: str = "three-regime"
    """The plugin that judges the evidence."""
    certainty: float = 0.8
    """A direction is advised from this probability on."""
    dry_run: bool = False
    """Whether only what would be measured is listed, with its cost."""

    @property
    def file(self) -> Path | None:
        """The study's file, where the target is a study."""
        from prunescope.studies.grid import studyfolder

        found = studyfolder.find_study_file(Path(self.target)) if isinstance(self.target, str | Path) else None
        return found if found is not None and found.suffix == ".toml" and os.path.lexists(found) else None

    @property
    def imported(self) -> Path | None:
        """The study folder, where the target is a study of imported results."""
        from prunescope.studies.imported.study import is_imported

        found = Path(self.target) if isinstance(self.target, str | Path) else None
        return found if found is not None and is_imported(found) else None

    @property
    def folder(self) -> Path:
        """The study folder: the target itself where it is a study."""
        if self.imported is not None:
            return self.imported
        return study_folder(self.study) if self.file is None else self.file.parent


@dataclass(frozen=True, kw_only=True)
class SelectionQuestion(FamilyQuestion):
    """Which of several dense networks to prune to one density."""

    networks: Sequence[Network] = field(kw_only=False)
    """Two dense networks or more: paths, run ids, `ID@EPOCH`, live networks."""
    full: bool = False
    """Whether they are also retrained as long as they were trained: it shows the regret of every choice."""
    dry_run: bool = False
    """Whether only the cost is estimated."""


@dataclass(frozen=True, kw_only=True)
class TuningQuestion(Place):
    """The value of a temperature-like knob for each density, with fewer runs than the grid."""

    knob: str = field(kw_only=False)
    """The knob of the dense training: "epochs", "batch-size", "lr", "sam", ... (see `api.knobs`)."""
    file: str | Path | None = field(default=None, kw_only=False)
    """A study's TOML file or folder; or give `model` and `data`."""
    densities: Sequence[float]
    """Shares of the prunable weights to keep, each in (0, 1) and tuned by itself."""
    values: Sequence[float] | None = None
    """Of the knob, where no study has them; usual ones where None."""
    by: Literal["test-error", "cka"] = "test-error"
    """Quantity that the search compares among connected models; cka requires no labels."""
    search: Literal["posterior", "regime"] = "posterior"
    """How runs are spent: where the posterior of the best value gains most, or along the knob from hot to cold as far
    as the regime allows; the latter also where cka is compared or `full` is asked."""
    share: float = 0.4
    """The runs may reach this share of the grid's; the regime search confirms values on other dense seeds within it."""
    full: bool = False
    """Whether to retrain as long as was trained where the gate stays open otherwise."""
    model: str | None = None
    """Network: a timm name or "pkg.mod:factory"."""
    model_options: Mapping[str, Any] = field(default_factory=dict)
    """Options of the network, as {"width": 0.5}."""
    data: DataLike | None = None
    """What the network is trained on."""
    trainer_options: Mapping[str, Any] = field(default_factory=dict)
    """Options of the dense training, as {"epochs": 80}."""
    retrain_epochs: int | None = None
    """Epochs of a retraining; a fifth of the dense ones where None."""
    replicas: int = 3
    """Retrainings of each pruned model, at least 2."""
    dense_seeds: int = 2
    """Dense trainings of each value."""
    rule_options: Mapping[str, Any] = field(default_factory=dict)
    """Options of the rule, whose thresholds are the gate."""
    rules: str | Path | None = None
    """A pack of thresholds that `calibrate` fitted."""

    @property
    def folder(self) -> Path:
        """The study folder; the study's own where a study is named and no folder."""
        from prunescope.studies.grid import studyfolder

        if self.file is None or self.study is not None:
            return study_folder(self.study)
        file = studyfolder.find_study_file(Path(self.file))
        return file.parent if file.name == STUDY_FILE else Path(file.stem)


@dataclass(frozen=True, kw_only=True)
class CalibrationQuestion(AskedPlace):
    """Thresholds of the three-regime rule, fitted to finished studies."""

    studies: str | Path | Sequence[str | Path] = field(kw_only=False)
    """Folders of finished sweeps, or tables of cells: FILE.csv."""
    tolerance: float = 0.004
    """Cells within this of their column's best test error, a fraction, do not count."""
    draws: int = 1000
    """Bootstrap draws for the intervals."""
    seed: int = 0
    """Seed of the draws."""
