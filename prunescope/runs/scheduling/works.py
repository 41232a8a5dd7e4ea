"""The jobs of a plan: which recipes each performs, what it waits for, its files, and what it is expected to take."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from prunescope.api import Job, Resources
from prunescope.runs.locations import PLACES_FILE
from prunescope.runs.recipe import run_of, task_id

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from prunescope.runs.recipe import Recipe
    from prunescope.runs.scheduling.groups import Group
    from prunescope.runs.store import Store


@dataclass(frozen=True)
class Work:
    """A job and the recipes it performs."""

    job: Job
    recipes: Group


@dataclass(frozen=True, kw_only=True)
class Expected:
    """What the steps are expected to take, as far as an estimate was made."""

    seconds: Mapping[str, float] = field(default_factory=dict)
    """By run id, on one worker of this machine."""
    memory: int = 0
    """Bytes of a step that works on one network."""
    gpus: float = 0.0

    def of(self, group: Group) -> Resources:
        """Return what a job that performs these steps takes."""
        seconds = sum(self.seconds.get(recipe.id, 0.0) for recipe in group)
        return Resources(gpus=self.gpus, memory=self.memory * len(group), seconds=round(seconds, 3))


def works(
    recipes: Sequence[Recipe], store: Store, together: Mapping[str, Group], expected: Expected | None = None
) -> list[Work]:
    """Return the work that is left, in dependency order: a group of trainings is one job, any other step is its own.

    Every job waits for those that make its inputs. A group with one unfinished run is performed whole.
    """
    todo = {recipe.id: recipe for recipe in store.unfinished(recipes)}
    groups_of = {run_id: together.get(run_id, (recipe,)) for run_id, recipe in todo.items()}
    task_of = {recipe.id: task_id(group) for group in groups_of.values() for recipe in group}
    study, expected = str(store.study.absolute()), expected or Expected()
    found: dict[str, Work] = {}
    for run_id, group in groups_of.items():
        if task_of[run_id] not in found:
            found[task_of[run_id]] = Work(_job(group, todo, task_of, study=study, expected=expected), group)
    return _in_order(found)


def _job(group: Group, todo: Collection[str], task_of: Mapping[str, str], *, study: str, expected: Expected) -> Job:
    references = list(dict.fromkeys(reference for recipe in group for reference in recipe.inputs))
    made = {run_of(reference) for reference in references if run_of(reference) in todo}
    return Job(
        id=task_id(group),
        needs=tuple(sorted({task_of[run_id] for run_id in made})),
        recipes=tuple(recipe.canonical() for recipe in group),
        study=study,
        inputs=(*input_files(references, weights=group[0].step != "diagnose"), *_table(study)),
        outputs=tuple(path for recipe in group for path in output_files(recipe.id)),
        resources=expected.of(group),
    )


def _table(study: str) -> tuple[str, ...]:
    """Return the table of where the data of a study lie, where it has one."""
    return (PLACES_FILE,) if (Path(study) / PLACES_FILE).is_file() else ()


def input_files(references: Sequence[str], *, weights: bool) -> tuple[str, ...]:
    """Return the files of finished runs (or snapshots), as paths from the study's folder.

    >>> input_files(["train-01@2", "train-01"], weights=True)
    ('runs/train-01.h5', 'runs/train-01@2.safetensors', 'runs/train-01.safetensors')
    """
    results = dict.fromkeys(f"runs/{run_of(reference)}.h5" for reference in references)
    return (*results, *(f"runs/{reference}.safetensors" for reference in references if weights))


def output_files(run_id: str) -> tuple[str, ...]:
    """Return the files that a step writes, the result last: it means that the weights are there."""
    return (f"runs/{run_id}@*.safetensors", f"runs/{run_id}.safetensors", f"runs/{run_id}.h5")


def _in_order(found: Mapping[str, Work]) -> list[Work]:
    """Put every job after those it needs, otherwise as given: a group needs the inputs of its last member too."""
    placed: dict[str, Work] = {}

    def place(work: Work) -> None:
        if work.job.id not in placed:
            for need in work.job.needs:
                place(found[need])
            placed[work.job.id] = work

    for work in found.values():
        place(work)
    return list(placed.values())
