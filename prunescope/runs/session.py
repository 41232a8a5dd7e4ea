"""A session: the study folder, where its steps run, and who is shown the progress."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from prunescope.api.errors import PrunescopeError, UsageError
from prunescope.api.wording import count_text, verb_text
from prunescope.plugins import registry
from prunescope.runs import recording
from prunescope.runs.credits import GROUPS
from prunescope.runs.place import Place, StudyPlace
from prunescope.runs.watching import Silent, Watcher, label

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from pathlib import Path

    from torch import nn

    from prunescope.api import Outcome, Recorder
    from prunescope.plugins.registry import Loaded
    from prunescope.runs.files.runfile import Run
    from prunescope.runs.place import AskedPlace
    from prunescope.runs.recipe import Recipe
    from prunescope.runs.scheduling.cost import CostEstimate
    from prunescope.runs.store import Store


def this_process() -> Loaded:
    """Return the executor that runs steps in this process, replicas of a tiny network together."""
    return registry.make("executors", "local", {"in_process": True})


DISTRIBUTION = "prunescope"
"""Whose plugins are known to leave their process alone."""


@dataclass(frozen=True, kw_only=True)
class Session:
    """A study that is open: what functions take in place of a store, a device and an executor.

    One of a store alone reads the study, and performs steps in this process on the CPU.
    """

    store: Store
    device: str = "cpu"
    """As torch names it, or "auto": decided where a step runs (`scheduling.devices`)."""
    executor: Loaded = field(default_factory=this_process)
    watcher: Watcher = field(default_factory=Silent)
    apart: bool = False
    """Whether a single step of somebody else's plugin runs in a process of its own, which it may end: in a command, not
    where a person's program is this process."""
    recorders: Sequence[Recorder] = ()
    """What receives the epochs and readings of the steps that this session performs."""

    @property
    def device_here(self) -> str:
        """The device of this process: the CPU where the one that was named is of other machines alone."""
        from prunescope.runs.scheduling import devices

        return devices.resolve_here(self.device)

    def read(self, run_id: str, *, only: Collection[str] | None = None) -> Run:
        """Return a finished run; only: which readings to read, as "<probe>/<name>", all when None."""
        return self.store.read(run_id, only=only)

    def unfinished(self, recipes: Sequence[Recipe]) -> list[Recipe]:
        """Return the recipes that are not finished yet, each once, in the order given."""
        return self.store.unfinished(recipes)

    def make_plugin(self, group: str, name: str, options: Mapping[str, Any]) -> Loaded:
        """Return a plugin with options; the code they may name is what the study's files may."""
        return registry.make(group, name, options, trust=self.store.trust)

    def build_network(self, reference: str) -> nn.Module:
        """Return the network of a run (or snapshot) with its weights, on the CPU; masked weights are 0."""
        from prunescope.networks import checkpoints

        return checkpoints.to_model(self.store.load_weights(reference))

    def save_weights(self, reference: str, path: Path) -> None:
        """Write the weights of a run (or snapshot) to a file: .pt or .safetensors."""
        from prunescope.runs.files.weights import save_weights

        save_weights(path, self.store.load_weights(reference))

    def note(self, text: str) -> None:
        """Report one line."""
        self.watcher.note(text)

    def perform(self, recipe: Recipe) -> str:
        """Perform one step and return its id; a finished one is not computed again.

        It runs in this process, or, if `apart`, in one of its own where its plugin is not prunescope's.
        """
        from prunescope.runs import locations, pipeline

        locations.note_places([recipe], self.store)
        if self.store.has(recipe.id):
            self.note(f"{label(recipe)}: already finished")
            return recipe.id
        if self.apart and is_foreign(recipe):
            worker = registry.make("executors", "local", {"workers": 1})
            raise_failure(replace(self, executor=worker).outcomes([recipe], todo=[recipe]), [recipe], self)
            return recipe.id
        with self.watcher.watch([recipe], self.store.progress, {}):
            performed = pipeline.perform(recipe, self.store, device=self.device)
        recording.record_run(performed, self.recorders, self.store)
        return performed

    def complete(self, recipes: Sequence[Recipe]) -> None:
        """Run every unfinished step; raise the first error when some failed, after the others were finished."""
        todo = self.unfinished(recipes)
        if len(todo) < len(recipes):
            self.note(
                f"{len(recipes) - len(todo)} of {count_text(len(recipes), 'step')} "
                f"{verb_text(len(recipes) - len(todo), 'are')} already finished"
            )
        if not todo:
            return
        self.note(f"running {count_text(len(todo), 'step')}, the first: {label(todo[0])}")
        raise_failure(self.outcomes(recipes, todo=todo), todo, self)

    def outcomes(self, recipes: Sequence[Recipe], *, todo: Sequence[Recipe]) -> list[Outcome]:
        """Run recipes, those in `todo` being unfinished, and return how each job ended."""
        from prunescope.runs.scheduling import scheduler

        found, asked = [], {recipe.id for recipe in todo}
        with self.watcher.watch(todo, self.store.progress, self.shares(todo)):
            for outcome in scheduler.run(recipes, self.store, self.executor_for(todo), device=self.device):
                found.append(outcome)
                if outcome.id in asked and not outcome.error:
                    recording.record_run(outcome.id, self.recorders, self.store)
        return found

    def executor_for(self, recipes: Sequence[Recipe]) -> Any:  # noqa: ANN401 - an Executor
        """Return the executor of these steps: this very process where a network or data live in it alone."""
        from prunescope.runs import live

        if not live.are_needed(recipes, self.store):
            return self.executor.instance
        return this_process().instance

    def estimate(self, recipes: Sequence[Recipe]) -> CostEstimate:
        """Return the cost of what is left, and report it."""
        from prunescope.runs.scheduling import cost

        found = cost.estimate_cost(recipes, self.store, device=self.device_here)
        self.watcher.estimated(found, self.executor.instance.slots())
        return found

    def shares(self, recipes: Sequence[Recipe]) -> dict[str, float]:
        """Return the share of each step: what it sends through the network, and a little for anything else."""
        from prunescope.data import sources
        from prunescope.runs.scheduling import cost

        here = self.device_here
        described = [recipe.arguments["data"] for recipe in recipes if "data" in recipe.arguments]
        data = sources.open_source(described[0], device=here, trust=self.store.trust) if described else None
        passes = cost.passes_by_id(recipes, data, trust=self.store.trust)
        least = 0.001 * max(1.0, *passes.values())
        return {run_id: max(number, least) for run_id, number in passes.items()}


