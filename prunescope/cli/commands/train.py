"""`prunescope train`: a dense network from nothing."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from prunescope.api.errors import UsageError
from prunescope.cli.options import parameters, parsing
from prunescope.cli.terminal import steps
from prunescope.cli.terminal.command import Output
from prunescope.plugins.registry import Loaded
from prunescope.report.common.console import say

if TYPE_CHECKING:
    from prunescope.runs.store import Store


def train(
    trainer: Loaded,
    *,
    model: Annotated[str, typer.Option(metavar="NAME", help="Network: a timm name or pkg.mod:factory.")],
    data: parameters.Data,
    model_option: Annotated[
        list[str] | None, typer.Option(metavar="KEY=VALUE", help="Option of the network, such as width=0.5.")
    ] = None,
    seed: parameters.Seed = 0,
    snapshots: Annotated[
        str | None, typer.Option(metavar="EPOCH,...", help="Keep the weights of these epochs.")
    ] = None,
    snapshot_every: Annotated[int | None, typer.Option(metavar="N", min=1, help="Keep them every N epochs.")] = None,
    limit_batches: parameters.LimitBatches = None,
    output: parameters.Output = None,
    trust: parameters.Trust = None,
    study: parameters.Study = parameters.STUDY,
    device: parameters.Device = "auto",
) -> Output:
    """Train a dense network; prints the id of the run."""
    from prunescope.data import sources
    from prunescope.networks.models import ModelSpec
    from prunescope.runs import plan

    parsing.check_output(output)
    epochs = _snapshots(trainer, snapshots, snapshot_every)
    where = steps.resolve_device(device)
    store = parsing.open_store(study, allowed=trust, model=model, data=data, plugin=trainer)
    source = sources.describe(data, trust=store.trust, limit_batches=limit_batches)
    found = sources.open_source(source.to_json(), device="cpu", trust=store.trust)
    spec = ModelSpec(
        name=model,
        num_classes=found.num_classes,
        in_chans=found.in_chans,
        image_size=found.image_size,
        options={key: parsing.value(text) for key, text in parsing.pairs("--model-option", model_option).items()},
    )
    recipe = plan.train(trainer=trainer, model=spec, data=source, seed=seed, snapshots=epochs)
    run_id = steps.perform(recipe, store, device=where)
    _tell(run_id, store, epochs)
    write_weights(run_id, store, output)
    return Output(text=run_id)


def write_weights(reference: str, store: Store, output: Path | None) -> None:
    """Copy the weights of a run to a file of the user's."""
    if output is not None:
        from prunescope.runs.files.weights import save_weights

        save_weights(output, store.load_weights(reference))
        say(f"weights: {output}")


def _snapshots(trainer: Loaded, listed: str | None, every: int | None) -> tuple[int, ...]:
    if listed is not None and every is not None:
        raise UsageError("both --snapshots and --snapshot-every are given", fix="give one of them")
    epochs = getattr(trainer.instance, "epochs", None)
    if listed is not None:
        asked = parsing.whole_numbers("--snapshots", listed)
        if isinstance(epochs, int) and max(asked) > epochs:
            raise UsageError(
                f"--snapshots asks for epoch {max(asked)} of {epochs}", fix="ask for earlier epochs, or train longer"
            )
        return asked
    if every is None:
        return tuple(trainer.instance.stages())
    if not isinstance(epochs, int):
        raise UsageError(
            f"trainer {trainer.plugin.name!r} has no option epochs to count --snapshot-every by",
            fix="list the epochs: --snapshots 10,20",
        )
    return tuple(range(every, epochs + 1, every))


def _tell(run_id: str, store: Store, epochs: tuple[int, ...]) -> None:
    history = store.read(run_id).history
    if history:
        last = history[-1]
        trained = f"{last.number} epoch{'s' * (last.number > 1)}"
        say(f"trained {trained}: loss {last.train_loss:.4f}, error {last.train_error:.1%}, in training")
    if epochs:
        say(f"snapshots: {', '.join(f'{run_id}@{epoch}' for epoch in sorted(set(epochs)))}")
    say(f"next: prunescope diagnose {run_id}")
