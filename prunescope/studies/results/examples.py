"""Examples of the data of a network, as it saw them: what its exports are compared on, and how images are prepared."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from prunescope.runs.recipe import run_of
from prunescope.studies.results.ancestry import follow_inputs

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

    from prunescope.data.spec import Source
    from prunescope.runs.place import DataLike
    from prunescope.runs.session import Session


@dataclass(frozen=True, kw_only=True)
class SeenExamples:
    """The first examples of a data set."""

    inputs: Tensor
    """Two of them."""
    preparation: Mapping[str, Any]
    """How its images are prepared, in timm's keys."""


def see_examples(data: DataLike | None, reference: str, session: Session) -> SeenExamples | None:
    """Return examples of the data given, or else of those of the network's study; None where both are unknown."""
    from prunescope.data import sight, sources
    from prunescope.runs.opening import open_data

    source = known_source(reference, session) if data is None else open_data(data, [reference], session)
    if source is None:
        return None
    opened = sources.open_source(source.to_json(), device="cpu", trust=session.store.trust)
    return SeenExamples(
        inputs=next(iter(opened.test.batches(2, limit=1)))[0],
        preparation=sight.list_preparation(opened, sources.all_options(source)),
    )


def known_source(reference: str, session: Session) -> Source | None:
    """Return what a network was trained on, else pruned or retrained on, else measured on; None where it is unknown.

    Measurements on several data sets leave it unknown.
    """
    from prunescope.runs.opening import inherited_source

    inherited = inherited_source([reference], session)
    if inherited is not None:
        return inherited
    chain = follow_inputs(reference, session)
    of_steps = [run.recipe.arguments["data"] for run in chain if "data" in run.recipe.arguments]
    return _only(of_steps[:1] or _measured_on({run.id for run in chain}, session))


def _measured_on(runs: set[str], session: Session) -> list[Mapping[str, Any]]:
    """Return the data of every measurement of some runs."""
    ids = [run_id for run_id in session.store.ids() if run_id.startswith("probe-")]
    recipes = [session.store.read(run_id, only=()).recipe for run_id in ids]
    return [recipe.arguments["data"] for recipe in recipes if runs & set(map(run_of, recipe.inputs))]


def _only(described: list[Mapping[str, Any]]) -> Source | None:
    """Return the one data set that is described, whatever part of it was used; None for none and for several."""
    from prunescope.data.spec import Source

    found = [Source(**one) for one in described]
    names = {(one.name, str(sorted(one.options.items()))) for one in found}
    return found[0] if len(names) == 1 else None
