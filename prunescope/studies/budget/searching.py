"""From the question of a budget to a density: sizes first, which need no training, then errors."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from prunescope.api.errors import UsageError
from prunescope.api.wording import count_text, error_text
from prunescope.runs import timing
from prunescope.studies.budget import bracket, units
from prunescope.studies.budget.measuring import PrunedError, PrunedSize, Setting, measure_error, measure_size

if TYPE_CHECKING:
    from prunescope.runs.session import Session
    from prunescope.studies.budget.question import BudgetQuestion


@dataclass(frozen=True, kw_only=True)
class Budget:
    """The limits, in SI units; None: none."""

    within: float | None
    """Test error beyond the dense network's, a fraction."""
    latency: float | None
    bytes: float | None


@dataclass(frozen=True, kw_only=True)
class FittedBudget:
    """The density that a budget admits, and everything that was measured on the way."""

    budget: Budget
    density: float | None
    """None: no density tried holds the budget."""
    fails: float | None
    """The next density tried that does not hold it; None: there is none."""
    reason: str
    """Why this density, or why none."""
    run: str | None
    """The replica of lowest training loss at that density; None at density 1 or where there is none."""
    dense_error: float | None
    errors: tuple[PrunedError, ...]
    """The curve: by density, rising."""
    sizes: tuple[PrunedSize, ...]
    """By density, rising; the dense network is the last."""
    notes: tuple[str, ...]
    device: str
    """That of the trainings."""
    runtime: str
    """What ran the timed passes: torch or onnx."""


@dataclass(kw_only=True)
class Trials:
    """What has been measured, each density once."""

    setting: Setting
    errors: dict[float, PrunedError] = field(default_factory=dict)
    sizes: dict[float, PrunedSize] = field(default_factory=dict)

    def error(self, density: float) -> PrunedError:
        """Return the test error at a density."""
        if density not in self.errors:
            self.errors[density] = measure_error(density, self.setting)
        return self.errors[density]

    def size(self, density: float) -> PrunedSize:
        """Return what the network takes at a density."""
        if density not in self.sizes:
            timed = self.setting.question.latency is not None
            self.sizes[density] = measure_size(density, self.setting, timed=timed)
        return self.sizes[density]


def answer_budget(question: BudgetQuestion, session: Session) -> FittedBudget:
    """Find the density that a budget admits.

    Of `latency` and `bytes` the largest density that holds them, whose networks are pruned, not retrained; of `within`
    the smallest density, up to that one, whose mean test error after brief retraining holds it.

    Raises UsageError for no budget, or numbers outside their range.
    """
    budget = _budget(question)
    trials = Trials(setting=_setting(question, session))
    trials.size(1.0)
    room = _largest_fitting(budget, trials)
    if room.holds is None:
        return _answer(budget, trials, density=None, fails=room.fails, reason=_no_room(trials))
    if budget.within is None:
        if room.holds < 1:
            trials.error(room.holds)
        reason = "the largest density tried that holds the budget" if room.holds < 1 else "the dense network holds it"
        return _answer(budget, trials, density=room.holds, fails=room.fails, reason=reason)
    return _within(budget, trials, most=room.holds)


def _budget(question: BudgetQuestion) -> Budget:
    asked = (question.within, question.latency, question.bytes)
    if all(one is None for one in asked):
        raise UsageError("no budget is given", fix="give --within 1pt, --latency 5ms or --bytes 2MB")
    if question.replicas < 2:
        raise UsageError(f"--replicas got {question.replicas}", fix="it requires 2 or more: the interval is over them")
    if not 0 < question.least < 1 or question.tries < 1:
        fix = "it requires a density in (0, 1), and --tries 1 or more"
        raise UsageError(f"--least got {question.least:g}, --tries {question.tries}", fix=fix)
    if question.runtime != "torch" and question.latency is None:
        raise UsageError(f"--runtime {question.runtime} is of no use without --latency", fix="give --latency 5ms too")
    timing.require_runtime(question.runtime)
    return Budget(
        within=None if question.within is None else units.read_within(question.within),
        latency=None if question.latency is None else units.read_latency(question.latency),
        bytes=None if question.bytes is None else units.read_bytes(question.bytes),
    )


