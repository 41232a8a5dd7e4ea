"""Tuning on a bench whose every answer is known, and on the published grid."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from published_grid import columns

from prunescope.api import Reading
from prunescope.api.errors import EvidenceError
from prunescope.regimes.thresholds import PUBLISHED
from prunescope.studies.cases.measured import MeasuredModel
from prunescope.studies.cases.tuning import Aim, regret, straddles, tune_grid, worth
from prunescope.studies.cases.tuning_posterior import LEAST_LOOKS, tune_by_posterior

EPOCHS = (10, 20, 30, 38, 50, 65, 80)


def measured(value, *, lmc, cka=0.9, error=0.2, replicas=2, seed=0):
    pairs = replicas * (replicas - 1) // 2
    readings = {
        "lmc/lmc": Reading(np.full(pairs, lmc), "fraction", stderr=np.zeros(pairs), axes=("pair",)),
        "cka/softmax": Reading(np.full(pairs, cka), "1", axes=("pair",)),
        "errors/test_error": Reading(np.full(replicas, error), "fraction", axes=("replica",)),
    }
    return MeasuredModel(name=f"epochs {value:g}", density=0.1, value=value, readings=readings, seed=seed)


@dataclass
class Known:
    """A bench that knows LMC, CKA and test error of every value; a run is a retraining, or a dense seed."""

    lmc: dict
    error: dict
    cka: dict = field(default_factory=dict)
    seed_error: dict = field(default_factory=dict)
    used: set = field(default_factory=set)
    looks: list = field(default_factory=list)

    @property
    def spent(self):
        return len(self.used)

    def runs(self, value, seed, replicas, *, full=False):
        return {("dense", seed), *((value, seed, number, full) for number in range(replicas))}

    def look(self, value, *, seed, replicas, full=False):
        self.used |= self.runs(value, seed, replicas, full=full)
        self.looks.append((value, seed, replicas, full))
        error = self.error[value] + self.seed_error.get((value, seed), 0.0)
        cka = self.cka.get(value, 0.9)
        return measured(value, lmc=self.lmc[value], cka=cka, error=error, replicas=replicas, seed=seed)

    def price(self, value, *, seed, replicas):
        return len(self.runs(value, seed, replicas) - self.used)


def bench(peak=38, poor_from=65, **given):
    lmc = {value: -0.5 if value >= poor_from else -0.01 for value in EPOCHS}
    error = {value: 0.2 + 0.01 * abs(EPOCHS.index(value) - EPOCHS.index(peak)) for value in EPOCHS}
    return Known(lmc=lmc, error=error, **given)


def aim(**given):
    return Aim(**{"values": EPOCHS, "seeds": (0, 1), "replicas": 3, "limit": 17, **given})


@pytest.mark.parametrize("peak", EPOCHS)
def test_the_best_value_is_found_within_two_fifths_of_the_runs(peak):
    known = bench(peak=peak, poor_from=200)
    found = tune_grid(known, aim())
    assert found.value == peak
    assert found.connected
    assert found.runs == known.spent <= 0.4 * (2 + 7 * 2 * 3)


def test_cka_alone_finds_it_without_labels():
    known = bench(cka={value: 0.9 - 0.01 * abs(EPOCHS.index(value) - 1) for value in EPOCHS})
    assert tune_grid(known, aim(by="cka")).value == 20
    assert tune_grid(bench(), aim()).value == 38


def test_a_better_error_beyond_the_gate_is_not_taken():
    found = tune_grid(bench(peak=80, poor_from=65), aim())
    assert found.value == 50
    assert found.connected


def test_where_none_is_connected_the_least_barrier_is_taken():
    known = bench(poor_from=0)
    known.lmc |= {10: -0.3}
    found = tune_grid(known, aim())
    assert found.value == 10
    assert not found.connected


def test_a_straddling_value_gets_its_other_replicas_then_the_full_retraining():
    known = bench()
    known.lmc[38] = -0.11
    found = tune_grid(known, aim(full=True))
    assert found.straddled == (38,)
    assert [look for look in known.looks if look[0] == 38 and look[1] == 0] == [
        (38, 0, 2, False),
        (38, 0, 3, False),
        (38, 0, 3, True),
    ]
    assert not any(full for *_, full in known.looks if full and _[0] != 38)


@pytest.mark.parametrize("by", ["test-error", "cka"])
def test_a_network_too_hot_to_learn_is_neither_taken_nor_the_end_of_the_search(by):
    @dataclass
    class Collapsing(Known):
        def look(self, value, *, seed, replicas, full=False):
            found = Known.look(self, value, seed=seed, replicas=replicas, full=full)
            if value > 30:
                return found
            readings = {name: reading for name, reading in found.readings.items() if name != "cka/softmax"}
            return replace(found, readings=readings | {"cka/constant": Reading(float(replicas), "1")})

    plain = bench(peak=50, poor_from=200, cka={value: 0.9 - 0.001 * abs(value - 50) for value in EPOCHS})
    plain.lmc |= dict.fromkeys(EPOCHS[:3], 0.0)
    assert tune_grid(Collapsing(lmc=plain.lmc, error=plain.error, cka=plain.cka), aim(by=by)).value == 50


def test_a_reading_that_is_missing_is_named():
    found = measured(38, lmc=0)
    bare = replace(found, readings={name: found.readings[name] for name in ("lmc/lmc", "cka/softmax")})
    assert worth(bare, aim(by="cka")).score == pytest.approx(0.9)
    with pytest.raises(EvidenceError, match=r"no test-error at density 0\.1"):
        worth(bare, aim())


def test_the_other_dense_seeds_correct_a_lucky_screening():
    known = bench(seed_error={(50, 0): -0.05, (50, 1): 0.05})
    assert tune_grid(known, aim(seeds=(0,))).value == 50
    assert tune_grid(known, aim()).value == 38


def test_the_worse_leave_after_every_dense_seed():
    known = bench(seed_error={(50, 0): -0.05, (50, 1): 0.03, (50, 2): 0.05, (30, 1): 0.05})
    assert tune_grid(known, aim(seeds=(0, 1, 2, 3), limit=35)).value == 38
    confirmed = {seed: {value for value, at, *_ in known.looks if at == seed} for seed in (1, 2, 3)}
    assert confirmed == {1: {30, 38, 50}, 2: {38, 50}, 3: {38, 50}}


def test_only_values_seen_on_the_same_dense_seeds_are_compared():
    known = bench(seed_error={(38, 1): 0.05, (38, 2): -0.5})
    screened = tune_grid(bench(), aim(seeds=(0,))).runs
    found = tune_grid(known, aim(seeds=(0, 1, 2), limit=screened + 7 + 4))  # a third seed for one value does not help
    assert {seed for _, seed, *_ in known.looks} == {0, 1}
    assert found.value != 38


def test_confirming_stops_at_the_limit():
    known = bench()
    found = tune_grid(known, aim(limit=9))
    assert found.runs == 9
    assert {seed for _, seed, *_ in known.looks} == {0}


def test_regret_needs_the_whole_grid():
    models = [
        measured(value, lmc=0, error=0.1 * number, seed=seed)
        for number, value in enumerate((10, 20))
        for seed in (0, 1)
    ]
    asked = aim(values=(10, 20))
    assert regret(models, asked, 20) == pytest.approx(0.1)
    assert regret(models, asked, 10) == 0
    assert regret(models[:-1], asked, 20) is None


def test_what_straddles():
    assert straddles(measured(38, lmc=-0.11), PUBLISHED)
    assert not straddles(measured(38, lmc=-0.4), PUBLISHED)
    assert not straddles(measured(38, lmc=0.0), PUBLISHED)


def test_the_published_grid_is_tuned_within_a_point_by_the_regime():
    for column in columns().values():
        known = Known(
            lmc={point.value: point.lmc for point in column},
            error={point.value: point.test_error for point in column},
            cka={point.value: point.cka for point in column},
        )
        for by in ("test-error", "cka"):
            asked = Aim(values=tuple(point.value for point in column), seeds=(0,), replicas=3, limit=99, by=by)
            found = tune_grid(known, asked)
            assert known.error[found.value] - min(known.error.values()) <= 0.01
            assert len(found.looked) <= 4


@pytest.mark.parametrize("peak", EPOCHS)
def test_the_posterior_finds_the_best_value_within_its_share_of_the_runs(peak):
    known = bench(peak=peak, poor_from=200)
    found = tune_by_posterior(known, aim(limit=17))
    assert found.value == peak
    assert found.runs == known.spent <= 17
    assert not found.straddled
    assert found.connected


def test_the_posterior_spends_its_runs_where_the_best_value_is_open():
    known = bench(peak=38, poor_from=200)
    known.error |= {10: 0.6, 20: 0.5, 30: 0.21, 38: 0.205, 50: 0.21, 65: 0.5, 80: 0.6}
    tune_by_posterior(known, aim(seeds=(0, 1, 2), limit=3 + 2 * 14))
    looks = {value: sum(look[0] == value for look in known.looks) for value in EPOCHS}
    assert min(looks[value] for value in (30, 38, 50)) > max(looks[value] for value in (10, 20, 65, 80))


def test_the_posterior_weighs_the_price_of_a_look():
    @dataclass
    class Dear(Known):
        def price(self, value, *, seed, replicas):
            return 50 if value == 80 else Known.price(self, value, seed=seed, replicas=replicas)

    plain = bench(poor_from=200)
    known = Dear(lmc=plain.lmc, error=plain.error)
    tune_by_posterior(known, aim(limit=40))
    assert 80 not in {look[0] for look in known.looks}


def test_the_posterior_looks_at_three_values_however_small_the_limit():
    known = bench()
    assert len(tune_by_posterior(known, aim(limit=0)).looked) == LEAST_LOOKS
    assert len({look[0] for look in known.looks}) == LEAST_LOOKS
    assert len(tune_by_posterior(bench(), aim(values=EPOCHS[:2], limit=0)).looked) == 2


def test_the_posterior_corrects_a_lucky_dense_seed():
    known = bench(poor_from=200, seed_error={(50, 0): -0.05, (50, 1): 0.05})
    assert tune_by_posterior(known, aim(limit=99)).value == 38


def test_the_posterior_requires_test_errors():
    class Bare(Known):
        def look(self, value, *, seed, replicas, full=False):
            found = Known.look(self, value, seed=seed, replicas=replicas, full=full)
            kept = {name: one for name, one in found.readings.items() if name != "errors/test_error"}
            return replace(found, readings=kept)

    plain = bench()
    with pytest.raises(EvidenceError, match="no test-error"):
        tune_by_posterior(Bare(lmc=plain.lmc, error=plain.error), aim())
