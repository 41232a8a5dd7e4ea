"""Training and retraining: one run, or several of one architecture together.

After every epoch the density is audited, the snapshots that are asked for are taken, and progress is noted.
"""

from __future__ import annotations

import gc
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import torch

from prunescope.api import Epoch
from prunescope.api.errors import PluginError, UsageError
from prunescope.api.knobs import KNOBS
from prunescope.api.wording import count_text
from prunescope.networks import checkpoints, masks, models
from prunescope.plugins import checks, options
from prunescope.runs.steps import threads
from prunescope.runs.steps.counting import count_batches
from prunescope.runs.steps.keeping import keep_state
from prunescope.runs.steps.result import StepResult, facts, model_on_device, seeded, state, unchanged_by

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from torch import Tensor, nn

    from prunescope.api import Data, Mask
    from prunescope.networks.checkpoints import Checkpoint
    from prunescope.plugins.registry import Loaded
    from prunescope.runs.recipe import Recipe
    from prunescope.runs.steps.context import StepContext

TRAINING_STEPS = ("train", "retrain")

ALONE = "alone"

Item = TypeVar("Item")


def grouped_words(count: int) -> str:
    """Return how the run file records that so many models were trained together.

    >>> grouped_words(6)
    'grouped(6)'
    """
    return f"grouped({count})"


def fit_network(recipe: Recipe, context: StepContext) -> StepResult:
    """Perform one training step."""
    try:
        return _fit_alone(recipe, context)
    except torch.OutOfMemoryError as error:
        if _freed():
            return fit_network(recipe, context)
        raise UsageError(
            f"the memory of {context.device} is too small for a step of this training",
            fix="train with smaller batches (--batch-size), or on another device",
        ) from error


def _fit_alone(recipe: Recipe, context: StepContext) -> StepResult:
    loaded = context.make_plugin("trainers", recipe.plugin, recipe.options)
    data = context.open_data(recipe.arguments["data"])
    run = _begin(recipe, loaded, context, data)
    seed = recipe.arguments["seed"]
    with (
        threads.suited_to(run.model, data),
        keep_state([recipe], context, _Runs([run])) as keeper,
        loaded.unchanged(data),
        seeded(seed),
        count_batches([recipe.id], context),
    ):
        found = loaded.instance.fit_resumable(run.model, data, mask=run.mask, seed=seed, keeper=keeper)
        epochs = _Epochs(found)
        for epoch in epochs:
            _note(run, epoch, loaded)
            context.note_progress(recipe.id, epoch.number / epoch.of)
    return _end(run, engine=epochs.engine(ALONE))


