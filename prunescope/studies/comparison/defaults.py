"""From the options of `compare` to the study whose pruners are compared."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prunescope.api.errors import UsageError
from prunescope.cli.options import parsing

if TYPE_CHECKING:
    from prunescope.api.trust import Trust
    from prunescope.cli.commands.compare import CompareRequest
    from prunescope.studies.comparison.layout import Layout
    from prunescope.studies.grid.study import Study

MODEL, MODEL_OPTIONS = "preresnet8", {"width": 0.5}
"""Small enough that five pruners take minutes on two cores."""

TRAINING = {"learning_rate": 0.1, "weight_decay": 5e-3, "batch_size": 32}
"""Defaults of this command for the trainer `sgd`: those of the studies on `patches`."""


def laid_out(request: CompareRequest, *, trust: Trust) -> Layout:
    """Return all steps of the comparison that was asked for; UsageError for what no plugin takes."""
    from prunescope.data import sources
    from prunescope.studies.comparison import layout
    from prunescope.studies.grid.studyfolder import Shape

    pruners = layout.choices(request.pruners)
    study = _study(request)
    source = sources.describe(request.data, trust=trust, limit_batches=request.limit_batches)
    found = sources.open_source(source.to_json(), device="cpu", trust=trust)
    shape = Shape(source=source, num_classes=found.num_classes, in_chans=found.in_chans, image_size=found.image_size)
    return layout.lay_out(study, pruners, shape)


def _study(request: CompareRequest) -> Study:
    """Return the study of one knob's value and no pruner yet: the layout puts every pruner in."""
    from prunescope.studies.comparison.layout import CONTROL, PROBES
    from prunescope.studies.diagnosis.plan import COMPRESSION
    from prunescope.studies.grid.study import Choice, Study

    training: dict[str, Any] = dict(TRAINING) if request.trainer == "sgd" else {}
    training |= parsing.pairs("--trainer-option", request.trainer_option) | {"epochs": request.epochs}
    after = request.retrain_epochs or max(1, round(COMPRESSION * request.epochs))
    return Study(
        name="compare",
        model=request.model or MODEL,
        model_options=_model_options(request),
        data=request.data,
        train=Choice(plugin=request.trainer, options=training),
        prune=Choice(plugin=CONTROL),
        retrain=Choice(plugin=request.trainer, options=training | {"epochs": after}),
        probes=PROBES,
        knob="epochs",
        values=(request.epochs,),
        hold="epochs",
        snapshots=False,
        densities=_densities(request.densities),
        dense_seeds=tuple(range(request.seed, request.seed + request.seeds)),
        replicas=1,
    )


def _model_options(request: CompareRequest) -> dict[str, Any]:
    named = {key: parsing.value(text) for key, text in parsing.pairs("--model-option", request.model_option).items()}
    return named if request.model else MODEL_OPTIONS | named


def _densities(text: str) -> tuple[float, ...]:
    found = parsing.numbers("--densities", [text])
    wrong = [density for density in found if not 0 < density < 1]
    if wrong or not found:
        raise UsageError(
            f"--densities got {text!r}", fix="it wants shares that are kept, between 0 and 1: 0.1,0.5 keeps 10 and 50 %"
        )
    return tuple(sorted(set(found)))
