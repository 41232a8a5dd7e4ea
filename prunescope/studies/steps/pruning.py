"""The pruning of a dense network: what it is asked, with its defaults, and its run."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from prunescope.api.errors import UsageError
from prunescope.runs.place import CheckpointQuestion

if TYPE_CHECKING:
    from collections.abc import Mapping

    from prunescope.runs.files.runfile import Run
    from prunescope.runs.place import DataLike, Network
    from prunescope.runs.session import Session


@dataclass(frozen=True, kw_only=True)
class PruningQuestion(CheckpointQuestion):
    """A dense network, pruned to a density."""

    network: Network = field(kw_only=False)
    """The dense network: a path, a run id, a live network, or what `train` returned."""
    density: float
    """Share of the prunable weights to keep, in (0, 1]."""
    pruner: str = "magnitude"
    """The plugin that prunes."""
    pruner_options: Mapping[str, Any] = field(default_factory=dict)
    """Its options, as {"scope": "layer"}."""
    data: DataLike | None = None
    """What the pruner sees; what the network was trained on where None."""
    seed: int = 0
    """Seed of all random numbers."""
    limit_batches: int | None = None
    """Use only the first N batches of the data, for a quick trial."""
    recalibrate: bool = False
    """Whether BatchNorm's running statistics are re-estimated under the mask, in one pass over the training data."""


def answer_pruning(question: PruningQuestion, session: Session) -> Run:
    """Prune the network, unless that is finished; return its run. UsageError for a density outside (0, 1]."""
    from prunescope.runs import plan
    from prunescope.runs.opening import open_data, open_network

    density = question.density
    if not 0 < density <= 1:
        raise UsageError(f"--density got {density:g}", fix="it requires a fraction: 0.1 keeps 10 %")
    pruner = session.make_plugin("pruners", question.pruner, question.pruner_options)
    dense = open_network(question.network, session, loading=question.loading, data=question.data)
    source = open_data(question.data, [dense], session, limit_batches=question.limit_batches)
    recipe = plan.pruning_recipe(
        dense=dense,
        pruner=pruner,
        density=density,
        data=source,
        seed=question.seed,
        recalibrate=question.recalibrate,
    )
    return session.store.read(session.perform(recipe), with_mask=True)
