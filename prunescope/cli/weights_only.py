"""What the weights alone tell: level 0 of the evidence."""

from __future__ import annotations

import json as json_text
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from prunescope.cli import console
from prunescope.cli.command import ExitCode, Output
from prunescope.recipe import run_of

if TYPE_CHECKING:
    from prunescope.store import Store

NEXT = "data would buy errors, the Hessian, and the regime at each density: --data SPEC"


@dataclass(frozen=True, kw_only=True)
class Layer:
    """One weight tensor that is prunable by default."""

    name: str
    weights: int
    kept: int
    """Weights under the mask, or those that are not zero where there is no mask."""


def output(reference: str, store: Store, *, as_json: bool) -> Output:
    """Return what is known of a checkpoint without data; the exit code says that it is not enough for a verdict."""
    found = store.load_weights(reference)
    layers = _layers(found)
    facts = dict(store.read(run_of(reference)).facts)
    parameters = sum(tensor.numel() for tensor in found.state.values() if tensor.is_floating_point())
    console.say(f"no verdict: weights alone (level 0) do not say how {reference} prunes")
    console.say(f"next: {NEXT}")
    if as_json:
        known = {"schema_version": 1, "level": 0, "run": reference, "parameters": parameters, "facts": facts}
        text = json_text.dumps({**known, "layers": [asdict(layer) for layer in layers], "next": NEXT}, indent=2)
        return Output(text=text, exit_code=ExitCode.EVIDENCE)
    weights, kept = sum(layer.weights for layer in layers), sum(layer.kept for layer in layers)
    density = f"density {kept / weights:.4g}" if weights else "density n/a: no convolutions"
    density += ", no mask" if found.mask is None else ", mask found"
    console.say(f"{found.spec.name}: {parameters:,} parameters, {weights:,} prunable, {density}")
    for note in facts.get("notes", ()):
        console.say(f"note: {note}")
    rows = [(layer.name, f"{layer.weights:,}", f"{layer.kept / layer.weights:.4g}") for layer in layers]
    console.show(console.table(("layer", "weights", "density"), rows))
    return Output(text=reference, exit_code=ExitCode.EVIDENCE)


def _layers(found: Any) -> list[Layer]:  # noqa: ANN401 - a Checkpoint; torch is imported late
    from prunescope import checkpoint, models

    masks = found.mask.kept if found.mask is not None else {}
    layers = []
    for name, weight in models.prunable(checkpoint.to_model(found)).items():
        kept = masks.get(name, weight != 0)
        layers.append(Layer(name=name, weights=weight.numel(), kept=int(kept.sum())))
    return layers
