"""How a checkpoint was trained, read off what its training program saved beside the weights.

Everything is translated to the options of prunescope's trainers (epochs, learning_rate, batch_size, ...); what has no
counterpart there is left out. The temperature-like part of it is what `prunescope.api.knobs` lists.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from prunescope.api.knobs import KNOBS
from prunescope.networks.checkpoints.plain import number, plain
from prunescope.networks.checkpoints.schedules import drops_of, of_scheduler, schedule_settings

if TYPE_CHECKING:
    from prunescope.networks.models import JSON

KNOB_NAMES = {
    "learning_rate": ("lr", "learning_rate", "base_lr", "init_lr", "initial_lr"),
    "batch_size": ("batch_size", "train_batch_size", "bs"),
    "epochs": ("epochs", "max_epochs", "num_epochs", "n_epochs"),
    "momentum": ("momentum",),
    "weight_decay": ("weight_decay", "wd"),
    "label_smoothing": ("label_smoothing", "smoothing"),
    "mixup": ("mixup", "mixup_alpha"),
    "warmup_epochs": ("warmup_epochs", "lr_warmup_epochs"),
    "rho": ("rho", "sam_rho"),
    "seed": ("seed",),
}
"""Our option -> the names training programs give it, most telling first."""

ARGUMENTS = ("args", "hyper_parameters", "hparams", "config", "cfg", "opt", "options")
"""Where training programs keep their settings."""


MOST_EPOCHS = 1_000_000
"""Nobody trains longer: such a number counts as not given."""


DECOUPLED = 0.01
"""Weight decay of AdamW by default; Adam's, which is a part of the gradient, is smaller."""


@dataclass(frozen=True, kw_only=True)
class TrainingFacts:
    """What is known of the training."""

    options: dict[str, JSON] = field(default_factory=dict)
    """In the names of prunescope's trainers, and `optimizer`, `seed`."""
    notes: tuple[str, ...] = ()

    @property
    def knobs(self) -> dict[str, float]:
        """The temperature-like settings."""
        return {name: float(value) for name in KNOBS if isinstance(value := self.options.get(name), int | float)}


