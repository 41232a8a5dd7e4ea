"""What `lottery` and `instability` share: their options, the question they ask, and running its steps."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias

import typer

from prunescope.api.errors import UsageError
from prunescope.cli.options import parsing
from prunescope.cli.terminal import costing, steps
from prunescope.report.common import console

if TYPE_CHECKING:
    from collections.abc import Sequence

    from prunescope.api.trust import Trust
    from prunescope.cli.commands.instability import InstabilityRequest
    from prunescope.cli.commands.lottery import LotteryRequest
    from prunescope.cli.terminal.command import Output
    from prunescope.plugins.registry import Loaded
    from prunescope.runs.recipe import Recipe
    from prunescope.runs.store import Store
    from prunescope.studies.lottery.lottery import Question

    Request: TypeAlias = LotteryRequest | InstabilityRequest

Words = list[str] | None

Model = Annotated[str, typer.Option(metavar="NAME", help="Network: a timm name or pkg.mod:factory.")]
ModelOption = Annotated[Words, typer.Option(metavar="KEY=VALUE", help="Option of the network, such as width=0.5.")]
Trainer = Annotated[str, typer.Option(metavar="NAME", help="How to train: sgd, sam or timm.")]
TrainerOption = Annotated[Words, typer.Option(metavar="KEY=VALUE", help="Option of the training, such as epochs=40.")]
Levels = Annotated[int, typer.Option(metavar="N", min=1, help="Rounds of pruning.")]
Schedule = Annotated[
    Literal["geometric", "linear", "cubic"], typer.Option(help="How the density falls from round to round.")
]
Seeds = Annotated[int, typer.Option(metavar="N", min=1, help="Dense networks, each with all that follows.")]
Report = Annotated[Path | None, typer.Option(metavar="FILE.html", help="Write a report: one file, opens offline.")]
Figures = Annotated[Path | None, typer.Option(metavar="DIR", help="Write the pictures here as SVG and PNG.")]


@dataclass(frozen=True, kw_only=True)
class Asked:
    """The question, and how many steps an epoch of the training has."""

    question: Question
    steps_per_epoch: int


def open_store(request: Request) -> Store:
    """Return the store of a request, whose files may name the code that was typed."""
    return parsing.open_store(request.study, allowed=request.trust, model=request.model, data=request.data)


def asked(request: Request, densities: Sequence[float], *, trust: Trust) -> Asked:
    """Return what a request asks; UsageError or InputError for what no plugin takes."""
    from prunescope.data import sources
    from prunescope.networks.spec import ModelSpec
    from prunescope.plugins import registry
    from prunescope.studies.lottery import lottery
    from prunescope.training.batches import steps_per_epoch

    parsing.check_output(request.report, (".html",), option="--report")
    trainer: Any = registry.make("trainers", request.trainer, parsing.pairs("--trainer-option", request.trainer_option))
    lottery.check_trainer(trainer)
    pruner = registry.make("pruners", request.pruner, parsing.pairs("--pruner-option", request.pruner_option))
    source = sources.describe(request.data, trust=trust, limit_batches=request.limit_batches)
    found = sources.open_source(source.to_json(), device="cpu", trust=trust)
    values = parsing.pairs("--model-option", request.model_option).items()
    spec = ModelSpec(
        name=request.model,
        num_classes=found.num_classes,
        in_chans=found.in_chans,
        image_size=found.image_size,
        options={key: parsing.value(text) for key, text in values},
    )
    per_epoch = steps_per_epoch(len(found.train), trainer.instance.batch_size)
    question = lottery.Question(
        model=spec,
        data=source,
        trainer=trainer,
        total=trainer.instance.epochs * per_epoch,
        pruner=pruner,
        densities=tuple(densities),
        seeds=tuple(range(request.seeds)),
        probes=(registry.make("probes", "errors", {}),),
    )
    return Asked(question=question, steps_per_epoch=per_epoch)


def positions(option: str, text: str, asked: Asked) -> tuple[int, ...]:
    """Return steps of the training from numbers of steps ("100") or of epochs ("2ep"), rising, each once."""
    total = asked.question.total
    found = sorted({_position(option, item.strip(), asked.steps_per_epoch) for item in text.split(",") if item.strip()})
    if not found or not 0 <= found[0] <= found[-1] <= total:
        raise UsageError(
            f"{option} got {text!r}",
            fix=f"it wants steps from 0 to {total}, or epochs such as 2ep (one is {asked.steps_per_epoch} steps)",
        )
    return tuple(found)


def _position(option: str, text: str, per_epoch: int) -> int:
    number = text.removesuffix("ep")
    try:
        return round(float(number) * per_epoch) if number != text else int(number)
    except ValueError as error:
        raise UsageError(f"{option} got {text!r}", fix="it wants steps such as 100, or epochs such as 2ep") from error


def run(recipes: Sequence[Recipe], request: Request, store: Store) -> Output | None:
    """Run every step that is not finished; return what --dry-run prints instead."""
    device = steps.resolve_device(request.device)
    executor: Loaded = costing.executor(
        request.executor, request.executor_option, workers=request.workers, device=device
    )
    once = list({recipe.id: recipe for recipe in recipes}.values())
    estimate = costing.estimate(once, store, executor, device=device)
    if request.dry_run:
        return costing.output(estimate, executor, as_json=request.json)
    steps.complete(once, store, executor.instance, device=device)
    return None


def write(text: str, path: Path) -> None:
    """Write a report."""
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror or error}", fix="name another file") from error
    console.say(f"report: {path}")
