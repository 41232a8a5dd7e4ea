"""The replicas of a pruned network: what their retraining is asked, with its defaults, and their runs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from prunescope.api.errors import UsageError
from prunescope.runs.place import CheckpointQuestion
from prunescope.studies.steps.soup import keep_soup

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from prunescope.runs.files.runfile import Run
    from prunescope.runs.place import DataLike, Network
    from prunescope.runs.recipe import Recipe
    from prunescope.runs.session import Session


@dataclass(frozen=True, kw_only=True)
class RetrainingQuestion(CheckpointQuestion):
    """A pruned network, retrained under its mask."""

    network: Network = field(kw_only=False)
    """The pruned network: a path, a run id, or what `prune` returned."""
    replicas: int = 1
    """Retrainings, with the seeds `seed`, `seed` + 1, ..."""
    trainer: str = "sgd"
    """The plugin that retrains."""
    trainer_options: Mapping[str, Any] = field(default_factory=dict)
    """Its options, as {"epochs": 5}."""
    data: DataLike | None = None
    """What it is retrained on; what it was trained on where None."""
    seed: int = 0
    """Seed of the first replica."""
    limit_batches: int | None = None
    """Use only the first N batches of the data, for a quick trial."""
    keep: str = "all"
    """all: every replica. soup: their average, BatchNorm re-estimated, where every pair has LMC >= -0.1; else the
    replica of lowest training loss."""


@dataclass(frozen=True, kw_only=True)
class Retrained:
    """What a retraining made."""

    runs: tuple[Run, ...]
    """The replicas that are kept, by seed; or their soup."""
    replicas: tuple[Run, ...]
    """All replicas, by seed."""
    reason: str = ""
    """Why the soup was kept, or was not; "" where none was asked for."""


def answer_retraining(question: RetrainingQuestion, session: Session) -> Retrained:
    """Retrain every replica that is not finished, those of a tiny network together; return what is kept.

    Raises UsageError for a network without a mask, no replica, or a soup of one.
    """
    from prunescope.runs import plan
    from prunescope.runs.opening import open_data, open_network
    from prunescope.runs.seeing import describe_unheeded

    if question.replicas < 1:
        raise UsageError(f"--replicas got {question.replicas}", fix="it requires a whole number from 1")
    if question.keep not in ("all", "soup"):
        raise UsageError(f"--keep got {question.keep!r}", fix="it requires all or soup")
    if question.keep == "soup" and question.replicas < 2:
        raise UsageError("--keep soup requires two replicas or more", fix="give --replicas 3")
    trainer = session.make_plugin("trainers", question.trainer, question.trainer_options)
    pruned = open_network(question.network, session, loading=question.loading, data=question.data)
    if session.store.load_weights(pruned).mask is None:
        raise UsageError(
            f"{pruned} is not pruned: it has no mask to retrain under",
            fix=f"prune it first: prunescope prune magnitude {pruned} --density 0.1",
        )
    source = open_data(question.data, [pruned], session, limit_batches=question.limit_batches)
    left_out = describe_unheeded(pruned, source, trainer, session)
    if left_out:
        session.note(left_out)
    seeds = range(question.seed, question.seed + question.replicas)
    recipes = [plan.retraining_recipe(pruned=pruned, trainer=trainer, data=source, seed=seed) for seed in seeds]
    replicas = tuple(map(session.read, _perform(recipes, session)))
    if question.keep == "all":
        return Retrained(runs=replicas, replicas=replicas)
    kept = keep_soup(replicas, source, session, seed=question.seed)
    return Retrained(runs=(session.read(kept.run),), replicas=replicas, reason=kept.reason)


def _perform(recipes: Sequence[Recipe], session: Session) -> list[str]:
    """Retrain, and return the ids of the runs; one alone fails with its own error, of several the first is raised."""
    if len(recipes) == 1:
        return [session.perform(recipes[0])]
    session.complete(recipes)
    return [recipe.id for recipe in recipes]
