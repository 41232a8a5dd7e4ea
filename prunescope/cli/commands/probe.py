"""`prunescope probe`: measure models, or the data alone."""

from __future__ import annotations

import json as json_text
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from prunescope.api.errors import UsageError
from prunescope.cli.options import parameters
from prunescope.cli.options import parsing as given
from prunescope.cli.terminal import steps
from prunescope.cli.terminal.command import Output
from prunescope.plugins import registry
from prunescope.plugins.registry import Loaded
from prunescope.report.common import console
from prunescope.report.common.readings import reading_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from prunescope.runs.store import Store


def probe(
    probe: Loaded,
    checkpoints: Annotated[
        list[str] | None,
        typer.Argument(metavar="[CHECKPOINT]", help="Replicas: files, run ids or their beginnings, or ID@EPOCH."),
    ] = None,
    *,
    data: parameters.DataOrInherited = None,
    seed: parameters.Seed = 0,
    model: parameters.Model = None,
    weights: parameters.Weights = None,
    unsafe_load: parameters.UnsafeLoad = False,
    json: parameters.Json = False,
    trust: parameters.Trust = None,
    study: parameters.Study = parameters.STUDY,
    device: parameters.Device = "auto",
) -> Output:
    """Measure replicas of a model; prints the id of the run, and the readings on stderr."""
    from prunescope.runs import plan

    where = steps.resolve_device(device)
    store = given.open_store(study, allowed=trust, model=model, data=data, plugin=probe)
    _check_single(probe, checkpoints or ())
    _check_count(probe, len(checkpoints or ()))
    references = [
        given.checkpoint(text, store, weights=weights, model=model, unsafe=unsafe_load) for text in checkpoints or ()
    ]
    needed = probe.instance.needs_data
    source = given.source(data, references, store, limit_batches=None) if needed else None
    recipe = plan.probe(replicas=references, probe=probe, data=source, seed=seed)
    run_id = steps.perform(recipe, store, device=where)
    return _output(run_id, store, as_json=json)


def _check_single(probe: Loaded, given: Sequence[str]) -> None:
    """Refuse a second probe, which would be taken for a checkpoint."""
    known = {plugin.name for plugin in registry.find("probes")}
    for text in given:
        if text in known and not Path(text).exists():
            raise UsageError(
                f"one probe is measured at a time, got {probe.plugin.name!r} and {text!r}",
                fix=f"run it on its own: prunescope probe {text} CHECKPOINT",
            )


def _check_count(probe: Loaded, count: int) -> None:
    wanted = probe.instance.replicas
    if wanted == 0 and count:
        raise UsageError(f"probe {probe.plugin.name!r} measures the data alone", fix="give --data alone")
    least = 2 if wanted == "any" else wanted
    if count < least:
        raise UsageError(
            f"probe {probe.plugin.name!r} needs {least} checkpoint{'s' if least > 1 else ''} or more, got {count}",
            fix="name them: files, run ids, or ID@EPOCH",
        )


def _output(run_id: str, store: Store, *, as_json: bool) -> Output:
    from prunescope.runs.files import runfile

    run = store.read(run_id)
    console.show(reading_table(run.readings, width=console.width(sys.stderr)))
    return Output(text=json_text.dumps(runfile.as_json(run), indent=2) if as_json else run_id)
