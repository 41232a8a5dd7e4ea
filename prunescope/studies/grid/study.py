"""study.toml -> a frozen `Study`: one temperature-like knob x densities x seeds, and how each model is made."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, field
from difflib import get_close_matches
from math import isfinite
from typing import TYPE_CHECKING, Any

from prunescope.api.errors import InputError, UsageError
from prunescope.api.knobs import KNOBS
from prunescope.api.regular import read_regular_text
from prunescope.api.wording import count_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

TABLES = ("model", "data", "train", "prune", "retrain", "probes", "dense_probes", "axes", "seeds")

HOLD = ("epochs", "iterations")
"""What stays fixed while the batch size changes."""

BESIDE_KNOBS = ("density", "hold", "snapshots")
"""Keys of the table [axes], besides the knob."""

SEED_STRIDE = 1000
"""Retraining seeds of one dense seed start at it times the dense seed: no two cells share their noise by accident."""


@dataclass(frozen=True, kw_only=True)
class PluginChoice:
    """A plugin and its options as the study's author wrote them; checked when the plugin is loaded."""

    plugin: str
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Study:
    """A family of models: every value of the knob, pruned to every density, from every seed."""

    name: str
    model: str
    model_options: Mapping[str, Any]
    data: str
    """A data set's name with options, as `--data` takes it."""
    train: PluginChoice
    prune: PluginChoice
    retrain: PluginChoice
    probes: tuple[PluginChoice, ...]
    knob: str
    """The temperature-like option of the trainer that is varied."""
    values: tuple[float, ...]
    hold: str
    """For the batch size: "epochs" or "iterations" stay as `train` has them."""
    snapshots: bool
    """For the epochs: take all values as snapshots of one run, as the paper does, instead of one run each."""
    densities: tuple[float, ...]
    dense_seeds: tuple[int, ...]
    replicas: int
    """Retrainings of each pruned model."""
    dense_probes: tuple[PluginChoice, ...] = ()
    """What is measured on every dense model, before pruning."""


def load_study(path: Path) -> Study:
    """Read a study; InputError names the file, the table and the key of whatever is wrong."""
    try:
        text = read_regular_text(path)
    except OSError as error:
        reason = error.strerror or error
        raise InputError(f"cannot read the study {path}: {reason}", fix="give the path of a study.toml") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not a text file", fix="give the path of a study.toml") from error
    try:
        return parse_study(text, name=path.parent.name if path.name == "study.toml" else path.stem)
    except (InputError, UsageError) as error:
        raise InputError(f"{path}: {error.message}", fix=error.fix) from error


MOST = 1 << 20
"""Characters of a study."""

LONGEST_NAME = 4096
"""Characters of a name, which may be a path: what is like a longer one is looked for in minutes."""

DEEP = re.compile(r"""(?<![\w"'-])(?:[\w"'-]++[ \t]*+\.[ \t]*+){32}""")
"""A name of many parts, each of which costs the reader of TOML as much as all before it."""


def parse_study(text: str, *, name: str) -> Study:
    """Return the study that a TOML text describes.

    Raises InputError for a text that is not TOML, an unknown or missing key, or a value out of range.
    """
    if len(text) > MOST or DEEP.search(text):
        raise InputError(
            "it is larger, or its names have more parts, than a study's",
            fix="see the studies that come with prunescope",
        )
    try:
        tables = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError, ValueError) as error:
        raise InputError(f"not TOML: {error}", fix="see the studies in prunescope's repository") from error
    _check_integers(tables, "the study")
    _known(tables, TABLES, where="the study")
    _check_spelling(_table(tables, "axes"))
    model, axes = dict(_table(tables, "model")), dict(_table(tables, "axes"))
    densities = _densities(_numbers(axes.pop("density", None), "axes.density"))
    hold, snapshots = axes.pop("hold", None), axes.pop("snapshots", None)
    knob, values = _knob(axes)
    probes = tuple(_choice(table, "[[probes]]") for table in _tables(tables, "probes"))
    if not probes:
        raise InputError("the study measures nothing", fix='add a table: [[probes]] with plugin = "errors"')
    dense_seeds, replicas = _seeds(_table(tables, "seeds", default={}))
    _check_finite(tables, "the study")
    _check_size(len(values) * len(densities) * len(dense_seeds), replicas + len(probes))
    return Study(
        name=name,
        model=_take_name(model, "name", "[model]"),
        model_options=model,
        data=_data(_table(tables, "data")),
        train=_choice(_table(tables, "train"), "[train]"),
        prune=_choice(_table(tables, "prune"), "[prune]"),
        retrain=_choice(_table(tables, "retrain"), "[retrain]"),
        probes=probes,
        knob=knob,
        values=values,
        hold=_hold(hold, knob),
        snapshots=_snapshots(snapshots, knob),
        densities=densities,
        dense_seeds=dense_seeds,
        replicas=replicas,
        dense_probes=tuple(_choice(table, "[[dense_probes]]") for table in _tables(tables, "dense_probes")),
    )


