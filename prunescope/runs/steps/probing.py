"""The step that measures."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

import torch

from prunescope.api import Reading, Replica
from prunescope.api.errors import UsageError
from prunescope.data import sources
from prunescope.networks import masks
from prunescope.plugins import checks, registry
from prunescope.plugins.stacking import stack
from prunescope.runs.steps import threads
from prunescope.runs.steps.result import StepResult, model_on_device, seeded

if TYPE_CHECKING:
    from collections.abc import Sequence

    from prunescope.api import Data, Probe
    from prunescope.runs.recipe import Recipe
    from prunescope.runs.store import Store


def measure_replicas(recipe: Recipe, store: Store, device: str) -> StepResult:
    """Build the replicas, and measure them with the probe of the recipe."""
    loaded = registry.make("probes", recipe.plugin, recipe.options, trust=store.trust)
    described = recipe.arguments.get("data")
    data = None if described is None else sources.open_source(described, device=device, trust=store.trust)
    replicas = [_replica(store, reference, device, data) for reference in recipe.inputs]
    largest = replicas[0].model if replicas else torch.nn.Identity()
    with threads.suited_to(largest, data), loaded.unchanged():
        readings = measure(loaded.instance, replicas, data, seed=recipe.arguments["seed"], who=loaded.title)
    return StepResult(readings={recipe.plugin: readings}, facts={"replicas": list(recipe.inputs)})


def measure(probe: Probe, replicas: Sequence[Replica], data: Data | None, *, seed: int, who: str) -> dict[str, Reading]:
    """Call a probe as often as it asks for, check what it returns, and stack it along "replica" or "pair"."""
    if probe.needs_data and data is None:
        raise UsageError(f"{who} requires data", fix="give it: --data NAME")
    groups = list(combinations(replicas, probe.replicas)) if isinstance(probe.replicas, int) else [tuple(replicas)]
    if not groups or (probe.replicas == "any" and len(replicas) < 2):
        raise UsageError(f"{who} requires two replicas or more, got {len(replicas)}", fix="give it more runs or files")
    found = []
    for group in groups:
        with seeded(seed):
            readings = probe.measure(group, data, seed=seed)  # type: ignore[arg-type]
        found.append(dict(checks.check_readings(who, readings, n_replicas=len(group))))
    axis = {1: "replica", 2: "pair"}.get(probe.replicas) if isinstance(probe.replicas, int) else None
    return stack(found, axis=axis, who=who) if axis else found[0]


def _replica(store: Store, reference: str, device: str, data: Data | None) -> Replica:
    found = store.load_weights(reference)
    mask = masks.mask_to_device(found.mask, device) if found.mask is not None else None
    return Replica(model=model_on_device(found, device, data).eval(), mask=mask, run=reference)
