"""Checks a probe."""

from __future__ import annotations

import dataclasses
import math
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from prunescope.api import Data, Probe, Replica
from prunescope.plugins.checks import check_readings
from prunescope.plugins.stacking import stack
from prunescope.plugins.testing import state
from prunescope.plugins.testing.plugin import accepted_option, check_plugin, require, seeded_check, title
from prunescope.plugins.testing.toys import toy_data, toy_replicas

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from prunescope.api import Reading

TIMES = ("second", "1/second")
"""Units of what a clock measures, which no seed repeats."""

Case = tuple[str, Probe, "Sequence[Replica]", "Data | None"]


def check_probe(
    probe: Probe, *, replicas: Sequence[Replica] | None = None, data: Data | None = None
) -> dict[str, Reading]:
    """Check a probe, and return the readings of its first call.

    It is called as the core calls it, twice: what it returns is valid and the same again, models, masks and data are
    as before. Without `replicas` it measures toy replicas, pruned and dense, also with a small batch size where it has
    that option, and on data (if not given) that lack a class. `passes` is a number that a cost estimate can use.

    Readings in seconds are excused from being the same again.

    Raises:
        AssertionError: what is wrong.
    """
    check_plugin(probe, Probe)
    _check_class_variables(probe)
    _check_passes(probe)
    first: dict[str, Reading] = {}
    for name, variant, given, on in _cases(probe, replicas, data):
        try:
            found = _check_calls(variant, given, on)
        except Exception as error:
            raise AssertionError(f"{title(probe)} on {name}: {_why(error)}") from error
        first = first or found
    return first


def _cases(probe: Probe, replicas: Sequence[Replica] | None, data: Data | None) -> Iterator[Case]:
    on = data or toy_data()
    if replicas is not None:
        yield "the replicas given", probe, replicas, on
        return
    pruned = toy_replicas(3, density=0.2, data=on)
    yield "pruned replicas", probe, pruned, on
    yield "dense replicas", probe, toy_replicas(3, data=on), on
    if hasattr(probe, "batch_size"):
        yield "batches of 16", dataclasses.replace(probe, batch_size=16), pruned, on  # type: ignore[type-var]
    if data is None:
        yield "data without one class", probe, pruned, toy_data(train=63, test=31, missing=[3])
    if not probe.needs_data:
        yield "replicas without data", probe, pruned, None


def _check_calls(probe: Probe, replicas: Sequence[Replica], data: Data | None) -> dict[str, Reading]:
    groups = list(combinations(replicas, probe.replicas)) if isinstance(probe.replicas, int) else [tuple(replicas)]
    require(bool(groups), f"it takes replicas: {probe.replicas}, but only {len(replicas)} are given")
    found = [_check_call(probe, group, data) for group in groups]
    if len(found) > 1:
        with accepted_option():
            stack(found, axis="replica" if probe.replicas == 1 else "pair", who=title(probe))
    return found[0]


def _check_call(probe: Probe, group: Sequence[Replica], data: Data | None) -> dict[str, Reading]:
    before = _seen(group, data)
    with seeded_check(0):
        first = probe.measure(group, data, seed=0)  # type: ignore[arg-type]
    with accepted_option():
        check_readings(title(probe), first, n_replicas=len(group))
    changed = state.changed_names(before, _seen(group, data))
    require(not changed, f"it changes {changed}: use a deepcopy, or restore it")
    with seeded_check(0):
        again = probe.measure(group, data, seed=0)  # type: ignore[arg-type]
    _check_same(first, again)
    return first


def _seen(group: Sequence[Replica], data: Data | None) -> state.Snapshot:
    seen = {**state.of_torch(), **(state.of_data(data) if data is not None else {})}
    for number, replica in enumerate(group):
        for name, value in {**state.of_model(replica.model), **state.of_mask(replica.mask)}.items():
            seen[f"{name} of replica {number}"] = value
    return seen


def _check_same(first: Mapping[str, Reading], again: Mapping[str, Reading]) -> None:
    require(list(first) == list(again), f"it returns {list(first)}, then {list(again)} for the same seed")
    for name, reading in first.items():
        other = again[name]
        same = all(
            _equal(getattr(reading, field.name), getattr(other, field.name)) for field in dataclasses.fields(reading)
        )
        require(
            same or reading.unit in TIMES,
            f"reading {name!r} is {reading.value}, then {other.value} for the same seed: use a seeded generator",
        )


def _equal(one: object, other: object) -> bool:
    return one is other or bool(np.array_equal(np.asarray(one), np.asarray(other)))


def _check_class_variables(probe: Probe) -> None:
    who, kind = title(probe), type(probe)
    replicas = getattr(kind, "replicas", None)
    require(replicas in (0, 1, 2, "any"), f"{who}.replicas is {replicas!r}, wanted 0, 1, 2 or 'any'")
    names = {field.name for field in dataclasses.fields(kind)}  # type: ignore[arg-type]
    taken = sorted(names & {"replicas", "needs_data", "version"})
    require(not taken, f"{who} makes an option of the class variable {taken}: leave out its annotation")


def _check_passes(probe: Probe) -> None:
    passes = probe.passes(replicas=probe.replicas if isinstance(probe.replicas, int) else 3, train=1000, test=500)
    forward = probe.needs_data and probe.replicas != 0
    lowest = "above 0" if forward else "at least 0"
    enough = passes > 0 if forward else passes >= 0
    require(math.isfinite(passes) and enough, f"{title(probe)}.passes(...) is {passes}, wanted finite, {lowest}")


def _why(error: Exception) -> str:
    return str(error) if isinstance(error, AssertionError) else f"{type(error).__name__}: {error}"
