"""What "raise" and "lower" mean in the knobs of this dense training, and the command to type next."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, replace
from itertools import chain
from typing import TYPE_CHECKING, Any

from prunescope.api import Advice
from prunescope.api.errors import PrunescopeError
from prunescope.api.knobs import KNOBS, knob_words
from prunescope.api.wording import count_text
from prunescope.plugins import options, registry
from prunescope.report.common import formatting, words
from prunescope.report.common.view import Command, Headline, ShownKnob
from prunescope.report.diagnosis import evidence
from prunescope.report.diagnosis.typed import type_model_option, type_value
from prunescope.runs import locations
from prunescope.runs.live import report_lost
from prunescope.runs.recipe import snapshot_of
from prunescope.studies.diagnosis.plan import COMPRESSION

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from prunescope.studies.diagnosis.trail import Branch, Trail

USUAL_STUDY = "prunescope-study"

MOVED = ("epochs", "learning_rate", "batch_size")
"""Knobs that the next command moves, the first that is known; then the others, in the order of the table."""

STEP = 2.0
"""The factor by which the next command moves a knob."""

Words = tuple[str, ...]


FROM_PYTHON = (
    "The network or its data are objects of a Python process: do that there, and give what `prunescope.train` returns, "
    "or the snapshot, to `prunescope.diagnose`."
)

REPLICAS = 3
"""Retrainings of each pruned model that `diagnose` asks for by itself."""


@dataclass(frozen=True, kw_only=True)
class Known:
    """What is known of the dense model, as the command line takes it."""

    reference: str
    study: Words
    data: Words
    """What was measured on, with its limit."""
    training_data: Words
    """The same, limited only where the dense training was."""
    model: Words
    trainer: str
    settings: Mapping[str, Any]
    """Options of the trainer that made it, or that come nearest to what did."""
    seed: int
    snapshots: tuple[int, ...]
    """Epochs of the same run whose weights were kept."""
    foreign: bool
    """Trained elsewhere."""


def known_knobs(trail: Trail) -> dict[str, float | str]:
    """Return the temperature-like settings of the dense training; a snapshot was trained for its epochs."""
    knobs = {name: value for name, value in trail.dense.facts.get("knobs", {}).items() if value is not None}
    epoch = snapshot_of(trail.reference)
    return knobs if epoch is None else {**knobs, "epochs": epoch}


def knobs(trail: Trail) -> tuple[ShownKnob, ...]:
    """Return the knobs in the order of the table, those that act like a temperature first."""
    found = known_knobs(trail)
    order = [name for name in KNOBS if name in found] + sorted(set(found) - set(KNOBS))
    return tuple(_knob(name, found[name]) for name in order)


def commands(trail: Trail, verdicts: Sequence[Headline], *, study: Path) -> tuple[Command, ...]:
    """Return what to type next: one entry for each advice that was given, in the order of what changes most."""
    known = _known(trail, study)
    made = []
    alone = trail.direction_alone
    blank = {branch.density for branch in trail.pruned if not evidence.learned(branch)}
    for advice, build, where in (
        (Advice.RAISE, _hotter, None),
        (Advice.LOWER, _colder, None),
        (Advice.KEEP, _keep, None),
        (Advice.NONE, _longer, True),
        (Advice.NONE, _more_replicas, False),
    ):
        asked = [one for one in verdicts if one.advice is advice and where in (None, one.density in blank)]
        if asked and not (alone and advice is Advice.NONE):
            made.append(build(trail, known, asked))
    if alone:
        made.append(_name_regime(trail, known, verdicts))
    found = tuple(made) or (_prune_first(known),)
    of_objects = any(report_lost(run) for run in (trail.dense, *(run for _, run in trail.runs)))
    return tuple(map(_from_python, found)) if of_objects else found


def _from_python(command: Command) -> Command:
    """Return what to do next where network or data are objects of a process, which no command reaches."""
    return replace(command, why=f"{command.why} {FROM_PYTHON}", lines=())


def data_text(source: Mapping[str, Any]) -> str:
    """Return a data set as the command line takes it: the inverse of `prunescope.data.parse_spec`.

    >>> data_text({"name": "patches", "options": {"noise": 0.2, "size": 16}})
    'patches:noise=0.2,size=16'
    >>> data_text({"name": "timm", "options": {"dataset": "torch/cifar10", "root": "/data"}})
    'torch/cifar10:root=/data'
    >>> data_text({"name": "timm", "options": {"root": "birds"}})
    'birds'
    """
    rest = dict(locations.with_place(source)["options"])
    name = source["name"]
    if name == "timm":
        name = rest.pop("dataset", "") or rest.pop("root", "") or "FOLDER"
    elif name == "factory":
        name = rest.pop("factory", "")
    given = ",".join(f"{key}={type_value(value)}" for key, value in sorted(rest.items()))
    return f"{name}:{given}" if given else str(name)


def _data(source: Mapping[str, Any]) -> Words:
    limit = source.get("limit_batches")
    return ("--data", data_text(source), *(("--limit-batches", str(limit)) if limit is not None else ()))


def _knob(name: str, value: float | str) -> ShownKnob:
    knob = KNOBS.get(name)
    if knob is None or not isinstance(value, int | float):
        return ShownKnob(name=name, value=value, hotter="", colder="")
    written = formatting.number(value)
    smaller, larger = knob.below(written) if value > 0 else "", knob.above(written)
    hotter, colder = (larger, smaller) if knob.hotter > 0 else (smaller, larger)
    return ShownKnob(name=name, value=value, hotter=hotter, colder=colder)


def _known(trail: Trail, study: Path) -> Known:
    recipe, facts = trail.dense.recipe, trail.dense.facts
    source = next((run.recipe.arguments["data"] for _, run in trail.runs if "data" in run.recipe.arguments), None)
    model = facts.get("model", {})
    made = chain.from_iterable(
        ("--model-option", f"{name}={type_model_option(value)}")
        for name, value in sorted(model.get("options", {}).items())
    )
    foreign = recipe.step != "train"
    trainer = _trainer(facts.get("training", {}).get("optimizer")) if foreign else recipe.plugin
    epochs = (snapshot_of(name.removesuffix(".safetensors")) for name in trail.dense.weights)
    return Known(
        reference=trail.reference,
        study=() if study.name == USUAL_STUDY and not study.is_absolute() else ("--study", str(study)),
        data=_data(source) if source else (),
        training_data=_data(recipe.arguments.get("data") or {**source, "limit_batches": None}) if source else (),
        model=("--model", str(model["name"]), *made) if model else (),
        trainer=trainer,
        settings=_settings(trainer, facts.get("training", {})) if foreign else dict(recipe.options),
        seed=int(recipe.arguments.get("seed", 0)),
        snapshots=tuple(sorted(epoch for epoch in epochs if epoch is not None)),
        foreign=foreign,
    )


def _trainer(optimizer: object) -> str:
    """Return the trainer of that name; for another optimiser that timm has, the trainer that takes timm's."""
    from timm.optim import list_optimizers  # type: ignore[attr-defined]

    names = {plugin.name for plugin in registry.find_plugins("trainers")}
    name = str(optimizer or "sgd")
    return "timm" if name not in names and "timm" in names and name in list_optimizers() else name


