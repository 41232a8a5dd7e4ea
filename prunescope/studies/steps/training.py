"""The dense training: what it is asked, with its defaults, and its run."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from prunescope.api.errors import UsageError
from prunescope.networks.identified import identified
from prunescope.networks.spec import ModelSpec
from prunescope.runs.place import StudyPlace
from prunescope.runs.reuse import FinishedTrainings, with_snapshots

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from torch import nn

    from prunescope.plugins.registry import Loaded
    from prunescope.runs.files.runfile import Run
    from prunescope.runs.place import DataLike
    from prunescope.runs.recipe import Recipe
    from prunescope.runs.session import Session


@dataclass(frozen=True, kw_only=True)
class TrainingQuestion(StudyPlace):
    """A dense network, trained."""

    model: str | nn.Module = field(kw_only=False)
    """A timm name or "pkg.mod:factory", whose weights are drawn from the seed; or a live network, trained from the
    weights that it has (a copy: the object is left as it is)."""
    data: DataLike = field(kw_only=False)
    """What it is trained on."""
    model_options: Mapping[str, Any] = field(default_factory=dict)
    """More arguments of the network's constructor, as {"width": 0.5}."""
    trainer: str = "sgd"
    """The plugin that trains."""
    trainer_options: Mapping[str, Any] = field(default_factory=dict)
    """Its options, as {"epochs": 5}."""
    seed: int = 0
    """Seed of all random numbers."""
    snapshots: Sequence[int] = ()
    """Epochs whose weights are kept too."""
    snapshot_every: int | None = None
    """Keep the weights of every so many epochs."""
    limit_batches: int | None = None
    """Use only the first N batches of the data, for a quick trial."""


@dataclass(frozen=True, kw_only=True)
class Trained:
    """A dense network after its training."""

    run: Run
    """Everything of the run but its weights."""
    snapshots: Mapping[int, str]
    """Epoch -> "ID@EPOCH", of the epochs that were asked for; ID is another run's where they were added later."""


def answer_training(question: TrainingQuestion, session: Session) -> Trained:
    """Train the network, unless that is finished.

    Snapshots change no number of a training, so a finished one keeps its name when others are asked for: what it did
    not keep is trained once more, as a run of its own.

    Raises UsageError for snapshots that the trainer does not come to, or a live network with options.
    """
    from prunescope.data import sources
    from prunescope.runs import plan
    from prunescope.runs.opening import open_data

    trainer = session.make_plugin("trainers", question.trainer, question.trainer_options)
    epochs = _snapshots(question, trainer)
    source = open_data(question.data, (), session, limit_batches=question.limit_batches)
    opened = sources.open_source(source.to_json(), device="cpu", trust=session.store.trust)
    start = None
    if isinstance(question.model, str):
        spec = identified(
            ModelSpec(
                name=question.model,
                num_classes=opened.num_classes,
                in_chans=opened.in_chans,
                image_size=opened.image_size,
                options=dict(question.model_options),
            )
        )
    else:
        start = _imported(question, session)
        spec = session.store.load_weights(start).spec
    recipe = plan.training_recipe(
        trainer=trainer, model=spec, data=source, seed=question.seed, snapshots=epochs, start=start
    )
    return _trained(recipe, session)


def _trained(recipe: Recipe, session: Session) -> Trained:
    """Perform what is not finished of a training and of its snapshots."""
    finished = FinishedTrainings(session.store)
    wanted: Sequence[int] = recipe.arguments.get("snapshots", ())
    first, kept = finished.find_first(recipe), finished.find(recipe)
    missing = [epoch for epoch in wanted if epoch not in kept]
    made = recipe if first is None else with_snapshots(recipe, missing) if missing else first
    added = session.perform(made)
    run = session.read(added if first is None else first.id)
    owners = {epoch: kept[epoch].id if epoch in kept else added for epoch in wanted}
    return Trained(run=run, snapshots={epoch: f"{owner}@{epoch}" for epoch, owner in owners.items()})


def _imported(question: TrainingQuestion, session: Session) -> str:
    """Return the run of a live network's weights, from which it is trained."""
    if question.model_options:
        raise UsageError("model_options do not apply to a live network", fix="leave them out")
    from prunescope.runs.opening import import_network

    return import_network(question.model, session, question.data)


def _snapshots(question: TrainingQuestion, trainer: Loaded) -> tuple[int, ...]:
    listed, every = tuple(question.snapshots), question.snapshot_every
    if min(listed, default=1) < 1:
        raise UsageError(f"--snapshots got {min(listed)}", fix="it requires whole numbers from 1: --snapshots 10,20")
    if listed and every is not None:
        raise UsageError("both --snapshots and --snapshot-every are given", fix="give one of them")
    epochs = trainer.instance.length()
    if listed:
        if epochs is not None and max(listed) > epochs:
            raise UsageError(
                f"--snapshots has epoch {max(listed)} of {epochs}", fix="give earlier epochs, or train longer"
            )
        return listed
    if every is None:
        return tuple(trainer.instance.stages())
    if epochs is None:
        raise UsageError(
            f"trainer {trainer.plugin.name!r} has no option epochs to count --snapshot-every by",
            fix="list the epochs: --snapshots 10,20",
        )
    return tuple(range(every, epochs + 1, every))
