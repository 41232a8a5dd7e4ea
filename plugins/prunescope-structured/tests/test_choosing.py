from __future__ import annotations

import pytest
import torch
from prunescope_structured import channels, choosing

from prunescope.api.errors import UsageError
from prunescope.networks.models import prunable
from prunescope.plugins.testing import toy_model

IMAGES = torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def toy():
    model = toy_model()
    weights = {name: weight.detach() for name, weight in prunable(model, linear=True).items()}
    return channels.find(model, IMAGES), weights


def test_the_counter_counts_what_the_mask_keeps(toy):
    sets, weights = toy
    counter = choosing.counter(sets, weights)
    removed = [(0, 2), (1, 0), (1, 15), (0, 7)]
    for channel in removed:
        counter.remove(channel)
    assert counter.kept == choosing.mask(sets, removed, weights).n_kept == 6 * 3 * 9 + 6 * 14 * 9 + 14 * 4
    counter.restore((0, 2))
    assert counter.kept == choosing.mask(sets, removed[1:], weights).n_kept


def test_importance_by_hand(toy):
    sets, weights = toy
    first = choosing.importance(sets, weights)[0]
    rows = weights["0.weight"].double().square().sum(dim=(1, 2, 3))
    columns = weights["3.weight"].double().square().sum(dim=(0, 2, 3))
    torch.testing.assert_close(first, (rows + columns) / (rows + columns).mean())


def brute_force(sets, scores, weights, wanted):
    """Remove by rank, then give back, counting with the mask itself."""
    order = sorted((float(s), g, c) for g, found in enumerate(scores) for c, s in enumerate(found))
    last = {(g, int(found.argmax())) for g, found in enumerate(scores)}
    removed = []
    for _, g, c in order:
        if choosing.mask(sets, removed, weights).n_kept <= wanted:
            break
        if (g, c) not in last:
            removed.append((g, c))
    for channel in list(reversed(removed)):
        fewer = [other for other in removed if other != channel]
        if choosing.mask(sets, fewer, weights).n_kept <= wanted:
            removed = fewer
    return removed


@pytest.mark.parametrize("wanted", [1432, 1431, 1000, 500, 200, 60, 40])
def test_at_most_what_is_wanted_and_nothing_more_fits(toy, wanted):
    sets, weights = toy
    scores = choosing.importance(sets, weights)
    removed = choosing.choose(sets, scores, choosing.counter(sets, weights), wanted)
    assert removed == brute_force(sets, scores, weights, wanted)
    assert choosing.mask(sets, removed, weights).n_kept <= wanted
    for channel in removed:
        fewer = [other for other in removed if other != channel]
        assert choosing.mask(sets, fewer, weights).n_kept > wanted


def test_less_than_a_channel_in_every_layer_is_refused(toy):
    sets, weights = toy
    with pytest.raises(UsageError, match="keeps 40 weights, wanted 39") as refused:
        choosing.choose(sets, choosing.importance(sets, weights), choosing.counter(sets, weights), 39)
    assert refused.value.fix.endswith(" 0.028")  # 40 of 1,432, rounded up


def test_a_mask_and_back(toy):
    sets, weights = toy
    mask = choosing.mask(sets, [(0, 2), (1, 3), (1, 5)], weights)
    assert choosing.removed(sets, mask.kept) == {"0": [2], "3": [3, 5]}


def test_one_weight_left_keeps_a_channel(toy):
    sets, weights = toy
    mask = choosing.mask(sets, [(0, 2)], weights)
    mask.kept["3.weight"][0, 2, 1, 1] = True
    assert choosing.removed(sets, mask.kept) == {}


@pytest.mark.parametrize(("kept", "total"), [(12345, 1_000_000), (75, 1290), (250, 1000), (999_999, 1_000_000)])
def test_the_density_that_is_suggested_keeps_as_many_weights(kept, total):
    suggested = choosing.rounded_up(kept / total)
    assert round(float(suggested) * total) >= kept
    assert float(suggested) == pytest.approx(kept / total, rel=0.01)