def fit_networks(recipes: Sequence[Recipe], context: StepContext, *, wanted: Sequence[str]) -> list[StepResult]:
    """Perform training steps that differ in their seeds and inputs only, in one call of the trainer.

    wanted: ids of the runs that are not finished yet, whose progress is noted. Where a GPU's memory does not hold all
    of them, each half is trained by itself, and so on; the engine that is recorded is the one that trained.
    """
    if len(recipes) == 1:
        return [fit_network(recipes[0], context)]
    try:
        return _fit_together(recipes, context, wanted=wanted)
    except torch.OutOfMemoryError:
        middle = len(recipes) if _freed() else -(-len(recipes) // 2)
    gc.collect()
    torch.cuda.empty_cache()
    halves = [half for half in (recipes[:middle], recipes[middle:]) if half]
    return [made for half in halves for made in fit_networks(half, context, wanted=wanted)]


def _freed() -> bool:
    """Free what recorded steps of earlier trainings occupy; return whether there was any."""
    from prunescope.networks.capture.recordings import recordings

    return recordings().forget()


def _fit_together(recipes: Sequence[Recipe], context: StepContext, *, wanted: Sequence[str]) -> list[StepResult]:
    first = recipes[0]
    loaded = context.make_plugin("trainers", first.plugin, first.options)
    data = context.open_data(first.arguments["data"])
    runs = [_begin(recipe, loaded, context, data) for recipe in recipes]
    kept, seeds = [run.mask for run in runs], [recipe.arguments["seed"] for recipe in recipes]
    with (
        threads.suited_to(runs[0].model, data),
        keep_state(recipes, context, _Runs(runs)) as keeper,
        loaded.unchanged(data),
        seeded(seeds[0]),
        count_batches(wanted, context),
    ):
        models = [run.model for run in runs]
        made = loaded.instance.fit_together_resumable(models, data, masks=kept, seeds=seeds, keeper=keeper)
        found = _Epochs(made)
        for epochs in found:
            if not isinstance(epochs, tuple) or len(epochs) != len(runs):
                raise PluginError(
                    f"{_who(loaded)} yielded no tuple of {count_text(len(runs), 'epoch')}, one for each model",
                    fix="correct its fit_together, or let together() return 1",
                )
            for run, epoch in zip(runs, epochs, strict=True):
                _note(run, epoch, loaded)
            for run_id in wanted:
                context.note_progress(run_id, epochs[0].number / epochs[0].of)
    return [_end(run, engine=found.engine(grouped_words(len(runs)))) for run in runs]


@dataclass
class _Epochs(Generic[Item]):
    """The epochs of a trainer, and what it returns after the last: how it performed its steps."""

    found: Iterator[Item]
    how: str = ""

    def __iter__(self) -> Iterator[Item]:
        return self

    def __next__(self) -> Item:
        try:
            return next(self.found)
        except StopIteration as end:
            self.how = _one_line(end.value) if isinstance(end.value, str) else ""
            raise

    def engine(self, base: str) -> str:
        """Return how many were trained together, and how the steps were performed where the trainer returns it."""
        return f"{base}, {self.how}" if self.how else base


@dataclass(frozen=True, kw_only=True)
class _Run:
    """A training under way."""

    start: Checkpoint
    model: nn.Module
    mask: Mask | None
    """On the device of the model."""
    keep: Sequence[int]
    """Epochs whose weights are kept."""
    history: list[Epoch] = field(default_factory=list)
    snapshots: dict[int | None, Checkpoint] = field(default_factory=dict)


@dataclass(frozen=True)
class _Runs:
    """Trainings under way, whose epochs and snapshots are saved with the state of the trainer."""

    runs: Sequence[_Run]

    def state(self) -> list[Any]:
        """Return the epochs and the weights of the snapshots of each."""
        return [
            {
                "history": [asdict(epoch) for epoch in run.history],
                "snapshots": {number: dict(made.state) for number, made in run.snapshots.items()},
            }
            for run in self.runs
        ]

    def restore(self, saved: Sequence[Any]) -> None:
        """Go on from what `state` returned."""
        for run, one in zip(self.runs, saved, strict=True):
            run.history[:] = [Epoch(**values) for values in one["history"]]
            for number, weights in one["snapshots"].items():
                run.snapshots[number] = _trained(run.start, weights, number)


def _begin(recipe: Recipe, loaded: Loaded, context: StepContext, data: Data) -> _Run:
    start = _dense(recipe, loaded, context) if recipe.step == "train" else _continued(recipe, loaded, context)
    mask = None if start.mask is None else masks.mask_to_device(start.mask, context.device)
    model = model_on_device(start, context.device, data)
    return _Run(start=start, model=model, mask=mask, keep=recipe.arguments.get("snapshots", ()))


def _dense(recipe: Recipe, loaded: Loaded, context: StepContext) -> Checkpoint:
    """Return what a dense training starts from: weights drawn from the seed, or those of the run it names."""
    spec = context.parse_spec(recipe.arguments["model"])
    with unchanged_by(spec):
        drawn = None if recipe.inputs else models.create(spec, seed=recipe.arguments["seed"]).state_dict()
    return checkpoints.Checkpoint(
        spec=spec,
        state=context.load_weights(recipe.inputs[0]).state if drawn is None else drawn,
        training=_settings(recipe, loaded),
        data=recipe.arguments["data"],
        recipe=recipe.canonical(),
    )


def _continued(recipe: Recipe, loaded: Loaded, context: StepContext) -> Checkpoint:
    """Return what a retraining starts from; a dense network that is trained on records how."""
    found = replace(context.load_weights(recipe.inputs[0]), recipe=recipe.canonical())
    return found if found.mask is not None else replace(found, training=_settings(recipe, loaded))


def _settings(recipe: Recipe, loaded: Loaded) -> dict[str, Any]:
    return {"optimizer": recipe.plugin, **options.all_options(loaded.instance)}


def _note(run: _Run, epoch: object, loaded: Loaded) -> None:
    """Check an epoch, audit the density, and take the snapshot if it is asked for."""
    checked = checks.check_epoch(_who(loaded), epoch, after=run.history[-1].number if run.history else 0)
    run.history.append(checked)
    if run.mask is not None:
        masks.audit(run.model, run.mask, who=_who(loaded))
    if checked.number in run.keep:
        run.snapshots[checked.number] = _trained(run.start, state(run.model), checked.number)


def _end(run: _Run, *, engine: str) -> StepResult:
    epochs = run.history[-1].number if run.history else 0
    last = run.snapshots[None] = _trained(run.start, state(run.model), epochs)
    found = facts(last)
    if run.start.mask is not None:
        found["density"] = run.start.mask.density
    return StepResult(
        facts=found, weights=run.snapshots, history=tuple(run.history), mask=run.start.mask, engine=engine
    )


def _trained(start: Checkpoint, weights: dict[str, Tensor], epochs: int) -> Checkpoint:
    """Return the checkpoint after some epochs; a dense model's knobs record how long it was trained, and of what."""
    if start.mask is not None:
        return replace(start, state=weights)
    training: dict[str, Any] = {**start.training, "trained_epochs": epochs}
    knobs = {name: training[name] for name in KNOBS if training.get(name) is not None} | {"epochs": epochs}
    return replace(start, state=weights, training=training, knobs=knobs)


def _one_line(text: str) -> str:
    return "".join(character if character.isprintable() else " " for character in text)


def _who(loaded: Loaded) -> str:
    return loaded.title
