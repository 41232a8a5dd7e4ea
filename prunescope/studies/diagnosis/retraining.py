"""From the options of `diagnose` to the question it asks: retraining, probes, rules."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from prunescope.api.errors import UsageError
from prunescope.api.wording import count_text
from prunescope.plugins import options, registry

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from prunescope.plugins.registry import Loaded

REPLICA_PROBES = ("lmc", "cka", "disagreement", "errors", "soup", "size")
"""Measured on the replicas at every density."""

UNTRAINED_PROBES = ("size",)
"""Measured on the pruned model, not retrained, where there are no replicas."""

PRUNED_PROBES = ("recalibration",)
"""Measured on the pruned model, not retrained, beside the dense one."""

DENSE_PROBES = ("errors", "hessian", "size")
"""Measured on the dense model."""

PAIR_PROBES = ("lmc", "cka")
"""Measured on the dense model too, where a second replica of it is given."""

OF_THE_OPTIMIZER = ("learning_rate", "momentum", "weight_decay", "nesterov", "rho", "adaptive")
"""Settings that mean something else under another optimizer."""

EXPECTED = ("learning_rate", "momentum", "weight_decay", "batch_size", "schedule")
"""Settings whose absence from a checkpoint is worth a word."""


@dataclass(frozen=True, kw_only=True)
class Retraining:
    """The trainer of the replicas, and what had to be assumed."""

    trainer: Loaded
    notes: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What the user gave for retraining; None and empty where nothing was given."""

    trainer: str | None = None
    options: Mapping[str, str] = field(default_factory=dict)
    epochs: int | None = None


def retraining(training: Mapping[str, Any], asked: Asked) -> Retraining:
    """Return how the replicas are retrained: as the dense model was trained, on a compressed schedule.

    training: what the checkpoint records of its training, under the names of the trainers' options.
    """
    optimizer = training.get("optimizer")
    name = asked.trainer or _trainer_for(optimizer)
    plugin = registry.get("trainers", name).load()
    foreign = optimizer is not None and name not in (optimizer, "timm")
    fields = {known.name: known for known in options.fields(plugin)}
    known = {key: value for key, value in training.items() if key in fields and value is not None}
    if foreign:
        known = {key: value for key, value in known.items() if key not in OF_THE_OPTIMIZER}
    known = {key: value for key, value in known.items() if _fits(fields[key], value)}
    notes = [_foreign_note(str(optimizer), name)] if foreign else []
    values, about_epochs = _compressed(known, fields, training, asked)
    unknown = [key for key in EXPECTED if key in fields and key not in known and key not in asked.options]
    if name == "timm" and not _has_momentum(str(asked.options.get("optimizer") or optimizer)):
        unknown = [key for key in unknown if key != "momentum"]
    if unknown:
        defaults = ", ".join(f"{key} {fields[key].default}" for key in unknown)
        notes.append(
            f"the checkpoint has no value for these that {name} takes; the retraining uses its defaults: {defaults}"
        )
    trainer = registry.make("trainers", name, values | dict(asked.options))
    return Retraining(trainer=trainer, notes=(*notes, *about_epochs))


def probes(names: Sequence[str], values: Mapping[str, Mapping[str, str]]) -> tuple[Loaded, ...]:
    """Return the probes of these names, each once, with the options that were given for them."""
    return tuple(registry.make("probes", name, values.get(name, {})) for name in dict.fromkeys(names))


def probe_values(pairs: Mapping[str, str], used: Sequence[str]) -> dict[str, dict[str, str]]:
    """Return {"lmc.batch_size": "128"} as {"lmc": {"batch_size": "128"}}; UsageError for a probe that is not used."""
    found: dict[str, dict[str, str]] = {}
    for key, value in pairs.items():
        probe, dot, name = key.partition(".")
        if not dot or probe not in used:
            raise UsageError(
                f"--probe-option {key}={value} names no probe of this diagnosis",
                fix=f"write PROBE.KEY=VALUE with one of: {', '.join(dict.fromkeys(used))}; --probe NAME adds others",
            )
        found.setdefault(probe, {})[name] = value
    return found


def _trainer_for(optimizer: object) -> str:
    """Return the trainer of that name, else the one that has all of timm's optimizers, else SGD."""
    names = {plugin.name for plugin in registry.find_plugins("trainers")}
    if optimizer in names:
        return str(optimizer)
    return "timm" if optimizer is not None and "timm" in names else "sgd"


def _has_momentum(optimizer: str) -> bool:
    """Return whether an optimiser of timm takes a momentum; that of Adam and its kin is a beta."""
    from timm.optim import get_optimizer_info  # type: ignore[attr-defined]

    try:
        return bool(get_optimizer_info(optimizer.lower()).has_momentum)
    except ValueError:
        return False


def _fits(known: options.OptionField, value: object) -> bool:
    try:
        options.convert(known, value)
    except UsageError:
        return False
    return True


def _foreign_note(optimizer: str, name: str) -> str:
    return (
        f"the checkpoint was trained with {optimizer}, the replicas are retrained with {name}: "
        "learning rate, momentum and weight decay are its defaults, not the checkpoint's; "
        "choose them with --trainer-option"
    )


def _compressed(
    known: Mapping[str, Any], fields: Mapping[str, options.OptionField], training: Mapping[str, Any], asked: Asked
) -> tuple[dict[str, Any], list[str]]:
    """Return the options with epochs (and warm-up) shortened in proportion, and a note where the length is a guess."""
    from prunescope.studies.diagnosis.plan import COMPRESSION

    values = dict(known)
    if "epochs" not in fields:
        return values, []
    dense = training.get("epochs") or fields["epochs"].default
    asked_epochs = asked.epochs if asked.epochs is not None else asked.options.get("epochs")
    if asked_epochs is not None:
        epochs = int(str(options.convert(fields["epochs"], asked_epochs)))
        notes = []
    else:
        epochs = max(1, round(COMPRESSION * float(str(dense))))
        notes = (
            []
            if training.get("epochs")
            else [f"the dense epochs are unknown: the retraining uses {count_text(epochs, 'epoch')}"]
        )
    values["epochs"] = epochs
    if values.get("warmup_epochs"):
        values["warmup_epochs"] = values["warmup_epochs"] * epochs / float(str(dense))
    return values, notes
