"""One measurement: what it is asked, with its defaults, and its run."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from prunescope.api.errors import UsageError
from prunescope.api.wording import count_text
from prunescope.runs.place import CheckpointQuestion

if TYPE_CHECKING:
    from collections.abc import Mapping

    from prunescope.plugins.registry import Loaded
    from prunescope.runs.files.runfile import Run
    from prunescope.runs.place import DataLike, Networks
    from prunescope.runs.session import Session


@dataclass(frozen=True, kw_only=True)
class ProbingQuestion(CheckpointQuestion):
    """Replicas of a network, measured by one probe."""

    networks: Networks = field(kw_only=False)
    """One network, or replicas: paths, run ids, live networks, what `retrain` returned; () for the data alone."""
    probe: str = field(kw_only=False)
    """The plugin that measures."""
    probe_options: Mapping[str, Any] = field(default_factory=dict)
    """Its options, as {"batch_size": 128}."""
    data: DataLike | None = None
    """What it measures on; what the first network was trained on where None."""
    seed: int = 0
    """Seed of all random numbers."""


def answer_probing(question: ProbingQuestion, session: Session) -> Run:
    """Measure, unless that is finished; return the run. UsageError for more or fewer networks than the probe takes."""
    from prunescope.runs import plan
    from prunescope.runs.opening import listed, open_data, open_network

    probe = session.make_plugin("probes", question.probe, question.probe_options)
    networks = listed(question.networks)
    _check_count(probe, len(networks))
    references = [open_network(one, session, loading=question.loading, data=question.data) for one in networks]
    source = open_data(question.data, references, session) if probe.instance.needs_data else None
    recipe = plan.probing_recipe(replicas=references, probe=probe, data=source, seed=question.seed)
    return session.read(session.perform(recipe))


def _check_count(probe: Loaded, count: int) -> None:
    wanted = probe.instance.replicas
    if wanted == 0 and count:
        raise UsageError(f"probe {probe.plugin.name!r} measures only the data", fix="give only --data")
    least = 2 if wanted == "any" else wanted
    if count < least:
        raise UsageError(
            f"probe {probe.plugin.name!r} requires {count_text(least, 'checkpoint')} or more, got {count}",
            fix="name them: files, run ids, or ID@EPOCH",
        )