def arguments(beside: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings saved beside the weights, whatever they were called; empty where there are none."""
    key = arguments_key(beside)
    return _opened({str(name): item for name, item in plain(beside[key]).items()}) if key else {}


def _opened(settings: dict[str, Any]) -> dict[str, Any]:
    """Return the settings, and before them those of the arguments inside them, which count where the others are silent.

    >>> _opened({"cfg": {"lr": 0.1, "epochs": 3}, "epochs": 5})["lr"]
    0.1
    """
    inside = [_opened(settings[name]) for name in ARGUMENTS if isinstance(settings.get(name), dict)]
    return {**{name: item for one in inside for name, item in one.items() if isinstance(name, str)}, **settings}


def arguments_key(beside: Mapping[str, Any]) -> str:
    """Return the name under which settings are saved beside the weights; empty where there are none."""
    return next((key for key in ARGUMENTS if isinstance(beside.get(key), argparse.Namespace | Mapping)), "")


def read_training(settings: Mapping[str, Any], beside: Mapping[str, Any]) -> TrainingFacts:
    """Return what `settings` (the program's arguments) and `beside` (optimiser state, epoch) hold of the training."""
    options: dict[str, JSON] = {}
    for ours, theirs in KNOB_NAMES.items():
        value = next((number for name in theirs if (number := _number(settings.get(name))) is not None), None)
        if value is not None:
            options[ours] = int(value) if ours == "seed" or (ours in KNOBS and KNOBS[ours].whole) else value
    if not 0 <= float(str(options.get("epochs", 0))) <= MOST_EPOCHS:
        del options["epochs"]
    options |= {name: value for name, value in _from_optimizer(beside).items() if name not in options}
    _apply_timm(settings, options)
    _apply_torchvision(settings, options)
    optimizer = settings.get("opt") or settings.get("optimizer")
    if isinstance(optimizer, str):
        options["optimizer"] = optimizer
        if "lr_base" in settings and optimizer in {"sgd", "nesterov", "momentum"}:
            options["nesterov"] = optimizer != "momentum"  # timm's `sgd` is Nesterov's
    if _is_per_epoch(beside):
        settings = {**of_scheduler(beside), **settings}
    schedule, notes = schedule_settings(settings)
    done, epoch_notes = _epochs(settings, beside, options)
    drops = drops_of(settings, schedule, planned=_whole(options.get("epochs")) or done, done=done)
    warm = _number(settings.get("lr_warmup_epochs")) if "lr_step_size" in settings and drops else None
    if warm:
        notes = (*notes, f"the steps of the rate are counted from the end of the warm-up, epoch {warm:g}")
    options |= schedule | ({"drops": drops} if drops is not None else {}) | ({"epochs": done} if done else {})
    return TrainingFacts(options=options, notes=(*notes, *epoch_notes))


def _apply_timm(settings: Mapping[str, Any], options: dict[str, JSON]) -> None:
    """Count the batch over all processes and accumulated steps, and scale timm's base learning rate by it."""
    per_process = _number(settings.get("batch_size"))
    if "lr_base" not in settings or per_process is None:
        return
    batch = per_process * (_number(settings.get("world_size")) or 1) * (_number(settings.get("grad_accum_steps")) or 1)
    options["batch_size"] = int(batch)
    base, base_size = _number(settings.get("lr_base")), _number(settings.get("lr_base_size"))
    if settings.get("lr") or not base or not base_size:
        return
    optimizer = str(settings.get("opt", "sgd")).lower()
    root = "sqrt" if "ada" in optimizer or "lamb" in optimizer else "linear"
    ratio = batch / base_size
    options["learning_rate"] = base * (ratio**0.5 if (settings.get("lr_base_scale") or root) == "sqrt" else ratio)


def _apply_torchvision(settings: Mapping[str, Any], options: dict[str, JSON]) -> None:
    """Count the batch over all processes, which torchvision's references give for each of them."""
    per_process, processes = _number(settings.get("batch_size")), _number(settings.get("world_size"))
    if "lr_warmup_epochs" in settings and "lr_base" not in settings and per_process and processes:
        options["batch_size"] = int(per_process * processes)


def _from_optimizer(beside: Mapping[str, Any]) -> dict[str, JSON]:
    """Read what the optimiser's state holds for certain; its learning rate only where the initial one was kept."""
    states = beside.get("optimizer", beside.get("optimizer_states", beside.get("optimizer_state_dict")))
    state = states[0] if isinstance(states, list) and states else states
    groups = state.get("param_groups") if isinstance(state, Mapping) else None
    if not isinstance(groups, list) or not groups or not all(isinstance(group, Mapping) for group in groups):
        return {}
    found: dict[str, JSON] = {}
    for ours, theirs in (("learning_rate", "initial_lr"), ("momentum", "momentum"), ("weight_decay", "weight_decay")):
        # biases and norms often are in a group without decay
        values = [number for group in groups if (number := _number(group.get(theirs))) is not None]
        if values:
            found[ours] = max(values)
    return found | _of_adam(groups, found)


def _of_adam(groups: list[Mapping[str, Any]], found: Mapping[str, JSON]) -> dict[str, JSON]:
    """Return what groups with `betas` show: an optimizer of Adam's kind, whose weight decay is none of SGD.

    torch notes since 2.7 whether the decay is apart from the gradient; before, one of 0.01 (AdamW's default) or more
    shows it. The rate is the one in use where no schedule kept the first.
    """
    if not all("betas" in group for group in groups):
        return {}
    decay = float(str(found.get("weight_decay", 0)))
    apart = any(group.get("decoupled_weight_decay", decay >= DECOUPLED) for group in groups)
    shown: dict[str, JSON] = {"optimizer": "adamw" if apart else "adam"}
    rates = [number for group in groups if (number := _number(group.get("lr")))]
    if rates and "learning_rate" not in found:
        shown["learning_rate"] = max(rates)
    return shown


def _epochs(
    settings: Mapping[str, Any], beside: Mapping[str, Any], options: Mapping[str, JSON]
) -> tuple[int | None, tuple[str, ...]]:
    """Return the epochs the weights have seen, which is what counts, and a note where more were planned."""
    planned = _whole(options.get("epochs"))
    done = _epochs_done(beside)
    if done is None:
        return planned, ()
    if "pytorch-lightning_version" in beside and planned:
        done = min(done, planned)  # saved after the end, Lightning has counted one more
    if planned is None or done == planned:
        return done, ()
    extra = _number(settings.get("cooldown_epochs")) or 0
    why = "the cool-down counts" if done > planned and extra else "the weights' epoch counts"
    return done, (f"saved after epoch {done}, planned were {planned}: {why}",)


def _epochs_done(beside: Mapping[str, Any]) -> int | None:
    progress: Any = beside.get("loops")
    for key in ("fit_loop", "epoch_progress", "current", "processed"):
        progress = progress.get(key) if isinstance(progress, Mapping) else None
    if isinstance(progress, int) and 0 < progress <= MOST_EPOCHS:
        return progress
    epoch = _number(beside.get("epoch"))
    if epoch is None or not 0 <= epoch < MOST_EPOCHS:
        return None
    return int(epoch) if _is_count(beside, int(epoch)) else int(epoch) + 1


def _is_count(beside: Mapping[str, Any], epoch: int) -> bool:
    """Whether `epoch` counts the epochs that are done; most programs save the index of the one just finished.

    timm before its version 2 counted, and so does imagenet/main.py of pytorch/examples and what began as its copy
    (best_acc1, no args). A scheduler in the file that was called once an epoch decides.
    """
    if _is_per_epoch(beside):
        return bool(of_scheduler(beside)["last_epoch"] == epoch)
    if "version" in beside or "args" in beside:
        return "arch" in beside and "args" in beside and _number(beside.get("version")) == 1
    return bool({"best_acc1", "best_prec1"} & set(beside)) or {"arch", "optimizer"} <= set(beside)


def _is_per_epoch(beside: Mapping[str, Any]) -> bool:
    """Whether the scheduler in the file was called once an epoch: as often as the epoch's number, or once more."""
    called, epoch = of_scheduler(beside).get("last_epoch"), _number(beside.get("epoch"))
    return called is not None and epoch is not None and called in (epoch, epoch + 1)


def _number(value: object) -> float | None:
    """Return a finite number of ordinary size; None for anything else, which counts as not given.

    >>> _number(3), _number(True), _number("0.1"), _number(10**30)
    (3, None, None, None)
    """
    found: float | None = number(value)
    return found


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
