"""What a plan will cost before it is run: images through the network, time, disk."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING

import torch

from prunescope.api.trust import NOTHING
from prunescope.data.memory import InMemorySplit
from prunescope.networks import checkpoints, models
from prunescope.networks.capture import NotCapturable, capture_on
from prunescope.networks.grouped.grouping import Grouped, supports
from prunescope.networks.layout import laid_out
from prunescope.plugins import checks, registry
from prunescope.runs.scheduling import devices, groups, works
from prunescope.runs.steps.context import StepContext
from prunescope.runs.steps.probing import count_probe_passes
from prunescope.runs.steps.result import model_on_device

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from prunescope.api import Data
    from prunescope.api.trust import Trust
    from prunescope.networks.capture import Capture
    from prunescope.runs.recipe import Recipe
    from prunescope.runs.store import Store

TIMED_BATCH = 64
TIMED_REPEATS = 8

LONGEST_PASS = 0.5
"""Seconds for which a timed forward pass may take; of a network that is slower fewer images are timed."""

LONGEST_TIMED = 2.0
"""Seconds after which nothing is timed once more."""

ASSUMED_RATE = 1e10
"""Multiply-adds a second, each weight used once for an image: the least that a pass of a large network takes."""

MAKERS = ("train", "prune", "rewind", "retrain", "soup")
"""Steps that write weights."""

RESULT_BYTES = 60_000
"""A result file without its mask, roughly."""


@dataclass(frozen=True, kw_only=True)
class StepCost:
    """Cost of the steps of one kind."""

    step: str
    plugin: str
    count: int
    passes: float
    """Images sent forward; a backward pass counts as two."""
    seconds: float
    """On one worker."""


@dataclass(frozen=True, kw_only=True)
class Rates:
    """Seconds for one image sent forward, measured now, on one thread as a worker has it."""

    measuring: float = 0.0
    training: float = 0.0
    """A third of what a training step takes per image: forward, backward (two passes) and update."""
    together: Mapping[int, float] = field(default_factory=dict)
    """The same for one of so many models that are trained together."""


@dataclass(frozen=True, kw_only=True)
class CostEstimate:
    """Cost of what is not finished yet."""

    by_step: tuple[StepCost, ...]
    rates: Rates
    bytes: int
    """On the disk."""
    seconds_by_id: Mapping[str, float] = field(default_factory=dict)
    """Of every unfinished step, on one worker."""
    memory: int = 0
    """Bytes that a training holds: the data, and the weights, gradients and momentum of one network."""

    def expected(self, *, device: str) -> works.Expected:
        """Return what the executor is given of it; a device that is named "cuda" takes a GPU."""
        gpus = 1.0 if device.startswith("cuda") else 0.0
        return works.Expected(seconds=self.seconds_by_id, memory=self.memory, gpus=gpus)

    @property
    def steps(self) -> int:
        """Number of steps."""
        return sum(row.count for row in self.by_step)

    @property
    def passes(self) -> float:
        """Images sent forward in all steps."""
        return sum(row.passes for row in self.by_step)

    @property
    def seconds(self) -> float:
        """Time of all steps on one worker."""
        return sum(row.seconds for row in self.by_step)


def estimate_cost(recipes: Sequence[Recipe], store: Store, *, device: str) -> CostEstimate:
    """Estimate the unfinished recipes: count passes, time one, multiply.

    The recipes start from one finished model (or train one). Passes come from the plugins; a plugin that has none
    is counted as one pass over the data. A measured rate replaces any assumption about the machine.
    """
    todo = store.unfinished(recipes)
    if not todo:
        return CostEstimate(by_step=(), rates=Rates(), bytes=0)
    here = devices.resolve(device)
    context = StepContext(store, here)
    data = _data(todo, context)
    start = _start(todo, context)
    together = {run_id: len(group) for run_id, group in groups.divide_recipes(recipes, store, device=here).items()}
    sizes = sorted(set(together.values()))
    rates = _rates(start, data, here, sizes)
    kinds = dict.fromkeys((recipe.step, recipe.plugin) for recipe in todo)
    rows, seconds_by_id = [], dict[str, float]()
    for step, plugin in kinds:
        group = [recipe for recipe in todo if (recipe.step, recipe.plugin) == (step, plugin)]
        images = passes_by_id(group, data, trust=store.trust)
        rate = rates.measuring if step not in ("train", "retrain") else rates.training
        each = {run_id: number * rates.together.get(together.get(run_id, 1), rate) for run_id, number in images.items()}
        seconds_by_id |= each
        seconds = sum(each.values())
        rows.append(StepCost(step=step, plugin=plugin, count=len(group), passes=sum(images.values()), seconds=seconds))
    return CostEstimate(
        by_step=tuple(rows),
        rates=rates,
        bytes=_bytes(todo, start),
        seconds_by_id=seconds_by_id,
        memory=3 * _weight_bytes(start) + _data_bytes(data),
    )


def _rates(start: checkpoints.Checkpoint, data: Data | None, device: str, sizes: Sequence[int]) -> Rates:
    """Return what is measured of a network with weights, and assumed of one without."""
    if data is None:
        return Rates()
    if any(tensor.is_meta for tensor in start.state.values()):
        seconds = sum(tensor.numel() for tensor in start.state.values()) / ASSUMED_RATE
        return Rates(measuring=seconds, training=seconds)
    return measure_rates(model_on_device(start, device, data), data, sizes=sizes, capture=_capture(device))


def _capture(device: str) -> Capture | None:
    """Return what records a training step there by default."""
    here = torch.device(device)
    return capture_on(here) if here.type == "cuda" else None


def passes(recipe: Recipe, data: Data | None, *, trust: Trust = NOTHING) -> float:
    """Return the images one step sends forward; a backward pass counts as two, and 0 means little."""
    if recipe.step not in ("train", "retrain", "probe"):
        return 0.0
    group = "probes" if recipe.step == "probe" else "trainers"
    loaded = registry.make(group, recipe.plugin, recipe.options, trust=trust)
    train, test = (len(data.train), len(data.test)) if data is not None else (0, 0)
    if recipe.step == "probe":
        return count_probe_passes(loaded, given=len(recipe.inputs), sizes=(train, test))
    return checks.check_passes(loaded.title, loaded.instance.passes(train=train))


def passes_by_id(recipes: Sequence[Recipe], data: Data | None, *, trust: Trust = NOTHING) -> dict[str, float]:
    """Return the passes of every step by run id; steps that differ in their inputs' ids only are asked once."""
    known: dict[tuple[str, str, str, int], float] = {}
    found = {}
    for recipe in recipes:
        kind = (recipe.step, recipe.plugin, json.dumps(recipe.options, sort_keys=True), len(recipe.inputs))
        if kind not in known:
            known[kind] = passes(recipe, data, trust=trust)
        found[recipe.id] = known[kind]
    return found