MOST_STEPS = 50_000
"""Retrainings and measurements of a study."""


def _check_size(cells: int, each: int) -> None:
    """Raise InputError for a grid of more steps than can be laid out in seconds; each: steps of a cell."""
    if cells * each > MOST_STEPS:
        raise InputError(
            f"it has {count_text(cells, 'cell')}, each with {each:,} retrainings and measurements, "
            f"wanted at most {MOST_STEPS:,} steps",
            fix="give fewer values, densities or seeds",
        )


def _hold(hold: object, knob: str) -> str:
    if hold is not None and knob != "batch_size":
        raise InputError(f"axes.hold applies to the batch size, the knob is {knob}", fix="remove it")
    if hold not in (None, *HOLD):
        raise InputError(f"axes.hold is {hold!r}", fix=f"one of: {', '.join(HOLD)}")
    return str(hold or HOLD[0])


def _snapshots(snapshots: object, knob: str) -> bool:
    if snapshots is not None and knob != "epochs":
        raise InputError(f"axes.snapshots applies to the epochs, the knob is {knob}", fix="remove it")
    if not isinstance(snapshots, bool | None):
        raise InputError(f"axes.snapshots is {snapshots!r}", fix="true: snapshots of one run; false: one run each")
    return snapshots is not False


def _seeds(table: Mapping[str, Any]) -> tuple[tuple[int, ...], int]:
    """Return the seeds of the dense runs and the number of replicas."""
    _known(table, ("dense", "replicas"), where="[seeds]")
    seeds, replicas = _numbers(table.get("dense", [0]), "seeds.dense"), table.get("replicas", 3)
    if any(not isinstance(seed, int) or seed < 0 for seed in seeds) or len(set(seeds)) < len(seeds):
        raise InputError(f"seeds.dense is {list(seeds)}", fix="give whole numbers from 0, each once")
    if not isinstance(replicas, int) or isinstance(replicas, bool) or not 1 <= replicas < SEED_STRIDE:
        raise InputError(f"seeds.replicas is {replicas!r}", fix="give a whole number from 1; pairs require 2")
    return tuple(int(seed) for seed in seeds), replicas


def _knob(axes: Mapping[str, Any]) -> tuple[str, tuple[float, ...]]:
    if len(axes) != 1:
        raise InputError(
            f"[axes] has {len(axes)} knobs beside the density: {', '.join(sorted(axes)) or 'none'}",
            fix=f"give one, for example epochs = [10, 20, 40]; known: {', '.join(KNOBS)}",
        )
    ((knob, values),) = axes.items()
    if knob not in KNOBS:
        raise InputError(f"axes.{knob} is not a temperature-like knob", fix=f"one of: {', '.join(KNOBS)}")
    found = _numbers(values, f"axes.{knob}")
    if min(found) < 0 or (KNOBS[knob].whole and any(value != int(value) or value < 1 for value in found)):
        wanted = "whole numbers from 1" if KNOBS[knob].whole else "numbers from 0"
        raise InputError(f"axes.{knob} is {list(found)}", fix=f"give {wanted}")
    if len(set(found)) < len(found):
        raise InputError(f"axes.{knob} repeats a value: {list(found)}", fix="give each value once")
    return knob, tuple(sorted(found))


