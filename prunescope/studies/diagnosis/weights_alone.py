"""What the weights alone tell: level 0 of the evidence."""

from __future__ import annotations

import json as json_text
import sys
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from prunescope.api.errors import UsageError
from prunescope.cli.terminal import console, steps
from prunescope.cli.terminal.command import ExitCode, Output
from prunescope.cli.terminal.readings import reading_table
from prunescope.runs.recipe import run_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from prunescope.api import Reading
    from prunescope.plugins.registry import Loaded
    from prunescope.runs.store import Store

NEXT = "data would buy errors, the Hessian, and the regime at each density: --data SPEC"


@dataclass(frozen=True, kw_only=True)
class Layer:
    """One weight tensor that is prunable by default."""

    name: str
    weights: int
    kept: int
    """Weights under the mask, or those that are not zero where there is no mask."""


def output(reference: str, store: Store, *, as_json: bool, probes: Sequence[Loaded] = ()) -> Output:
    """Return what is known of a checkpoint without data; the exit code says that it is not enough for a verdict.

    probes: what to measure besides; UsageError for one that needs data or a second replica.
    """
    found = store.load_weights(reference)
    readings = _measured(reference, store, probes)
    layers = _layers(found)
    facts = dict(store.read(run_of(reference)).facts)
    parameters = sum(tensor.numel() for tensor in found.state.values() if tensor.is_floating_point())
    console.say(f"no verdict: weights alone (level 0) do not say how {reference} prunes")
    console.say(f"next: {NEXT}")
    if as_json:
        known = {"schema_version": 1, "level": 0, "run": reference, "parameters": parameters, "facts": facts}
        known |= {"layers": [asdict(layer) for layer in layers], "readings": _as_json(readings), "next": NEXT}
        text = json_text.dumps(known, indent=2)
        return Output(text=text, exit_code=ExitCode.EVIDENCE)
    weights, kept = sum(layer.weights for layer in layers), sum(layer.kept for layer in layers)
    density = f"density {kept / weights:.4g}" if weights else "density n/a: no convolutions"
    density += ", no mask" if found.mask is None else ", mask found"
    console.say(f"{found.spec.name}: {parameters:,} parameters, {weights:,} prunable, {density}")
    for note in facts.get("notes", ()):
        console.say(f"note: {note}")
    rows = [(layer.name, f"{layer.weights:,}", f"{layer.kept / layer.weights:.4g}") for layer in layers]
    console.show(console.table(("layer", "weights", "density"), rows))
    if readings:
        console.show(reading_table(readings, width=console.width(sys.stderr)))
    return Output(text=reference, exit_code=ExitCode.EVIDENCE)


def _measured(reference: str, store: Store, probes: Sequence[Loaded]) -> Mapping[str, Mapping[str, Reading]]:
    """Run probes of the weights alone; return their readings."""
    from prunescope.runs import plan

    for probe in probes:
        if probe.instance.needs_data or probe.instance.replicas != 1:
            raise UsageError(
                f"probe {probe.plugin.name!r} needs {'data' if probe.instance.needs_data else 'other replicas'}, "
                "and level 0 has weights alone",
                fix="give data: --data SPEC, or leave the probe out",
            )
    recipes = [plan.probe(replicas=[reference], probe=probe, data=None, seed=0) for probe in probes]
    runs = [store.read(steps.perform(recipe, store, device="cpu")) for recipe in recipes]
    return {name: readings for run in runs for name, readings in run.readings.items()}


def _as_json(readings: Mapping[str, Mapping[str, Reading]]) -> dict[str, Any]:
    from prunescope.runs.files.runfile import reading_as_json

    return {probe: {name: reading_as_json(one) for name, one in named.items()} for probe, named in readings.items()}


def _layers(found: Any) -> list[Layer]:  # noqa: ANN401 - a Checkpoint; torch is imported late
    from prunescope.networks import checkpoints, models

    masks = found.mask.kept if found.mask is not None else {}
    layers = []
    for name, weight in models.prunable(checkpoints.to_model(found)).items():
        kept = masks.get(name, weight != 0)
        layers.append(Layer(name=name, weights=weight.numel(), kept=int(kept.sum())))
    return layers