def measure_rates(
    model: torch.nn.Module, data: Data, *, sizes: Sequence[int] = (), capture: Capture | None = None
) -> Rates:
    """Time forward passes and training steps of one batch, smaller where the network is slow: the best of several.

    `model` is used up.

    sizes: numbers of models that are trained together; capture: what records a training step, where it is recorded.
    """
    images, targets = next(iter(data.train.batches(TIMED_BATCH, limit=1)))
    laid_out(model)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        model.eval()
        count = _count_timed(model, images)
        images, targets = images[:count], targets[:count]
        step = partial(_training, images=images, capture=capture)
        with torch.inference_mode():
            measuring = _best(lambda: model(images).sum().item())
        model.train()
        training = _best(step(model, partial(data.objective.mean_loss, targets=targets))) / len(images) / 3
        together = {
            size: _best(step(Grouped([model] * size, shared=True).train(), _of_each(data, targets, size)))
            / (len(images) * size * 3)
            for size in sizes
            if supports(model)
        }
    finally:
        torch.set_num_threads(threads)
    return Rates(measuring=measuring / len(images), training=training, together=together)


def _count_timed(model: torch.nn.Module, images: torch.Tensor) -> int:
    """Return how many of the images are timed at once: two at least, which BatchNorm requires."""
    with torch.inference_mode():
        each = _best(lambda: model(images[:2]).sum().item()) / 2
    return max(2, min(len(images), int(LONGEST_PASS / max(each, 1e-6))))


def _of_each(data: Data, targets: torch.Tensor, size: int) -> Callable[[torch.Tensor], torch.Tensor]:
    """Return the mean loss of a grouped network, which has as many outputs for each example as models."""
    repeated = targets.repeat_interleave(size, dim=0)
    return lambda outputs: data.objective.mean_loss(outputs.flatten(0, 1), repeated)


def _training(
    model: torch.nn.Module,
    mean_loss: Callable[[torch.Tensor], torch.Tensor],
    *,
    images: torch.Tensor,
    capture: Capture | None,
) -> Callable[[], object]:
    """Return a training step that ends when the device is done."""
    optimizer, done = torch.optim.SGD(model.parameters(), lr=0.0, momentum=0.9), torch.zeros((), device=images.device)

    def step() -> None:
        optimizer.zero_grad()
        loss = mean_loss(model(images))
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        done.copy_(loss.detach())

    repeat = step if capture is None else _recorded(step, capture)
    return lambda: (repeat(), done.item())


def _recorded(step: Callable[[], None], capture: Capture) -> Callable[[], None]:
    try:
        return capture.record(step)
    except NotCapturable:
        return step


def _best(work: Callable[[], object]) -> float:
    """Return the least seconds of several times; of two where they take long, since the first may be slow."""
    times: list[float] = []
    while len(times) < 2 or (len(times) < TIMED_REPEATS and sum(times) < LONGEST_TIMED):
        started = perf_counter()
        work()
        times.append(perf_counter() - started)
    return min(times)


def _data(todo: Sequence[Recipe], context: StepContext) -> Data | None:
    for recipe in todo:
        if "data" in recipe.arguments:
            return context.open_data(recipe.arguments["data"])
    return None


def _start(todo: Sequence[Recipe], context: StepContext) -> checkpoints.Checkpoint:
    for recipe in todo:
        if "model" in recipe.arguments:
            spec = context.parse_spec(recipe.arguments["model"])
            large = not context.device.startswith("cuda") and models.is_large(spec)
            made = models.create_empty(spec) if large else models.create(spec, seed=0)
            return checkpoints.Checkpoint(spec=spec, state=made.state_dict())
        for reference in recipe.inputs:
            if context.has_weights(reference):
                return context.load_weights(reference)
    raise LookupError("a plan starts from a finished run or trains a model")


def _bytes(todo: Sequence[Recipe], start: checkpoints.Checkpoint) -> int:
    """Return the disk the plan takes: one set of weights per model made, and the result files."""
    makers = [recipe for recipe in todo if recipe.step in MAKERS]
    made = sum(1 + len(recipe.arguments.get("snapshots", ())) for recipe in makers)
    return made * _weight_bytes(start) + len(todo) * RESULT_BYTES


def _weight_bytes(start: checkpoints.Checkpoint) -> int:
    return sum(tensor.numel() * tensor.element_size() for tensor in start.state.values())


def _data_bytes(data: Data | None) -> int:
    """Return the memory of images that are in memory; 0 for other data."""
    splits = [] if data is None else [data.train, data.test]
    return sum(split.images.nbytes for split in splits if isinstance(split, InMemorySplit))