def _check_spelling(axes: Mapping[str, Any]) -> None:
    """Name a key of [axes] that is nearly one there is; a knob that is like none is refused as a knob."""
    known = (*BESIDE_KNOBS, *KNOBS)
    for key in axes:
        near = get_close_matches(key, known, n=1)
        if near and key not in known:
            raise InputError(f"[axes] has the unknown key {key!r}", fix=f"did you mean {near[0]!r}?")


def _densities(found: tuple[float, ...]) -> tuple[float, ...]:
    wrong = [density for density in found if not 0 < density < 1]
    if wrong:
        raise InputError(f"axes.density has {wrong[0]:g}", fix="densities are fractions between 0 and 1")
    return tuple(sorted(set(found)))


def _choice(table: Mapping[str, Any], where: str) -> PluginChoice:
    options = dict(table)
    return PluginChoice(plugin=_take_name(options, "plugin", where), options=options)


def _data(table: Mapping[str, Any]) -> str:
    """Return the table as the text that `--data` takes."""
    options = dict(table)
    name = _take_name(options, "name", "[data]")
    if any(isinstance(value, list | dict) for value in options.values()):
        raise InputError("an option in [data] has several values", fix="give single values")
    given = ",".join(f"{key}={_plain(value)}" for key, value in options.items())
    return f"{name}:{given}" if given else name


def _plain(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _tables(tables: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    found = tables.get(key, [])
    if not isinstance(found, list) or not all(isinstance(table, dict) for table in found):
        raise InputError(f"{key} is not a list of tables", fix=f"write [[{key}]] above each")
    return found


def _table(tables: Mapping[str, Any], key: str, *, default: Mapping[str, Any] | None = None) -> Mapping[str, Any]:
    found = tables.get(key, default)
    if not isinstance(found, dict):
        raise InputError(f"the study has no table [{key}]", fix=f"add it; a study has: {', '.join(TABLES)}")
    return found


def _take(table: dict[str, Any], key: str, where: str) -> object:
    if key not in table:
        raise InputError(f"{where} has no {key!r}", fix=f'add it: {key} = "..."')
    return table.pop(key)


def _take_name(table: dict[str, Any], key: str, where: str) -> str:
    found = _take(table, key, where)
    if not isinstance(found, str) or len(found) > LONGEST_NAME:
        raise InputError(
            f"{where} has no name of at most {LONGEST_NAME:,} characters as {key!r}", fix=f'give one: {key} = "..."'
        )
    return found


def _numbers(values: object, where: str) -> tuple[float, ...]:
    if values is None:
        raise InputError(f"the study has no {where}", fix=f"give a list of numbers: {where.partition('.')[2]} = [...]")
    if not isinstance(values, list) or not values or not all(map(_is_number, values)):
        raise InputError(f"{where} is {values!r}", fix="give a list of numbers")
    return tuple(values)


def _is_number(value: object) -> bool:
    try:
        return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)
    except OverflowError:  # a whole number of hundreds of digits
        return False


def _check_integers(value: object, where: str) -> None:
    """Raise InputError for a whole number of more than 64 bits, which TOML does not have and no option takes."""
    if isinstance(value, int) and not -(1 << 63) <= value < 1 << 63:
        raise InputError(f"{where} is a number of more than 64 bits", fix="give a number that the option takes")
    for name, item in _parts(value, where):
        _check_integers(item, name)


def _check_finite(value: object, where: str) -> None:
    """Raise InputError for infinity and NaN, which no recipe holds."""
    if isinstance(value, float) and not isfinite(value):
        raise InputError(f"{where} is {value}, wanted a finite number", fix="give a number that the option takes")
    for name, item in _parts(value, where):
        _check_finite(item, name)


def _parts(value: object, where: str) -> Iterator[tuple[str, object]]:
    """Yield what a table or a list holds, and the place of each."""
    if isinstance(value, dict):
        yield from ((f"{where}, {name}", item) for name, item in value.items())
    elif isinstance(value, list):
        yield from ((where, item) for item in value)


def _known(table: Mapping[str, Any], names: tuple[str, ...], *, where: str) -> None:
    for key in table:
        if key not in names:
            near = get_close_matches(key, names, n=1)
            fix = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(names)}"
            raise InputError(f"{where} has the unknown key {key!r}", fix=fix)
