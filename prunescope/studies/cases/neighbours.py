"""Networks on both sides of one along its knob, and the dense training that each would take: the cheapest first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from prunescope.api import Advice
from prunescope.api.errors import UsageError
from prunescope.api.knobs import KNOBS, knob_words
from prunescope.api.wording import count_text
from prunescope.plugins import options, registry
from prunescope.runs import plan
from prunescope.runs.recipe import run_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from prunescope.data.spec import Source
    from prunescope.plugins.registry import Loaded
    from prunescope.runs.recipe import Recipe
    from prunescope.runs.session import Session

FACTOR = 2.0
"""How far a neighbour is along the knob, and what is advised where no neighbour was measured."""


@dataclass(frozen=True, kw_only=True)
class Neighbour:
    """A network that differs in the knob, finished or to be trained."""

    reference: str
    """The snapshot, or the run that its training will have."""
    value: float
    """Of the knob."""
    side: Advice
    """RAISE: hotter; LOWER: colder."""
    epochs: int
    """Of dense training that it takes; 0: it is there."""
    words: str
    """What it is, beside what the network in question is."""
    recipe: Recipe | None = None
    """Of its training."""


def moved(value: float, advice: Advice, *, knob: str) -> float:
    """Return the value a factor hotter or colder; whole numbers stay whole.

    >>> moved(80, Advice.RAISE, knob="epochs"), moved(0.1, Advice.RAISE, knob="learning_rate")
    (40, 0.2)
    """
    sign = KNOBS[knob].hotter * (1 if advice is Advice.RAISE else -1)
    found = value * FACTOR if sign > 0 else value / FACTOR
    return max(1, round(found)) if float(value).is_integer() and KNOBS[knob].whole else found


def list_neighbours(
    here: str, session: Session, *, knob: str, value: float | None, data: Source, seed: int
) -> tuple[tuple[Neighbour, ...], str]:
    """Return the cheapest neighbour on each side, the cheapest first, and why one is missing ("" where none is).

    Along the epochs: a snapshot of the same run; longer, the network trained on at its last rate; shorter, trained anew
    on the schedule compressed to half. Other knobs: trained anew with half or twice the value.
    """
    if value is None:
        return _sorted(()), "the checkpoint does not record its training"
    found, reason = [], ""
    for side in (Advice.RAISE, Advice.LOWER):
        kept = _snapshot(here, session, value, side) if knob == "epochs" else None
        made, why = (
            (kept, "") if kept else _trained(here, session, knob=knob, value=value, side=side, data=data, seed=seed)
        )
        found += [made] if made else []
        reason = reason or why
    return _sorted(tuple(found)), reason


def _sorted(found: tuple[Neighbour, ...]) -> tuple[Neighbour, ...]:
    return tuple(sorted(found, key=lambda one: one.epochs))


def _snapshot(here: str, session: Session, value: float, side: Advice) -> Neighbour | None:
    """Return the snapshot of the same dense run nearest to the next step on a side; None where none lies there."""
    names = [name.removesuffix(".safetensors") for name in session.read(run_of(here)).weights]
    epochs = {float(name.partition("@")[2]): name for name in names if "@" in name}
    aim = moved(value, side, knob="epochs")
    kept = [epoch for epoch in epochs if (epoch - value) * (aim - value) > 0]
    if not kept:
        return None
    near = min(kept, key=lambda epoch: abs(epoch - aim))
    words = f"the snapshot {epochs[near]}"
    return Neighbour(reference=epochs[near], value=near, side=side, epochs=0, words=words)


def _trained(
    here: str, session: Session, *, knob: str, value: float, side: Advice, data: Source, seed: int
) -> tuple[Neighbour | None, str]:
    """Return a neighbour that is trained as the network was but for the knob, or why there is none."""
    facts: dict[str, Any] = dict(session.read(run_of(here)).facts)
    training = dict(facts.get("training", {}))
    optimizer = training.get("optimizer")
    if optimizer not in {plugin.name for plugin in registry.find_plugins("trainers")}:
        return None, "the checkpoint does not record its training"
    known = {found.name for found in options.fields(registry.get("trainers", optimizer).load())}
    if knob not in known:
        return None, f"its trainer {optimizer} has no option {knob}"
    settings = {name: setting for name, setting in training.items() if name in known and setting is not None}
    aim, longer = moved(value, side, knob=knob), knob == "epochs" and side is Advice.LOWER
    rate = _last_rate(training, value) if longer else None
    changed = {knob: aim} if rate is None else _continuing(rate, round(aim - value))
    try:
        trainer = registry.make("trainers", str(optimizer), settings | changed)
    except UsageError as error:  # the knob ends before the next step
        return None, error.message
    recipe = _recipe(here, trainer, session, model=None if rate is not None else facts["model"], data=data, seed=seed)
    how = f"trained on for {count_text(aim - value, 'epoch')} at its last rate" if rate is not None else "trained"
    side_words = "hotter" if side is Advice.RAISE else "colder"
    words = f"{recipe.id}, {how} {side_words}: {knob_words(knob)} {aim:g} instead of {value:g}"
    epochs = int(trainer.instance.epochs)
    return Neighbour(reference=recipe.id, value=aim, side=side, epochs=epochs, words=words, recipe=recipe), ""


def _continuing(rate: float, epochs: int) -> dict[str, Any]:
    return {"learning_rate": rate, "epochs": epochs, "schedule": "constant", "warmup_epochs": 0.0}


def _last_rate(training: Mapping[str, Any], value: float) -> float | None:
    """Return the learning rate of the last epoch; None where it was not constant between drops."""
    rate, epochs, shape = (training.get(name) for name in ("learning_rate", "epochs", "schedule"))
    if rate is None or epochs is None or shape not in ("multistep", "constant"):
        return None
    from prunescope.training.schedule import Schedule, rate_factor

    drops, factor = tuple(training.get("drops") or ()), float(training.get("drop_factor") or 1.0)
    schedule = Schedule(epochs=int(epochs), shape=shape, drops=drops, drop_factor=factor)
    return float(rate) * rate_factor(schedule, int(value) - 1, steps_per_epoch=1)


def _recipe(
    here: str, trainer: Loaded, session: Session, *, model: Mapping[str, Any] | None, data: Source, seed: int
) -> Recipe:
    """Return the recipe of a training anew, or, without a model, of one that goes on from the network."""
    from prunescope.networks.spec import ModelSpec

    if model is None:
        return plan.retraining_recipe(pruned=here, trainer=trainer, data=data, seed=seed)
    spec = ModelSpec.from_json(model, trust=session.store.trust)
    return plan.training_recipe(trainer=trainer, model=spec, data=data, seed=seed)
