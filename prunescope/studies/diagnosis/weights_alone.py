"""What the weights alone show: level 0 of the evidence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from prunescope.api.errors import UsageError
from prunescope.runs.recipe import run_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from prunescope.api import Reading
    from prunescope.plugins.registry import Loaded
    from prunescope.runs.session import Session


@dataclass(frozen=True, kw_only=True)
class WeightLayer:
    """One weight tensor that is prunable by default."""

    name: str
    weights: int
    kept: int
    """Weights under the mask, or those that are not zero where there is no mask."""


@dataclass(frozen=True, kw_only=True)
class WeightsAlone:
    """What is known of a checkpoint without data; it does not suffice for a verdict."""

    run: str
    network: str
    parameters: int
    """Number of floating-point values of the state_dict."""
    layers: tuple[WeightLayer, ...]
    masked: bool
    """Whether the checkpoint brings a mask."""
    facts: Mapping[str, Any]
    readings: Mapping[str, Mapping[str, Reading]]
    """Probe -> its readings by name."""


def look(reference: str, session: Session, *, probes: Sequence[Loaded] = ()) -> WeightsAlone:
    """Return what the weights of a run show; `probes` are measured besides.

    Raises UsageError for a probe that needs data or a second replica.
    """
    found = session.store.load_weights(reference)
    return WeightsAlone(
        run=reference,
        network=found.spec.name,
        parameters=sum(tensor.numel() for tensor in found.state.values() if tensor.is_floating_point()),
        layers=tuple(_layers(found)),
        masked=found.mask is not None,
        facts=dict(session.read(run_of(reference)).facts),
        readings=_measured(reference, session, probes),
    )


def _measured(reference: str, session: Session, probes: Sequence[Loaded]) -> Mapping[str, Mapping[str, Reading]]:
    """Run probes of the weights alone; return their readings."""
    from prunescope.runs import plan

    for probe in probes:
        if probe.instance.needs_data or probe.instance.replicas != 1:
            raise UsageError(
                f"probe {probe.plugin.name!r} requires {'data' if probe.instance.needs_data else 'other replicas'}, "
                "but level 0 uses only weights",
                fix="give data: --data SPEC, or leave the probe out",
            )
    recipes = [plan.probing_recipe(replicas=[reference], probe=probe, data=None, seed=0) for probe in probes]
    runs = [session.read(session.perform(recipe)) for recipe in recipes]
    return {name: readings for run in runs for name, readings in run.readings.items()}


def _layers(found: Any) -> list[WeightLayer]:  # noqa: ANN401 - a Checkpoint; torch is imported late
    from prunescope.networks import checkpoints, models

    masks = found.mask.kept if found.mask is not None else {}
    layers = []
    for name, weight in models.prunable(checkpoints.to_model(found)).items():
        kept = masks.get(name, weight != 0)
        layers.append(WeightLayer(name=name, weights=weight.numel(), kept=int(kept.sum())))
    return layers
