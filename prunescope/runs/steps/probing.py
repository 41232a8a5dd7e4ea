"""The step that measures."""

from __future__ import annotations

from itertools import combinations
from math import comb
from typing import TYPE_CHECKING

import torch

from prunescope.api import Reading, Replica
from prunescope.api.errors import UsageError
from prunescope.api.room import limit_memory
from prunescope.landscape.halving import free_memory
from prunescope.networks import masks
from prunescope.plugins import checks
from prunescope.plugins.stacking import stack
from prunescope.runs.steps import threads
from prunescope.runs.steps.counting import count_batches
from prunescope.runs.steps.result import StepResult, model_on_device, seeded

if TYPE_CHECKING:
    from collections.abc import Sequence

    from prunescope.api import Data, Probe
    from prunescope.plugins.registry import Loaded
    from prunescope.runs.recipe import Recipe
    from prunescope.runs.steps.context import StepContext


LEAST_SHARE = 4.0**-4
"""Of the usual memory: a measurement that needs more than this has parts that cannot be divided."""


def measure_replicas(recipe: Recipe, context: StepContext) -> StepResult:
    """Build the replicas, and measure them with the probe of the recipe."""
    loaded = context.make_plugin("probes", recipe.plugin, recipe.options)
    described = recipe.arguments.get("data")
    data = None if described is None else context.open_data(described)
    replicas = [_replica(context, reference, data) for reference in recipe.inputs]
    largest = replicas[0].model if replicas else torch.nn.Identity()
    sizes = (len(data.train), len(data.test)) if data is not None else (0, 0)
    expected = count_probe_passes(loaded, given=len(recipe.inputs), sizes=sizes)
    counted = count_batches([recipe.id], context, expected=expected)
    with threads.suited_to(largest, data), loaded.unchanged(data), counted:
        readings = measure_within_memory(
            loaded.instance, replicas, data, seed=recipe.arguments["seed"], who=loaded.title
        )
    return StepResult(readings={recipe.plugin: readings}, facts={"replicas": list(recipe.inputs)})


def count_probe_passes(loaded: Loaded, *, given: int, sizes: tuple[int, int]) -> float:
    """Return the images that a probe of so many replicas sends forward, a backward pass counting as two.

    sizes: images of the training and of the test split.
    """
    probe, (train, test) = loaded.instance, sizes
    calls, each = (1, given) if probe.replicas == "any" else (comb(given, probe.replicas), probe.replicas)
    return calls * checks.check_passes(loaded.title, probe.passes(replicas=each, train=train, test=test))


def measure_within_memory(
    probe: Probe, replicas: Sequence[Replica], data: Data | None, *, seed: int, who: str
) -> dict[str, Reading]:
    """Call `measure`, and where a device's memory is too small again, each time with a quarter of the memory planned.

    What is computed at once changes no number but by rounding.

    Raises UsageError where that does not help.
    """
    share = 1.0
    while True:
        try:
            with limit_memory(share):
                return measure(probe, replicas, data, seed=seed, who=who)
        except torch.OutOfMemoryError as error:
            if share <= LEAST_SHARE:
                raise UsageError(
                    f"the memory of the device is too small for {who}",
                    fix="measure in smaller batches (--batch-size), or on another device",
                ) from error
        free_memory()  # here, where the frames of the failed attempt, and what they hold, are gone
        share /= 4


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


def _replica(context: StepContext, reference: str, data: Data | None) -> Replica:
    found = context.load_weights(reference)
    mask = masks.mask_to_device(found.mask, context.device) if found.mask is not None else None
    return Replica(model=model_on_device(found, context.device, data).eval(), mask=mask, run=reference)