def _setting(question: BudgetQuestion, session: Session) -> Setting:
    from prunescope.data import sources
    from prunescope.runs.opening import open_data, open_network
    from prunescope.runs.recipe import run_of
    from prunescope.runs.scheduling import devices
    from prunescope.studies.diagnosis import retraining

    dense = open_network(question.network, session, loading=question.loading, data=question.data)
    _check_dense(dense, session)
    data = open_data(question.data, [dense], session, limit_batches=question.limit_batches)
    training = session.read(run_of(dense)).facts.get("training", {})
    wanted = retraining.Asked(
        trainer=question.trainer, options=question.trainer_options, epochs=question.retrain_epochs
    )
    found = retraining.retraining(training, wanted)
    for note in found.notes:
        session.note(note)
    device = devices.resolve(session.device)
    opened = sources.open_source(data.to_json(), device=device, trust=session.store.trust)
    inputs, _ = next(iter(opened.test.batches(max(2, question.batch_size), limit=1)))
    return Setting(
        question=question,
        session=session,
        dense=dense,
        data=data,
        pruner=session.make_plugin("pruners", question.pruner, question.pruner_options),
        trainer=found.trainer,
        inputs=inputs[[number % len(inputs) for number in range(question.batch_size)]],
        device=device,
    )


def _check_dense(network: str, session: Session) -> None:
    """Raise UsageError for a network that is pruned already: its own error would be taken for the dense one."""
    mask = session.store.load_weights(network).mask
    if mask is not None:
        raise UsageError(
            f"{network} is already pruned to density {mask.density:.4g}: a budget is fitted to a dense network",
            fix="give the network that it was pruned from",
        )


def _largest_fitting(budget: Budget, trials: Trials) -> bracket.Bracket:
    """Return the bracket of the largest density whose network holds latency and bytes; 1 where neither is limited."""
    asked = trials.setting.question
    if budget.latency is None and budget.bytes is None:
        return bracket.Bracket(holds=1.0, fails=None)
    return bracket.largest_holding(
        lambda density: _fits(budget, trials.size(density), dense=trials.sizes[1.0]),
        least=asked.least,
        most=1.0,
        tries=asked.tries,
        known=trials.setting.pruner.instance.densities(),
    )


def _fits(budget: Budget, size: PrunedSize, *, dense: PrunedSize) -> bool:
    """Whether bytes hold, and the median latency with half its interquartile range; a mask is as fast as no mask."""
    if budget.bytes is not None and size.bytes > budget.bytes:
        return False
    time = size.latency if size.compact else dense.latency
    return budget.latency is None or (time is not None and time.median + time.spread / 2 <= budget.latency)


def _within(budget: Budget, trials: Trials, *, most: float) -> FittedBudget:
    """Return the smallest density up to `most` whose mean test error holds the budget."""
    asked, limit = trials.setting.question, _dense_error(trials) + (budget.within or 0.0)
    found = bracket.smallest_holding(
        lambda density: density >= 1 or trials.error(density).mean <= limit,
        least=asked.least,
        most=most,
        tries=asked.tries,
        known=trials.setting.pruner.instance.densities(),
    )
    if found.holds is None:
        admitted = f"up to density {most:.4g}, which the other budgets admit"
        reason = f"{admitted}, no network is {_limit_words(limit)}"
        return _answer(budget, trials, density=None, fails=found.fails, reason=reason)
    if found.holds >= 1:
        return _answer(budget, trials, density=1.0, fails=found.fails, reason="no pruned network tried is within it")
    trials.size(found.holds)
    low, high = trials.error(found.holds).interval
    interval = f"{error_text(max(low, 0))} to {error_text(min(high, 1))}"
    sure = (
        "its whole 95 % interval holds" if high <= limit else f"its mean holds, its 95 % interval {interval} does not"
    )
    reason = f"the smallest density tried {_limit_words(limit)}: {sure}"
    return _answer(budget, trials, density=found.holds, fails=found.fails, reason=reason)


