"""What a network pruned to one density costs, and what it gets wrong after brief retraining."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from prunescope.api.errors import LEAST_DENSITY, PrunescopeError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from torch import Tensor, nn

    from prunescope.api import Mask
    from prunescope.data.spec import Source
    from prunescope.plugins.registry import Loaded
    from prunescope.runs.recipe import Recipe
    from prunescope.runs.session import Session
    from prunescope.runs.timing import ForwardTime
    from prunescope.studies.budget.question import BudgetQuestion

ERROR = "errors/test_error"


@dataclass(frozen=True, kw_only=True)
class Setting:
    """What all trials of one question share."""

    question: BudgetQuestion
    session: Session
    dense: str
    """The run (or snapshot) of the dense network."""
    data: Source
    pruner: Loaded
    trainer: Loaded
    inputs: Tensor
    """The examples of a timed pass, on the device."""
    device: str


@dataclass(frozen=True, kw_only=True)
class PrunedSize:
    """What a network takes as it would be used: without its channels where whole ones were pruned."""

    density: float
    """Kept prunable weights / all prunable weights."""
    bytes: int
    parameters: int
    compact: bool
    """Whether it is the smaller network; else a mask, whose zeros are multiplied."""
    latency: ForwardTime | None = None
    """Of a forward pass, where it was asked for."""


@dataclass(frozen=True, kw_only=True)
class PrunedError:
    """Test error of a network pruned to one density, over its replicas."""

    density: float
    errors: tuple[float, ...]
    """Of each replica."""
    mean: float
    interval: tuple[float, float]
    """95 %: Student's t over the replicas; the test examples are the same for all."""
    runs: tuple[str, ...]
    """The replicas."""
    best: str
    """The replica of lowest training loss."""


def measure_size(density: float, setting: Setting, *, timed: bool) -> PrunedSize:
    """Prune to a density (1: not at all), and measure what the network takes."""
    model, mask, compact = _built(density, setting)
    used = model if compact is None else compact
    return PrunedSize(
        density=1.0 if mask is None else mask.density,
        bytes=stored_bytes(used, None if compact is not None else mask),
        parameters=sum(parameter.numel() for parameter in used.parameters()),
        compact=compact is not None,
        latency=_timed(used, setting) if timed else None,
    )


def stored_bytes(model: nn.Module, mask: Mask | None = None) -> int:
    """Return the bytes of a network's tensors; of masked ones those of the kept weights, and a bit for each weight.

    >>> from torch import nn
    >>> stored_bytes(nn.Linear(8, 2))
    72
    """
    kept = {} if mask is None else mask.kept
    found = 0
    for name, tensor in model.state_dict().items():
        if name in kept:
            found += int(kept[name].sum()) * tensor.element_size() + -(-tensor.numel() // 8)
        else:
            found += tensor.numel() * tensor.element_size()
    return found


def measure_error(density: float, setting: Setting) -> PrunedError:
    """Prune to a density, retrain the replicas that are not finished, and read their test errors."""
    import numpy as np

    from prunescope.runs import plan

    asked, session = setting.question, setting.session
    pruning = _pruning(density, setting)
    retrainings = [
        plan.retraining_recipe(
            pruned=pruning.id, trainer=setting.trainer, data=setting.data, seed=asked.seed + number + 1
        )
        for number in range(asked.replicas)
    ]
    probe = session.make_plugin("probes", "errors", {})
    runs = [recipe.id for recipe in retrainings]
    probing = plan.probing_recipe(replicas=runs, probe=probe, data=setting.data, seed=asked.seed)
    recipes = [pruning, *retrainings, probing]
    if not all(session.store.has(recipe.id) for recipe in recipes):
        with _naming_least(density, setting):
            session.complete(recipes)
    errors = np.atleast_1d(session.store.read(probing.id, only=(ERROR,)).readings["errors"]["test_error"].value)
    histories = {run: session.store.read(run, only=()).history for run in runs}
    return PrunedError(
        density=density,
        errors=tuple(map(float, errors)),
        mean=float(errors.mean()),
        interval=interval_of(errors.tolist()),
        runs=tuple(runs),
        best=min(runs, key=lambda run: histories[run][-1].train_loss),
    )


def interval_of(values: Sequence[float], *, certainty: float = 0.95) -> tuple[float, float]:
    """Return the interval of a mean by Student's t; of a single value (-inf, inf).

    >>> low, high = interval_of([0.1, 0.2, 0.3])
    >>> round(low, 4), round(high, 4)
    (-0.0484, 0.4484)
    """
    import numpy as np
    from scipy import stats

    count = len(values)
    if count < 2:
        return float("-inf"), float("inf")
    half = stats.t.ppf((1 + certainty) / 2, count - 1) * np.std(values, ddof=1) / np.sqrt(count)
    return float(np.mean(values) - half), float(np.mean(values) + half)


def _pruning(density: float, setting: Setting) -> Recipe:
    from prunescope.runs import plan

    return plan.pruning_recipe(
        dense=setting.dense,
        pruner=setting.pruner,
        density=density,
        data=setting.data,
        seed=setting.question.seed,
    )


def _prune(density: float, setting: Setting) -> str:
    """Prune to a density, and return the run."""
    from prunescope.runs.watching import label

    recipe, session = _pruning(density, setting), setting.session
    if not session.store.has(recipe.id):
        session.note(label(recipe))
    with _naming_least(density, setting):
        return session.perform(recipe)


@contextmanager
def _naming_least(density: float, setting: Setting) -> Iterator[None]:
    """Name the option `least` in the error of a pruner that cannot go so far, and the density that it reaches."""
    try:
        yield
    except PrunescopeError as error:
        reached = error.fix.partition(LEAST_DENSITY)[2].strip()
        if not reached or density != setting.question.least:
            raise
        raise UsageError(
            f"--least {density:g}, the smallest density that is tried, cannot be reached: {error.message}",
            fix=f"give --least {reached}, the smallest density that {setting.question.pruner} reaches here, or more",
        ) from error


def _built(density: float, setting: Setting) -> tuple[nn.Module, Mask | None, nn.Module | None]:
    """Return the network at a density, its mask, and the smaller network where the pruner makes one."""
    from prunescope.networks import checkpoints

    session = setting.session
    if density >= 1:
        return session.build_network(setting.dense).eval(), None, None
    found = session.store.load_weights(_prune(density, setting))
    model, mask = checkpoints.to_model(found).eval(), found.mask
    if mask is None:
        return model, None, None
    with setting.pruner.unchanged():
        return model, mask, setting.pruner.instance.compact_network(model, mask, setting.inputs[:2].cpu())


def _timed(model: nn.Module, setting: Setting) -> ForwardTime:
    from prunescope.runs import timing

    time = timing.time_in_onnxruntime if setting.question.runtime == "onnx" else timing.time_forward
    return time(model, setting.inputs, repeats=setting.question.repeats)