def is_foreign(recipe: Recipe) -> bool:
    """Whether the plugin of a step is of another distribution than prunescope."""
    group = GROUPS.get(recipe.step)
    return group is not None and registry.get(group, recipe.plugin).distribution != DISTRIBUTION


def open_session(question: AskedPlace, *, watcher: Watcher | None = None) -> Session:
    """Return the session that a question is answered in; its study folder need not exist yet.

    Raises UsageError for a study that is a file, a device that cannot be used, or an executor that does not exist.
    """
    from prunescope.data import file_digests
    from prunescope.runs import locations
    from prunescope.runs.store import Store
    from prunescope.runs.trusting import trusted_code

    study, watcher = check_study(question.folder), watcher or Silent()
    locations.read_places(study)
    file_digests.SHOWN.set(getattr(watcher, "meter", None))
    typed = {name: getattr(question, name, None) for name in ("model", "data")}
    trust = trusted_code(study, note=watcher.note, allowed=question.trust, plugins=typed_plugins(question), **typed)
    device = question.device if isinstance(question, StudyPlace) else "cpu"
    executor = choose_executor(question, device=device) if isinstance(question, Place) else this_process()
    return Session(
        store=Store(study, trust=trust),
        device=device if executor.instance.remote else resolve_device(device),
        executor=executor,
        watcher=watcher,
        recorders=tuple(question.recorders),
    )


def typed_plugins(question: AskedPlace) -> tuple[Loaded, ...]:
    """Return the plugins that a question names together with options: a person typed these."""
    found = []
    for group in registry.INTERFACES:
        name, options = getattr(question, group[:-1], None), getattr(question, f"{group[:-1]}_options", None)
        if isinstance(name, str) and options:
            found.append(registry.make(group, name, options, trust=None))
    return tuple(found)


def check_study(study: Path) -> Path:
    """Return the study folder, which need not exist yet; UsageError for a file."""
    if study.exists() and not study.is_dir():
        raise UsageError(f"--study {study} is a file", fix="give a folder; it is created if it does not exist")
    return study


def choose_executor(place: Place, *, device: str) -> Loaded:
    """Return the executor; on a GPU one that lets its number be chosen takes one process per GPU.

    Raises UsageError for a number of workers where the executor's is fixed.
    """
    from prunescope.runs.scheduling import devices

    values = dict(place.executor_options)
    if seconds := getattr(place, "step_timeout", 0.0):
        if place.executor != "local":
            raise UsageError("--step-timeout is of the executor local alone", fix="give an --executor-option instead")
        values["step_timeout"] = str(seconds)
    loaded = registry.make("executors", place.executor, values)
    wanted = place.workers or (0 if loaded.instance.remote else devices.workers(device))
    sized = loaded.instance.with_slots(wanted) if wanted else None
    if place.workers and sized is None:
        raise UsageError(
            f"the executor {place.executor} does not accept --workers here: its number of jobs is fixed",
            fix="leave it out, or give --executor-option KEY=VALUE instead",
        )
    return loaded if sized is None else replace(loaded, instance=sized)


def resolve_device(text: str) -> str:
    """Check the device that was named; `auto` stays, to be decided where a step runs."""
    import torch

    if text == "auto":
        return text
    try:
        kind = torch.device(text).type
        torch.empty(1, device=text)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).partition("\n")[0]
        raise UsageError(f"the device {text!r} cannot be used: {reason}", fix="give --device auto, or cpu") from error
    if kind == "meta":
        raise UsageError("the device 'meta' computes nothing", fix="give --device auto, or cpu")
    return text


def raise_failure(outcomes: Sequence[Outcome], recipes: Sequence[Recipe], session: Session) -> None:
    """Report every way in which steps failed, and raise one: the first with a fix, where there is one."""
    from prunescope.runs import failures

    failed = {outcome.id: outcome.error for outcome in outcomes if outcome.error and not outcome.skipped}
    if not failed:
        return
    known = {recipe.id: recipe for recipe in recipes}
    names = {recipe.id: label(recipe, known) for recipe in recipes}
    finished = sum(not outcome.error for outcome in outcomes)
    study = session.store.study
    session.note(
        f"failed: {len(failed)} of {count_text(len(recipes), 'step')}; {finished} {verb_text(finished, 'are')} "
        f"finished and kept in {study}"
    )
    first = {error: run_id for run_id, error in reversed(failed.items())}
    chosen = next((error for error in failed.values() if "\n" in error), next(iter(failed.values())))
    for error, run_id in first.items():
        if error != chosen:
            session.note(f"failed too: {names[run_id]}: {error.partition(chr(10))[0]}")
    message, _, fix = chosen.partition("\n")
    traceback = failures.path(study, first[chosen])
    raise PrunescopeError(
        f"{names[first[chosen]]}: {message}",
        fix=fix or f"its traceback is in {traceback}; if it recurs, report it with this file",
    )
