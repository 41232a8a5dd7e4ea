"""The steps: train, prune, retrain, probe, diagnose, each a function of its recipe and of finished runs.

`perform` is the one door: already done? return. The clock is read for provenance only, never for a result.
"""

from __future__ import annotations

import platform
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from functools import lru_cache
from importlib.metadata import version
from itertools import combinations
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any

import torch

from prunescope.api import Evidence, Reading, Replica
from prunescope.api.errors import EvidenceError, UsageError
from prunescope.api.knobs import HOTTER
from prunescope.api.trust import NOTHING
from prunescope.data import sources
from prunescope.networks import checkpoints, masks
from prunescope.plugins import checks, registry
from prunescope.plugins.stacking import stack
from prunescope.runs.files.runfile import Run, Verdict
from prunescope.runs.recipe import Recipe, parse, run_of, snapshot_of
from prunescope.runs.steps import fitting, rewinding, threads
from prunescope.runs.steps.result import Made, facts, seeded, state, to_model
from prunescope.runs.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from prunescope.api import Data, Job, Probe
    from prunescope.api.trust import Trust
    from prunescope.networks.checkpoints import Weights

REPORTED_PACKAGES = ("prunescope", "torch", "timm", "numpy", "h5py")


def perform_job(job: Job, *, device: str, trust: Trust = NOTHING) -> None:
    """Perform a job of an executor in this process; BusyError while another process performs any of it.

    trust: the code that the study's files may name.
    """
    recipes, store = [parse(text) for text in job.recipes], Store(Path(job.study), trust=trust)
    if len(recipes) == 1:
        perform(recipes[0], store, device=device, wait=False)
    else:
        perform_together(recipes, store, device=device)


def perform(recipe: Recipe, store: Store, *, device: str, wait: bool = True) -> str:
    """Perform one step and return its id; a finished one is not computed again.

    While another process performs it: wait for that, or raise BusyError when `wait` is False.
    """
    steps: dict[str, Callable[[Recipe, Store, str], Made]] = {
        "train": fitting.fit,
        "prune": _prune,
        "rewind": rewinding.rewind,
        "retrain": fitting.fit,
        "probe": _probe,
        "diagnose": _diagnose,
    }
    if store.has(recipe.id):
        return recipe.id
    with store.lock(recipe.id, wait=wait):
        if store.has(recipe.id):
            return recipe.id
        started = monotonic()
        made = steps[recipe.step](recipe, store, device)
        return _finish(recipe, made, store, device=device, seconds=monotonic() - started)


def perform_together(recipes: Sequence[Recipe], store: Store, *, device: str) -> None:
    """Perform trainings that one call of their trainer can do; BusyError while another process performs one of them.

    All are trained, the finished ones again, so that the others come out as they do undisturbed; only what is missing
    is written. When one fails, nothing is.
    """
    missing = [recipe for recipe in recipes if not store.has(recipe.id)]
    with ExitStack() as stack:
        for recipe in sorted(missing, key=lambda recipe: recipe.id):
            stack.enter_context(store.lock(recipe.id, wait=False))
        wanted = {recipe.id for recipe in missing if not store.has(recipe.id)}
        if not wanted:
            return
        started = monotonic()
        made = fitting.fit_together(recipes, store, device, wanted=sorted(wanted))
        seconds = (monotonic() - started) / len(recipes)
        for recipe, one in zip(recipes, made, strict=True):
            if recipe.id in wanted:
                _finish(recipe, one, store, device=device, seconds=seconds)


def import_checkpoint(
    path: Path | str, store: Store, *, weights: Weights | None = None, model: str | None = None, unsafe: bool = False
) -> str:
    """Read a stranger's checkpoint once and keep it as a run of the study; return its id.

    weights: "ema" or "raw" where the file has both; model: a timm name or "pkg.mod:factory" where the file does not
    say; unsafe: allow unpickling. The id depends on the file's content and these choices, not on its place.
    """
    started = monotonic()
    found = checkpoints.load(path, weights=weights, model=model, unsafe=unsafe, trust=store.trust)
    recipe = Recipe(
        step="import",
        arguments={"sha256": found.sha256, "weights": weights, "model": found.spec.to_json()},
    )
    if store.has(recipe.id):
        return recipe.id
    with store.lock(recipe.id):
        known = {**facts(found), "source": str(path), "format": found.format, "notes": list(found.notes)}
        made = Made(facts=known, weights={None: found}, mask=found.mask)
        return _finish(recipe, made, store, device="cpu", seconds=monotonic() - started)


def _finish(recipe: Recipe, made: Made, store: Store, *, device: str, seconds: float) -> str:
    run = Run(
        recipe=recipe,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        wall_seconds=round(seconds, 3),
        device=_device_name(device),
        versions=_versions(),
        engine=made.engine,
        facts=made.facts,
        history=made.history,
        mask=made.mask,
        readings=made.readings,
        verdicts=made.verdicts,
    )
    store.forget_progress(recipe.id)
    return store.write(run, made.weights)


