"""What runs the steps, how many at a time, and what that will cost."""

from __future__ import annotations

import json as json_text
from typing import TYPE_CHECKING

from prunescope.api.errors import UsageError
from prunescope.cli.options import parsing
from prunescope.cli.terminal.command import Output
from prunescope.plugins import registry
from prunescope.report.common import console

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from prunescope.plugins.registry import Loaded
    from prunescope.runs.recipe import Recipe
    from prunescope.runs.scheduling.cost import Estimate
    from prunescope.runs.store import Store

LEAST_SECONDS = 45
"""Below this, starting the workers takes longer than the work."""


def executor(name: str, options: Sequence[str] | None, *, workers: int, device: str) -> Loaded:
    """Return the executor of that name; the local one takes a process per core, or per GPU, unless it is given."""
    from prunescope.runs.scheduling import devices

    values = parsing.pairs("--executor-option", options)
    if name == "local" and "workers" not in values:
        values["workers"] = str(workers or devices.workers(device))
    elif workers:
        raise UsageError("--workers is of the executor local alone", fix="give --executor-option KEY=VALUE instead")
    return registry.make("executors", name, values)


def estimate(recipes: Sequence[Recipe], store: Store, executor: Loaded, *, device: str) -> Estimate:
    """Return the cost of what is left, and print it in a line."""
    from prunescope.runs.scheduling import cost

    found = cost.estimate(recipes, store, device=device)
    if found.steps:
        seconds = found.seconds / _workers(executor)
        took = f"about {console.duration(seconds)}" if seconds > LEAST_SECONDS else "less than a minute"
        console.say(
            f"estimate: {took}, {found.steps} steps, {found.passes:,.0f} images through the network, "
            f"{console.size(found.bytes)} on disk"
        )
    return found


def output(estimate: Estimate, executor: Loaded, *, as_json: bool, about: Mapping[str, object] | None = None) -> Output:
    """Return what --dry-run prints; about: what else it says of the plan, for a person and in the JSON."""
    total = estimate.seconds / _workers(executor)
    if as_json:
        known = {
            **(about or {}),
            "steps": estimate.steps,
            "passes": estimate.passes,
            "seconds": total,
            "bytes": estimate.bytes,
        }
        return Output(text=json_text.dumps({"schema_version": 1, "dry_run": known}, indent=2))
    rows = [
        (row.step, row.plugin, str(row.count), f"{row.passes:,.0f}", console.duration(row.seconds))
        for row in estimate.by_step
    ]
    for name, what in (about or {}).items():
        console.say(f"{name.replace('_', ' ')}: {', '.join(map(str, what)) if isinstance(what, list) else what}")
    rows.append(("all", "", str(estimate.steps), f"{estimate.passes:,.0f}", console.duration(estimate.seconds)))
    console.say(f"with {_workers(executor)} workers: {console.duration(total)}; nothing was run")
    return Output(text=console.table(("step", "plugin", "runs", "images", "time on one worker"), rows))


def _workers(executor: Loaded) -> int:
    return int(executor.instance.slots())
