"""From the question of `compare` to its finished runs, and what they show."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from prunescope.api.errors import PrunescopeError, UsageError
from prunescope.runs.soundness import read_sound
from prunescope.studies.comparison import layout, measured
from prunescope.studies.comparison.question import MODEL, MODEL_OPTIONS, TRAINING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from prunescope.runs.scheduling.cost import CostEstimate
    from prunescope.runs.session import Session
    from prunescope.studies.comparison.layout import ComparisonLayout
    from prunescope.studies.comparison.measured import MeasuredComparison
    from prunescope.studies.comparison.question import ComparisonQuestion
    from prunescope.studies.grid.study import Study


@dataclass(frozen=True, kw_only=True)
class Compared:
    """What a comparison found, and the steps behind it."""

    found: MeasuredComparison
    layout: ComparisonLayout
    versions: Mapping[str, str]
    """Of the programs that made the last finished step."""
    problems: tuple[str, ...] = ()
    """What is wrong with damaged files of the study, which are left out."""


def answer_comparison(asked: ComparisonQuestion, session: Session) -> Compared | CostEstimate:
    """Run what is not finished and read what there is; the cost where only that is asked.

    Steps that fail leave gaps: their error is raised only where no dense model was measured.
    """
    laid = lay_out_question(asked, session)
    estimate = session.estimate(laid.recipes)
    if asked.dry_run:
        return estimate
    problem = _complete(laid, session)
    (found, versions), problems = read_sound(
        lambda sound: (measured.read_comparison(laid, sound), _versions(laid, sound)), session
    )
    if problem is not None and not found.dense:
        raise problem
    return Compared(found=found, layout=laid, versions=versions, problems=problems)


def lay_out_question(asked: ComparisonQuestion, session: Session) -> ComparisonLayout:
    """Return all steps of the comparison that is asked for; UsageError for what no plugin takes."""
    from prunescope.runs.opening import describe_data
    from prunescope.studies.grid.studyfolder import describe_shape

    pruners = layout.method_choices([asked.pruners] if isinstance(asked.pruners, str) else asked.pruners)
    _check_densities(asked.densities)
    source = describe_data(asked.data, session, limit_batches=asked.limit_batches)
    study = _study(asked, asked.data if isinstance(asked.data, str) else source.name)
    shape = describe_shape(source, study.model, study.model_options, trust=session.store.trust)
    return layout.lay_out(study, pruners, shape)


def _complete(laid: ComparisonLayout, session: Session) -> PrunescopeError | None:
    """Run what is not finished; return the first error, so that the rest is shown all the same."""
    try:
        session.complete(laid.recipes)
    except PrunescopeError as error:
        session.note(f"error: {error.message}")
        session.note(f"fix: {error.fix}")
        return error
    return None


def _versions(laid: ComparisonLayout, session: Session) -> Mapping[str, str]:
    finished = frozenset(session.store.ids())
    last = next((recipe.id for recipe in reversed(laid.recipes) if recipe.id in finished), None)
    return dict(session.read(last).versions) if last else {}


def _study(asked: ComparisonQuestion, data: str) -> Study:
    """Return the study of one knob's value and no pruner yet: the layout puts every pruner in."""
    from prunescope.studies.diagnosis.plan import COMPRESSION
    from prunescope.studies.grid.study import PluginChoice, Study

    training: dict[str, Any] = dict(TRAINING) if asked.trainer == "sgd" else {}
    training |= {**asked.trainer_options, "epochs": asked.epochs}
    after = asked.retrain_epochs or max(1, round(COMPRESSION * asked.epochs))
    return Study(
        name="compare",
        model=asked.model or MODEL,
        model_options=dict(asked.model_options) if asked.model else {**MODEL_OPTIONS, **asked.model_options},
        data=data,
        train=PluginChoice(plugin=asked.trainer, options=training),
        prune=PluginChoice(plugin=layout.CONTROL),
        retrain=PluginChoice(plugin=asked.trainer, options=training | {"epochs": after}),
        probes=layout.PROBES,
        knob="epochs",
        values=(asked.epochs,),
        hold="epochs",
        snapshots=False,
        densities=tuple(sorted(set(asked.densities))),
        dense_seeds=tuple(range(asked.seed, asked.seed + asked.seeds)),
        replicas=1,
    )


def _check_densities(densities: Sequence[float]) -> None:
    if not densities or any(not 0 < density < 1 for density in densities):
        text = ",".join(f"{density:g}" for density in densities)
        raise UsageError(
            f"--densities got {text!r}", fix="it requires fractions between 0 and 1: 0.1,0.5 keeps 10 and 50 %"
        )