@lru_cache(maxsize=1)
def _versions() -> Mapping[str, str]:
    """Return what made the numbers; asked once, because each look into the metadata takes milliseconds."""
    return {package: version(package) for package in REPORTED_PACKAGES} | {"python": platform.python_version()}


def _prune(recipe: Recipe, store: Store, device: str) -> Made:
    dense = store.load_weights(recipe.inputs[0])
    data = sources.open_source(recipe.arguments["data"], device=device, trust=store.trust)
    loaded = registry.make("pruners", recipe.plugin, recipe.options, trust=store.trust)
    model = to_model(dense, device)
    density, who = recipe.arguments["density"], f"pruner {recipe.plugin!r} of {loaded.plugin.distribution}"
    with seeded(recipe.arguments["seed"]):
        mask = checks.check_mask_type(who, loaded.instance.mask(model, data, density, seed=recipe.arguments["seed"]))
    masks.check_mask(mask, model, density, who=who, exact=loaded.instance.exact)
    masks.apply(model, mask)
    pruned = replace(dense, state=state(model), mask=mask, recipe=recipe.canonical())
    return Made(facts={**facts(dense), "density": mask.density}, weights={None: pruned}, mask=mask)


def _probe(recipe: Recipe, store: Store, device: str) -> Made:
    loaded = registry.make("probes", recipe.plugin, recipe.options, trust=store.trust)
    described = recipe.arguments.get("data")
    data = None if described is None else sources.open_source(described, device=device, trust=store.trust)
    replicas = [_replica(store, reference, device) for reference in recipe.inputs]
    who = f"probe {recipe.plugin!r} of {loaded.plugin.distribution}"
    largest = replicas[0].model if replicas else torch.nn.Identity()
    with threads.suited_to(largest, data):
        readings = measure(loaded.instance, replicas, data, seed=recipe.arguments["seed"], who=who)
    return Made(readings={recipe.plugin: readings}, facts={"replicas": list(recipe.inputs)})


def measure(probe: Probe, replicas: Sequence[Replica], data: Data | None, *, seed: int, who: str) -> dict[str, Reading]:
    """Call a probe as often as it asks for, check what it returns, and stack it along "replica" or "pair"."""
    if probe.needs_data and data is None:
        raise UsageError(f"{who} needs data", fix="give it: --data NAME")
    groups = list(combinations(replicas, probe.replicas)) if isinstance(probe.replicas, int) else [tuple(replicas)]
    if not groups or (probe.replicas == "any" and len(replicas) < 2):
        raise UsageError(f"{who} needs two replicas or more, got {len(replicas)}", fix="give it more runs or files")
    found = []
    for group in groups:
        with seeded(seed):
            readings = probe.measure(group, data, seed=seed)  # type: ignore[arg-type]
        found.append(dict(checks.check_readings(who, readings, n_replicas=len(group))))
    axis = {1: "replica", 2: "pair"}.get(probe.replicas) if isinstance(probe.replicas, int) else None
    return stack(found, axis=axis, who=who) if axis else found[0]


def _diagnose(recipe: Recipe, store: Store, device: str) -> Made:  # noqa: ARG001 - every step has this shape
    dense = store.read(run_of(recipe.inputs[0]))
    epoch = snapshot_of(recipe.inputs[0])
    knobs = dense.facts.get("knobs", {}) | ({} if epoch is None else {"epochs": epoch})
    verdicts = tuple(_judge(case, store, knobs) for case in recipe.arguments["cases"])
    return Made(facts={**dense.facts, "dense": recipe.inputs[0]}, verdicts=verdicts)


def _judge(case: Mapping[str, Any], store: Store, knobs: Mapping[str, Any]) -> Verdict:
    loaded = registry.make("rules", case["rule"], case["options"], trust=store.trust)
    readings = {
        f"{probe}/{name}": reading
        for run_id in case["probes"]
        for probe, named in store.read(run_id).readings.items()
        for name, reading in named.items()
    }
    missing = sorted(set(loaded.instance.needs) - set(readings))
    if missing:
        raise EvidenceError(
            f"rule {case['rule']!r} needs the reading {missing[0]}",
            fix=f"add its probe: --probe {missing[0].partition('/')[0]}",
        )
    numeric = {name: float(value) for name, value in knobs.items() if name in HOTTER and value is not None}
    evidence = Evidence(density=case["density"], readings=readings, knobs=numeric)
    diagnosis = checks.check_diagnosis(f"rule {case['rule']!r}", loaded.instance.classify(evidence))
    return Verdict(density=case["density"], rule=case["rule"], diagnosis=diagnosis)


def _replica(store: Store, reference: str, device: str) -> Replica:
    found = store.load_weights(reference)
    mask = masks.to_device(found.mask, device) if found.mask is not None else None
    return Replica(model=to_model(found, device).eval(), mask=mask, run=reference)


def _device_name(device: str) -> str:
    if torch.device(device).type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{platform.processor() or platform.machine()} ({torch.get_num_threads()} threads)"
