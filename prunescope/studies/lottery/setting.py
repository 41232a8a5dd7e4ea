"""From what `lottery` and `instability` are asked to what all their steps share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from prunescope.api.errors import UsageError
from prunescope.api.wording import count_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from prunescope.runs.session import Session
    from prunescope.studies.lottery.lottery import IterativePruning
    from prunescope.studies.lottery.question import RoundsQuestion


@dataclass(frozen=True, kw_only=True)
class Setting:
    """Network, data, training and pruning, and how many steps an epoch of the training has."""

    pruning: IterativePruning
    steps_per_epoch: int


def prepare_setting(asked: RoundsQuestion, densities: Sequence[float], session: Session) -> Setting:
    """Return what all steps share; UsageError or InputError for what no plugin takes."""
    from prunescope.data import sources
    from prunescope.networks.identified import identified
    from prunescope.networks.spec import ModelSpec
    from prunescope.plugins import registry
    from prunescope.runs.opening import describe_data
    from prunescope.studies.lottery import lottery
    from prunescope.training.batches import steps_per_epoch

    trainer: Any = registry.make("trainers", asked.trainer, asked.trainer_options)
    lottery.check_trainer(trainer)
    pruner = registry.make("pruners", asked.pruner, asked.pruner_options)
    source = describe_data(asked.data, session, limit_batches=asked.limit_batches)
    found = sources.open_source(source.to_json(), device="cpu", trust=session.store.trust)
    spec = identified(
        ModelSpec(
            name=asked.model,
            num_classes=found.num_classes,
            in_chans=found.in_chans,
            image_size=found.image_size,
            options=dict(asked.model_options),
        )
    )
    per_epoch = steps_per_epoch(len(found.train), trainer.instance.batch_size)
    pruning = lottery.IterativePruning(
        model=spec,
        data=source,
        trainer=trainer,
        total=trainer.instance.epochs * per_epoch,
        pruner=pruner,
        densities=tuple(densities),
        seeds=tuple(range(asked.seeds)),
        probes=(registry.make("probes", "errors", {}),),
    )
    return Setting(pruning=pruning, steps_per_epoch=per_epoch)


def listed_items(given: str | Sequence[str | int]) -> list[str]:
    """Return the items of a list, or of a text with commas.

    >>> listed_items("0, 1ep"), listed_items([0, "1ep"])
    (['0', '1ep'], ['0', '1ep'])
    """
    items = given.split(",") if isinstance(given, str) else map(str, given)
    return [item.strip() for item in items if item.strip()]


def check_items(option: str, given: str | Sequence[str], known: Sequence[str]) -> list[str]:
    """Return the items, each one of those known; UsageError for others, none, or one given twice."""
    found = listed_items(given)
    if not found or set(found) - set(known) or len(set(found)) < len(found):
        text = given if isinstance(given, str) else ",".join(given)
        raise UsageError(f"{option} got {text!r}", fix=f"it requires some of: {', '.join(known)}, each once")
    return found


def step_positions(option: str, given: str | Sequence[str | int], setting: Setting) -> tuple[int, ...]:
    """Return steps of the training from numbers of steps ("100") or of epochs ("2ep"), rising, each once."""
    total, items = setting.pruning.total, listed_items(given)
    found = sorted({_position(option, item, setting.steps_per_epoch) for item in items})
    if not found or not 0 <= found[0] <= found[-1] <= total:
        raise UsageError(
            f"{option} got {','.join(items)!r}",
            fix=f"it requires steps from 0 to {total}, or epochs such as 2ep (one is "
            f"{count_text(setting.steps_per_epoch, 'step')})",
        )
    return tuple(found)


def _position(option: str, text: str, per_epoch: int) -> int:
    number = text.removesuffix("ep")
    try:
        return round(float(number) * per_epoch) if number != text else int(number)
    except ValueError as error:
        raise UsageError(
            f"{option} got {text!r}", fix="it requires steps such as 100, or epochs such as 2ep"
        ) from error
