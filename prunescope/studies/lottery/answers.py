"""From the question of `lottery` or `instability` to its finished runs, and what they show."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from prunescope.api.errors import UsageError
from prunescope.plugins import registry
from prunescope.studies.lottery import lottery, outcomes
from prunescope.studies.lottery.densities import levels
from prunescope.studies.lottery.instability import dense_parting, masked_parting
from prunescope.studies.lottery.setting import check_items, prepare_setting, step_positions

if TYPE_CHECKING:
    from collections.abc import Iterable

    from prunescope.runs.recipe import Recipe
    from prunescope.runs.scheduling.cost import CostEstimate
    from prunescope.runs.session import Session
    from prunescope.studies.lottery.instability import Parting
    from prunescope.studies.lottery.lottery import IterativePruning, Ticket
    from prunescope.studies.lottery.outcomes import Curve, Lottery
    from prunescope.studies.lottery.question import InstabilityQuestion, LotteryQuestion
    from prunescope.studies.lottery.setting import Setting


@dataclass(frozen=True, kw_only=True)
class LotteryAnswer:
    """What `lottery` found, and the setting it was found in."""

    found: Lottery
    setting: Setting
    probes: tuple[str, ...]
    """The runs that hold the readings."""


@dataclass(frozen=True, kw_only=True)
class InstabilityAnswer:
    """What `instability` found, and the setting it was found in."""

    curves: tuple[Curve, ...]
    dense: float
    """Mean test error of the dense networks."""
    setting: Setting
    probes: tuple[str, ...]
    """The runs that hold the readings."""


def answer_lottery(asked: LotteryQuestion, session: Session) -> LotteryAnswer | CostEstimate:
    """Run what is not finished and compare tickets with the dense networks; the cost where only that is asked."""
    densities = levels(asked.schedule, final=asked.density, count=asked.levels)
    methods = check_items("--method", asked.methods, lottery.METHODS)
    controls = _controls(asked, methods)
    setting = prepare_setting(asked, densities, session)
    tickets = _tickets(asked, setting, methods, controls)
    recipes = _once(setting.pruning, (recipe for ticket in tickets for recipe in ticket.recipes))
    cost = _complete(recipes, session, dry_run=asked.dry_run)
    return cost or LotteryAnswer(
        found=outcomes.read_tickets(setting.pruning, tickets, session), setting=setting, probes=_probes(recipes)
    )


def answer_instability(asked: InstabilityQuestion, session: Session) -> InstabilityAnswer | CostEstimate:
    """Run what is not finished and measure the barriers between copies; the cost where only that is asked."""
    density = asked.density
    densities = () if density is None else levels(asked.schedule, final=density, count=asked.levels)
    setting = prepare_setting(asked, densities, session)
    partings = _partings(asked, setting)
    recipes = _once(setting.pruning, (recipe for parting in partings for recipe in parting.recipes))
    cost = _complete(recipes, session, dry_run=asked.dry_run)
    if cost is not None:
        return cost
    return InstabilityAnswer(
        curves=tuple(outcomes.read_curves(partings, session, side=asked.split, threshold=asked.threshold)),
        dense=outcomes.read_tickets(setting.pruning, [], session).dense.mean,
        setting=setting,
        probes=_probes(recipes),
    )


def _controls(asked: LotteryQuestion, methods: list[str]) -> list[str]:
    """Return the controls; those of gradual pruning alone are none, for it has no mask to draw or to keep."""
    if not asked.controls or asked.controls in ("none", ["none"], ("none",)) or methods == ["gradual"]:
        return []
    return check_items("--control", asked.controls, (*lottery.CONTROLS, "none"))


def _tickets(asked: LotteryQuestion, setting: Setting, methods: list[str], controls: list[str]) -> list[Ticket]:
    with_controls = next((method for method in methods if method != "gradual"), "")
    return [
        ticket
        for step in step_positions("--rewind", asked.rewind, setting)
        for method in methods
        for seed in setting.pruning.seeds
        for ticket in lottery.tickets(
            setting.pruning,
            step=step,
            seed=seed,
            method=method,  # type: ignore[arg-type]
            controls=tuple(controls) if method == with_controls else (),
        )
    ]


def _partings(asked: InstabilityQuestion, setting: Setting) -> list[Parting]:
    steps = step_positions("--steps", asked.steps, setting)
    if steps[-1] >= setting.pruning.total:
        raise UsageError(
            f"--steps has {steps[-1]}, but training ends there",
            fix="copies require steps after it: give an earlier step",
        )
    lmc = registry.make("probes", "lmc", {})
    kinds = [dense_parting] if asked.density is None else [dense_parting, masked_parting]
    return [
        kind(setting.pruning, step=step, seed=seed, copies=asked.copies, lmc=lmc)
        for kind in kinds
        for step in steps
        for seed in setting.pruning.seeds
    ]


def _once(pruning: IterativePruning, others: Iterable[Recipe]) -> list[Recipe]:
    """Return the steps of the dense networks and the others, each once."""
    found: list[Recipe] = []
    for seed in pruning.seeds:
        run = lottery.dense(pruning, seed=seed)
        found += [run, *lottery.measured(pruning, run, seed=seed)]
    return list({recipe.id: recipe for recipe in (*found, *others)}.values())


def _complete(recipes: list[Recipe], session: Session, *, dry_run: bool) -> CostEstimate | None:
    """Run every step that is not finished; return the estimate instead where only that is asked."""
    estimate = session.estimate(recipes)
    if dry_run:
        return estimate
    session.complete(recipes)
    return None


def _probes(recipes: Iterable[Recipe]) -> tuple[str, ...]:
    return tuple(recipe.id for recipe in recipes if recipe.step == "probe")