def _limit_words(limit: float) -> str:
    """Write what an error may be at most; a limit of 100 % or more admits every network.

    >>> _limit_words(0.125), _limit_words(1.35)
    ('within 12.50 % test error', 'at any test error, which the budget admits')
    """
    return f"within {error_text(limit)} test error" if limit < 1 else "at any test error, which the budget admits"


def _dense_error(trials: Trials) -> float:
    """Return the test error of the dense network."""
    return _dense_reading("test_error", trials)


def _dense_reading(name: str, trials: Trials) -> float:
    """Return a reading of the probe `errors` on the dense network, which is measured once."""
    import numpy as np

    from prunescope.runs import plan

    setting = trials.setting
    probe = setting.session.make_plugin("probes", "errors", {})
    seed = setting.question.seed
    recipe = plan.probing_recipe(replicas=[setting.dense], probe=probe, data=setting.data, seed=seed)
    if not setting.session.store.has(recipe.id):
        setting.session.perform(recipe)
    reading = setting.session.read(recipe.id).readings["errors"][name]
    return float(np.atleast_1d(reading.value)[0])


def _no_room(trials: Trials) -> str:
    smallest = trials.sizes[min(trials.sizes)]
    asked, listed = trials.setting.question, trials.setting.pruner.instance.densities()
    why = f"the least of {asked.pruner}" if listed and asked.least <= min(listed) else f"--least {asked.least:g}"
    told = f"even at density {smallest.density:.4g} ({why}) the network takes {count_text(smallest.bytes, 'byte')}"
    if smallest.latency is not None:
        told += f" and {1000 * smallest.latency.median:.3g} ms"
    return told


def _notes(budget: Budget, trials: Trials) -> tuple[str, ...]:
    """Return whether the budget of error asks nothing, where masks buy no time, and what storage they suppose."""
    return (*_guessing_notes(budget, trials), *_mask_notes(trials))


def _guessing_notes(budget: Budget, trials: Trials) -> tuple[str, ...]:
    """Return that a network which has learned nothing is within the budget, where it is."""
    chance = _dense_reading("test_chance", trials)
    if budget.within is None or not _dense_error(trials) + budget.within >= chance:
        return ()
    return (f"a network that always answers the same has {error_text(chance)} test error, which is within the budget",)


def _mask_notes(trials: Trials) -> tuple[str, ...]:
    pruned = [size for size in trials.sizes.values() if size.density < 1]
    masked = [size for size in pruned if not size.compact]
    if not masked:
        return ()
    storage = "bytes of a mask: kept weights and one bit for each prunable weight; a plain file stores its zeros too"
    return (*_time_notes(min(masked, key=lambda size: size.density), trials), storage)


def _time_notes(masked: PrunedSize, trials: Trials) -> tuple[str, ...]:
    """Return that a mask buys no time, with what it and the dense network took; nothing where no time was asked for."""
    dense = trials.sizes[1.0].latency
    if masked.latency is None or dense is None:
        return ()
    where = " in onnxruntime either" if trials.setting.question.runtime == "onnx" else ""
    times = [f"{1000 * time.median:.3g} ms (spread {1000 * time.spread:.2g})" for time in (masked.latency, dense)]
    told = f"a mask buys no time{where}: density {masked.density:.3g} takes {times[0]}, the dense network {times[1]}"
    return (f"{told}; prune whole channels for time: --pruner channels",)


def _answer(budget: Budget, trials: Trials, *, density: float | None, fails: float | None, reason: str) -> FittedBudget:
    error = None if density is None else trials.errors.get(density)
    return FittedBudget(
        budget=budget,
        density=density,
        fails=fails,
        reason=reason,
        run=None if error is None else error.best,
        dense_error=_dense_error(trials),
        errors=tuple(trials.errors[one] for one in sorted(trials.errors)),
        sizes=tuple(trials.sizes[one] for one in sorted(trials.sizes)),
        notes=_notes(budget, trials),
        device=trials.setting.device,
        runtime=trials.setting.question.runtime,
    )
