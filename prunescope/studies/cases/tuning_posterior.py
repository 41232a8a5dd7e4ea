"""Tuning by the posterior of the best value: every run is spent where it is expected to lower the least error most.

The first look is at the middle of the values; then the next dense seed of the value whose look gains most for a run
(`regimes.best_value`), until the runs reach the limit, which the first three values may exceed. The value of the least
posterior mean among those looked at is the answer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from prunescope.api.errors import EvidenceError
from prunescope.regimes.best_value import locate_best
from prunescope.studies.cases.measured import merged_readings
from prunescope.studies.cases.tuning import SCREENING, Tuned, worth

if TYPE_CHECKING:
    from collections.abc import Sequence

    from prunescope.regimes.best_value import ValuePosterior
    from prunescope.studies.cases.measured import MeasuredModel
    from prunescope.studies.cases.tuning import Aim, Bench

LEAST_LOOKS = 3
"""So many values are looked at whatever the limit is, as far as there are so many."""


def tune_by_posterior(bench: Bench, aim: Aim) -> Tuned:
    """Look at one value and dense seed after the other where that gains most, and choose the least posterior mean."""
    models: list[list[MeasuredModel]] = [[] for _ in aim.values]
    place: int | None = len(models) // 2
    while place is not None:
        seed = aim.seeds[len(models[place])]
        replicas = min(SCREENING, aim.replicas)
        models[place].append(bench.look(aim.values[place], seed=seed, replicas=replicas))
        posterior = locate_best([[_error(one) for one in each] for each in models], step=aim.step)
        place = _next_place(posterior, models, bench, aim)
    looked = {place: merged_readings(each) for place, each in enumerate(models) if each}
    chosen = looked[min(looked, key=lambda place: float(posterior.mean[place]))]
    return Tuned(
        value=chosen.value,
        looked=tuple(looked.values()),
        straddled=(),
        connected=worth(chosen, aim).connected,
        runs=bench.spent,
    )


def _next_place(
    posterior: ValuePosterior, models: Sequence[Sequence[MeasuredModel]], bench: Bench, aim: Aim
) -> int | None:
    """Return the value whose next dense seed gains most for a run; None where the limit allows none."""
    replicas, few = min(SCREENING, aim.replicas), sum(map(bool, models)) < LEAST_LOOKS
    found: dict[int, float] = {}
    for place, each in enumerate(models):
        if len(each) < len(aim.seeds):
            price = bench.price(aim.values[place], seed=aim.seeds[len(each)], replicas=replicas)
            if bench.spent + price <= aim.limit or (few and not each):
                found[place] = posterior.gain(place) / max(1, price)
    return max(found, key=lambda place: found[place]) if found else None


def _error(model: MeasuredModel) -> float:
    if model.test_error is None:
        raise EvidenceError(f"{model.name} has no test-error at density {model.density:g}", fix="add its probe")
    return model.test_error