def _settings(trainer: str, training: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of another program's training that a built-in trainer takes; {} where there are none."""
    try:
        plugin = registry.get("trainers", trainer).load()
        fields = {field.name for field in options.fields(plugin)}
        given = {name: value for name, value in training.items() if name in fields and value is not None}
        return dict(options.non_default(options.build_plugin(plugin, given)))
    except PrunescopeError:
        return {}


def _can_train(known: Known) -> bool:
    trainers = {plugin.name for plugin in registry.find_plugins("trainers")}
    return bool(known.data and known.model) and known.trainer in trainers


def _hotter(trail: Trail, known: Known, asked: Sequence[Headline]) -> Command:
    return _move(trail, known, asked, sign=+1)


def _colder(trail: Trail, known: Known, asked: Sequence[Headline]) -> Command:
    return _move(trail, known, asked, sign=-1)


def _move(trail: Trail, known: Known, asked: Sequence[Headline], *, sign: int) -> Command:
    """Train with one knob moved by a factor, or take a snapshot that is there already; then diagnose that."""
    word, labels = ("Hotter" if sign > 0 else "Colder"), words.either([verdict.label for verdict in asked], "and")
    values = known_knobs(trail)
    snapshot = _nearest_snapshot(values.get("epochs"), known.snapshots, sign)
    if snapshot is not None:
        reference = f"{trail.dense.id}@{snapshot}"
        when = f"the snapshot after {count_text(snapshot, 'epoch')} of the same training"
        why = f"{word}, for {labels}: {when} exists already."
        return Command(why=why, lines=(_diagnose(known, asked, shlex.quote(reference), *_comparably(trail)),))
    moved = _moved(values, sign)
    if moved is None or not _can_train(known):
        how = "hotter (fewer epochs, smaller batch or larger learning rate)" if sign > 0 else "colder (more epochs)"
        return Command(why=f"For {labels}: train the dense model {how}, then diagnose the new checkpoint.", lines=())
    name, value = moved
    here, there = formatting.number(float(values[name])), formatting.number(value)
    why = f"{word}, for {labels}: {knob_words(name)} {there} instead of {here}."
    if known.foreign:
        why += " Or use your own training script with this one change; then diagnose its checkpoint."
    asking = _diagnose(known, asked, '"$dense"', *_comparably(trail))
    return Command(why=why, lines=(_train(known, {name: value}), asking))


def _keep(trail: Trail, known: Known, asked: Sequence[Headline]) -> Command:
    """Prune this very model, with the pruner that was judged."""
    pruner = next((branch.prune.recipe.plugin for branch in trail.pruned if branch.prune), "magnitude")
    density = f"{asked[0].density:g}"
    prune = ("prunescope", "prune", pruner, shlex.quote(known.reference), *_quoted(known.data), "--density", density)
    why = f"Keep this dense model for {words.either([verdict.label for verdict in asked], 'and')}, and prune it."
    return Command(why=why, lines=((*prune, *_quoted(known.study)),))


def _longer(trail: Trail, known: Known, asked: Sequence[Headline]) -> Command:
    """Retrain longer: where replicas have not learned, more of them decide nothing."""
    densities = {verdict.density for verdict in asked}
    branch = next(branch for branch in trail.pruned if branch.density in densities)
    epochs = len(branch.retrainings[0].history)
    longer, replicas = max(1, round(STEP * epochs)), len(branch.retrainings)
    labels = words.either([verdict.label for verdict in asked], "and")
    more = ("--retrain-epochs", str(longer), *(("--replicas", str(replicas)) if replicas != REPLICAS else ()))
    line = _diagnose(known, asked, shlex.quote(known.reference), *more, *_same_pruning(branch))
    why = (
        f"Replicas have not learned at {labels}: retrain for {count_text(longer, 'epoch')} instead of "
        f"{epochs}, or use a higher density."
    )
    if any(branch.prune is None and not evidence.learned(branch) for branch in trail.branches):
        why = f"The dense model has not learned: train it first. {why}"
    return Command(why=why, lines=(line,))


def _more_replicas(trail: Trail, known: Known, asked: Sequence[Headline]) -> Command:
    """Ask the same question with more replicas: what is finished is not computed again."""
    most = max((len(branch.retrainings) for branch in trail.pruned), default=3)
    labels = words.either([verdict.label for verdict in asked], "and")
    line = _diagnose(known, asked, shlex.quote(known.reference), "--replicas", str(most + 2), *_as_before(trail))
    return Command(
        why=f"Decide {labels} with {count_text(most + 2, 'replica')}; the {most} that are finished are not "
        f"trained again.",
        lines=(line,),
    )


def _name_regime(trail: Trail, known: Known, asked: Sequence[Headline]) -> Command:
    """Retrain replicas where the direction alone was judged: what is finished is not computed again."""
    labels = words.either([verdict.label for verdict in asked], "and")
    more = ("--replicas", str(REPLICAS), *_as_before(trail))
    line = _diagnose(known, asked, shlex.quote(known.reference), *more)
    brief = " and brief retrainings" if any(branch.siblings for branch in trail.pruned) else ""
    why = (
        f"Name the regime at {labels} with {count_text(REPLICAS, 'replica')} of each; finished prunings{brief} "
        f"are not run again."
    )
    return Command(why=why, lines=(line,))


def _as_before(trail: Trail) -> Words:
    """Return the options without which a second diagnosis would not meet the runs of this one."""
    branch = next(iter(trail.pruned), None)
    if branch is None or branch.prune is None:
        return ()
    if not branch.retrainings:
        return _same_pruning(branch)
    epochs = len(branch.retrainings[0].history)
    usual = max(1, round(COMPRESSION * float(trail.dense.facts.get("training", {}).get("epochs") or 0)))
    return (*(("--retrain-epochs", str(epochs)) if epochs != usual else ()), *_same_pruning(branch))


def _same_pruning(branch: Branch) -> Words:
    """Return the options that prune as a branch was pruned."""
    if branch.prune is None:
        return ()
    pruner, seed = branch.prune.recipe.plugin, int(branch.prune.recipe.arguments.get("seed", 0))
    return (*(("--pruner", pruner) if pruner != "magnitude" else ()), *(("--seed", str(seed)) if seed else ()))


def _comparably(trail: Trail) -> Words:
    """Return the options that retrain another model's replicas as long and as often, so that the two compare."""
    branch = next(iter(trail.pruned), None)
    if branch is None:
        return ()
    if not branch.retrainings:
        return ("--replicas", "0")
    replicas = len(branch.retrainings)
    return (
        *("--retrain-epochs", str(len(branch.retrainings[0].history))),
        *(("--replicas", str(replicas)) if replicas != REPLICAS else ()),
    )


def _prune_first(known: Known) -> Command:
    line = ("prunescope", "diagnose", shlex.quote(known.reference), *_quoted(known.data), "--density", "0.05,0.1,0.2")
    return Command(
        why="Prune and retrain at the wanted densities: this gives the regime of each.",
        lines=((*line, *_quoted(known.study)),),
    )


def _diagnose(known: Known, asked: Sequence[Headline], reference: str, *more: str) -> Words:
    densities = ",".join(f"{verdict.density:g}" for verdict in asked)
    return (
        "prunescope",
        "diagnose",
        reference,
        *_quoted(known.data),
        "--density",
        densities,
        *more,
        *_quoted(known.study),
    )


def _train(known: Known, change: Mapping[str, float]) -> Words:
    settings = {**known.settings, **change}
    flags = chain.from_iterable(_flag(name, value) for name, value in sorted(settings.items()))
    given = (*known.model, *known.training_data, *flags, "--seed", str(known.seed), *known.study)
    return ("dense=$(prunescope", "train", known.trainer, *_close(_quoted(given)))


def _close(given: Words) -> Words:
    return (*given[:-1], f"{given[-1]})")


def _flag(name: str, value: object) -> Words:
    flag = name.replace("_", "-")
    if isinstance(value, bool):
        return (f"--{flag}",) if value else (f"--no-{flag}",)
    return (f"--{flag}", type_value(value))


def _moved(values: Mapping[str, float | str], sign: int) -> tuple[str, float] | None:
    """Return the first known knob, moved towards hotter (+1) or colder (-1); whole numbers stay whole."""
    for name in dict.fromkeys((*MOVED, *KNOBS)):
        value = values.get(name)
        if isinstance(value, int | float) and value > 0:
            moved = value * STEP ** (sign * KNOBS[name].hotter)
            if not KNOBS[name].whole:
                return name, moved
            if round(moved) >= 1 and round(moved) != value:
                return name, round(moved)
    return None


def _nearest_snapshot(epochs: object, snapshots: Sequence[int], sign: int) -> int | None:
    """Return the snapshot nearest to half (or twice) the epochs on the hotter (or colder) side; None where none is."""
    if not isinstance(epochs, int | float):
        return None
    wanted = epochs * STEP ** (sign * KNOBS["epochs"].hotter)
    side = [epoch for epoch in snapshots if (epochs - epoch) * sign > 0]
    return min(side, key=lambda epoch: (abs(epoch - wanted), epoch), default=None)


def _quoted(given: Sequence[str]) -> Words:
    return tuple(shlex.quote(word) for word in given)
