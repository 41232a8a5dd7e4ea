"""Iterative pruning as recipes: train, prune, rewind, retrain, prune again, and the controls beside it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from prunescope.api.errors import UsageError
from prunescope.plugins import registry
from prunescope.runs import plan
from prunescope.studies.grid.study import SEED_STRIDE
from prunescope.studies.lottery.densities import prune_steps

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from prunescope.data.spec import Source
    from prunescope.networks.spec import ModelSpec
    from prunescope.plugins.registry import Loaded
    from prunescope.runs.recipe import Recipe

LotteryMethod = Literal["weights", "rate", "fine-tune", "gradual"]

METHODS: tuple[LotteryMethod, ...] = ("weights", "rate", "fine-tune", "gradual")

CONTROLS = ("random", "reinit")

OTHER_START = 500_000
"""The seeds of networks that are reinitialised start at it, out of reach of all others."""

GRADUAL_END = 0.5
"""Share of the training that is left after the first pruning, within which gradual pruning ends."""


@dataclass(frozen=True, kw_only=True)
class IterativePruning:
    """What is to be pruned, how, and from which seeds."""

    model: ModelSpec
    data: Source
    trainer: Loaded
    """It has the options epochs, start_step and stop_step."""
    total: int
    """Optimiser steps of the whole training."""
    pruner: Loaded
    densities: tuple[float, ...]
    """Of the rounds, falling."""
    seeds: tuple[int, ...]
    probes: tuple[Loaded, ...] = ()
    """What is measured on every network that is trained to the end."""


@dataclass(frozen=True, kw_only=True)
class Ticket:
    """One sparse network, trained to the end of the schedule."""

    seed: int
    step: int
    """Of the rewinding."""
    method: LotteryMethod
    control: str
    """ "" for the pruned network itself, else one of CONTROLS."""
    level: int
    density: float
    made: tuple[Recipe, ...]
    """The steps that make its mask and its weights, in order."""
    trained: Recipe
    probes: tuple[Recipe, ...]

    @property
    def recipes(self) -> tuple[Recipe, ...]:
        """Every step of its own, in dependency order."""
        return (*self.made, self.trained, *self.probes)


def dense(pruning: IterativePruning, *, seed: int) -> Recipe:
    """Return the whole training of the dense network."""
    return plan.training_recipe(trainer=pruning.trainer, model=pruning.model, data=pruning.data, seed=seed)


def at_step(pruning: IterativePruning, *, step: int, seed: int) -> Recipe:
    """Return the training that ends at a step; 0: the network as it is initialised."""
    trainer = changed(pruning, stop_step=step)
    return plan.training_recipe(trainer=trainer, model=pruning.model, data=pruning.data, seed=seed)


def noise(seed: int, *, copy: int = 0) -> int:
    """Return the seed of order and augmentation of a retraining: never that of the dense one, nor of another copy."""
    return SEED_STRIDE * (seed + 1) + copy


def measured(pruning: IterativePruning, run: Recipe, *, seed: int) -> tuple[Recipe, ...]:
    """Return the probes of one trained network."""
    return tuple(
        plan.probing_recipe(replicas=[run.id], probe=probe, data=pruning.data, seed=seed) for probe in pruning.probes
    )


def changed(pruning: IterativePruning, **options: Any) -> Loaded:  # noqa: ANN401 - any option of the trainer
    """Return the trainer with other options."""
    from prunescope.plugins import options as known

    trainer = pruning.trainer
    return registry.make("trainers", trainer.plugin.name, {**known.non_default(trainer.instance), **options})


def tickets(
    pruning: IterativePruning, *, step: int, seed: int, method: LotteryMethod, controls: tuple[str, ...] = ()
) -> list[Ticket]:
    """Return the pruned networks of all rounds, and their controls, of one seed and one step of rewinding."""
    if method == "gradual":
        return list(_gradually(pruning, step=step, seed=seed))
    return list(_in_rounds(pruning, step=step, seed=seed, method=method, controls=controls))


def _in_rounds(
    pruning: IterativePruning, *, step: int, seed: int, method: LotteryMethod, controls: tuple[str, ...]
) -> Iterator[Ticket]:
    """Prune the trained network, go back, train it to the end again; the next round prunes what came out."""
    after = _after(pruning, step=step, method=method)
    start, current = at_step(pruning, step=step, seed=seed), dense(pruning, seed=seed)
    for level, density in enumerate(pruning.densities, start=1):
        pruned = _prune(pruning, current, density=density, seed=seed)
        rewound = plan.rewinding_recipe(pruned=pruned.id, weights=start.id) if method == "weights" else None
        current = _retrain(pruning, rewound or pruned, trainer=after, seed=seed)
        about: Mapping[str, Any] = {"seed": seed, "step": step, "method": method, "level": level, "density": density}
        made = (start, pruned, rewound) if rewound else (pruned,)
        yield _ticket(pruning, about, control="", made=made, trained=current)
        for control in controls:
            yield _control(pruning, about, control=control, pruned=pruned, start=start, trainer=after)


def _control(
    pruning: IterativePruning, about: Mapping[str, Any], *, control: str, pruned: Recipe, start: Recipe, trainer: Loaded
) -> Ticket:
    """Return the same density in each layer with the kept weights drawn at random, or with other initial weights."""
    seed = about["seed"]
    if control == "random":
        rewound = plan.rewinding_recipe(pruned=pruned.id, weights=start.id, shuffle=seed)
        made = (start, pruned, rewound)
    else:
        other = at_step(pruning, step=0, seed=OTHER_START + seed)
        rewound, trainer = plan.rewinding_recipe(pruned=pruned.id, weights=other.id), pruning.trainer
        made = (other, pruned, rewound)
    trained = _retrain(pruning, rewound, trainer=trainer, seed=seed)
    return _ticket(pruning, about, control=control, made=made, trained=trained)


def _gradually(pruning: IterativePruning, *, step: int, seed: int) -> Iterator[Ticket]:
    """Prune during training (Zhu and Gupta 2018); each density is also trained to the end by itself."""
    last = step + int(GRADUAL_END * (pruning.total - step))
    when = prune_steps(first=step, last=last, count=len(pruning.densities))
    current = at_step(pruning, step=step, seed=seed)
    for number, density in enumerate(pruning.densities):
        pruned = _prune(pruning, current, density=density, seed=seed)
        trained = _retrain(pruning, pruned, trainer=changed(pruning, start_step=when[number]), seed=seed)
        about = {"seed": seed, "step": step, "method": "gradual", "level": number + 1, "density": density}
        yield _ticket(pruning, about, control="", made=(current, pruned), trained=trained)
        if number + 1 < len(when):
            part = changed(pruning, start_step=when[number], stop_step=when[number + 1])
            current = _retrain(pruning, pruned, trainer=part, seed=seed)


def _after(pruning: IterativePruning, *, step: int, method: LotteryMethod) -> Loaded:
    """Return the trainer of the retraining: the schedule from the step on, or its last learning rate for as long."""
    if method != "fine-tune":
        return changed(pruning, start_step=step)
    held = pruning.trainer.instance.held_rate(total=pruning.total)
    if not held:
        raise UsageError(
            f"fine-tuning holds the last learning rate, and that of {pruning.trainer.plugin.name} ends at zero",
            fix="train with schedule=multistep, or leave out the method fine-tune",
        )
    return changed(pruning, start_step=step, **held)


def _prune(pruning: IterativePruning, run: Recipe, *, density: float, seed: int) -> Recipe:
    return plan.pruning_recipe(dense=run.id, pruner=pruning.pruner, density=density, data=pruning.data, seed=seed)


def _retrain(pruning: IterativePruning, run: Recipe, *, trainer: Loaded, seed: int) -> Recipe:
    return plan.retraining_recipe(pruned=run.id, trainer=trainer, data=pruning.data, seed=noise(seed))


def _ticket(
    pruning: IterativePruning, about: Mapping[str, Any], *, control: str, made: tuple[Recipe, ...], trained: Recipe
) -> Ticket:
    return Ticket(
        **about,
        control=control,
        made=made,
        trained=trained,
        probes=measured(pruning, trained, seed=about["seed"]),
    )


def check_trainer(trainer: Loaded) -> None:
    """Raise UsageError where a trainer cannot begin and end at a step, or does not count epochs and batches."""
    from prunescope.plugins import options

    wanted = ("epochs", "batch_size", "start_step", "stop_step")
    known = {field.name for field in options.fields(type(trainer.instance))}
    missing = [name for name in wanted if name not in known]
    if missing:
        raise UsageError(
            f"the trainer {trainer.plugin.name!r} has no option {missing[0]!r}, which rewinding requires",
            fix="use one that has it: sgd, sam, timm",
        )
