from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from prunescope.api import Mask
from prunescope.api.errors import PluginError, UsageError
from prunescope.networks import masks

if TYPE_CHECKING:
    from collections.abc import Mapping

# few distinct values: ties everywhere
VALUES = st.lists(st.sampled_from([-1.0, 0.0, -0.0, 0.5, 2.0, float("inf")]), min_size=1, max_size=9)
SCORES = st.lists(VALUES, min_size=1, max_size=5)
DENSITY = st.one_of(st.floats(0, 1), st.sampled_from([0.0, 0.05, 0.1, 0.29, 0.3, 0.5, 0.7, 1.0]))


def tensors(scores: list[list[float]]) -> dict[str, torch.Tensor]:
    return {f"layer{index}": torch.tensor(values) for index, values in enumerate(scores)}


def reference(values: list[float], count: int) -> list[bool]:
    """Sort by (-score, index) in plain Python."""
    ranked = sorted(range(len(values)), key=lambda index: (-values[index], index))
    return [index in ranked[:count] for index in range(len(values))]


def lists(mask: Mask) -> list[list[bool]]:
    return [kept.tolist() for kept in mask.kept.values()]


@given(SCORES, DENSITY)
def test_global_scope_agrees_with_sorting(scores, density):
    flat = [value for values in scores for value in values]
    kept = masks.keep_largest(tensors(scores), density, scope="global")
    assert [bit for bits in lists(kept) for bit in bits] == reference(flat, round(density * len(flat)))


@given(SCORES, DENSITY)
def test_layer_scope_agrees_with_sorting_and_keeps_the_total(scores, density):
    kept = masks.keep_largest(tensors(scores), density, scope="layer")
    counts = masks.layer_counts({str(index): len(values) for index, values in enumerate(scores)}, density)
    assert lists(kept) == [reference(v, c) for v, c in zip(scores, counts.values(), strict=True)]
    assert kept.n_kept == round(density * kept.n_weights)


@given(st.lists(st.integers(0, 10**7), min_size=1, max_size=60), DENSITY)
def test_layer_counts_share_the_exact_total_to_within_one_weight(sizes, density):
    by_name = {str(index): size for index, size in enumerate(sizes)}
    counts = masks.layer_counts(by_name, density)
    assert sum(counts.values()) == round(density * sum(sizes))
    assert list(counts) == list(by_name)
    for name, size in by_name.items():
        assert 0 <= counts[name] <= size
        assert abs(counts[name] - density * size) < 1 + 1e-6


def test_layer_counts_give_the_rest_to_the_largest_remainders():
    assert masks.layer_counts({"a": 14, "b": 18, "c": 11}, 0.1) == {"a": 1, "b": 2, "c": 1}


def test_counts_that_rounding_each_layer_would_miss():
    assert sum(round(0.5 * 5) for _ in range(3)) != round(0.5 * 15)
    assert sum(masks.layer_counts({"a": 5, "b": 5, "c": 5}, 0.5).values()) == round(0.5 * 15)


@pytest.mark.parametrize("dtype", [torch.bool, torch.int64, torch.float16, torch.bfloat16, torch.float64])
def test_scores_of_any_type(dtype):
    scores = torch.tensor([[1, 0], [0, 1], [1, 0]]).to(dtype)
    kept = masks.keep_largest({"w": scores}, 4 / 6, scope="global").kept["w"]
    assert kept.tolist() == [[True, True], [False, True], [True, False]]


def test_float64_scores_are_not_rounded_before_they_are_ranked():
    scores = torch.tensor([1.0, 1.0 + 1e-12], dtype=torch.float64)
    assert lists(masks.keep_counts({"w": scores}, {"w": 1})) == [[False, True]]


def test_ties_follow_row_major_order_in_any_memory_layout():
    scores = torch.zeros(2, 3, 2, 2).to(memory_format=torch.channels_last)
    kept = masks.keep_counts({"w": scores}, {"w": 5}).kept["w"]
    assert kept.is_contiguous()
    assert kept.flatten().tolist() == [True] * 5 + [False] * 19


def test_masks_own_their_memory():
    kept = masks.keep_largest({"a": torch.rand(4), "b": torch.rand(4)}, 0.5, scope="global").kept
    assert kept["a"].untyped_storage().data_ptr() != kept["b"].untyped_storage().data_ptr()


def test_nan_scores_are_refused():
    with pytest.raises(PluginError, match="1 of the 2 scores of 'b' are NaN"):
        masks.keep_largest({"a": torch.ones(2), "b": torch.tensor([1.0, torch.nan])}, 0.5, scope="layer")


@pytest.mark.parametrize("density", [-0.1, 1.1, 5.0, float("nan")])
@pytest.mark.parametrize("scope", ["layer", "global"])
def test_density_outside_the_unit_interval_is_refused(density, scope):
    with pytest.raises(UsageError, match="wanted a fraction"):
        masks.keep_largest({"a": torch.ones(2)}, density, scope=scope)


@pytest.mark.parametrize("counts", [{}, {"a": -1}, {"a": 3}])
def test_impossible_counts_are_refused(counts: Mapping[str, int]):
    with pytest.raises(UsageError, match="of the 2 weights of 'a'"):
        masks.keep_counts({"a": torch.ones(2)}, counts)


def net() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 4, 3, bias=False), nn.Conv2d(4, 2, 1))


def test_apply_zeroes_the_masked_weights_alone():
    model = net()
    before = model[0].weight.detach().clone()
    mask = masks.keep_largest({"0.weight": before.abs()}, 0.3, scope="layer")
    masks.apply(model, mask)
    kept = mask.kept["0.weight"]
    assert torch.equal(model[0].weight[kept], before[kept])
    assert not model[0].weight[~kept].any()
    masks.audit(model, mask)


def test_holder_zeroes_weights_in_channels_last():
    model = net().to(memory_format=torch.channels_last)
    before = model[0].weight.detach().clone()
    mask = masks.keep_largest({"0.weight": before.abs()}, 0.3, scope="layer")
    masks.holder(model, mask)()
    assert torch.equal(model[0].weight, before * mask.kept["0.weight"])
    (factor,) = masks.factors(model, mask)[1]
    assert factor.stride() == model[0].weight.stride()


def test_holder_without_a_mask_changes_nothing():
    model = net()
    before = model[0].weight.detach().clone()
    masks.holder(model, None)()
    assert torch.equal(model[0].weight, before)


def test_densities_overall_and_per_layer():
    mask = Mask({"a": torch.tensor([True, False]), "b": torch.tensor([[True, True, False, False, False, False]])})
    assert masks.density(mask) == mask.density == 3 / 8
    assert masks.per_layer_density(mask) == {"a": 0.5, "b": 1 / 3}


def test_infer_reads_the_mask_back_from_a_model_and_from_its_state():
    model = net()
    assert masks.infer(model, ["0.weight", "1.weight"]) is None
    mask = masks.keep_largest({n: p.abs() for n, p in model.named_parameters() if p.dim() > 1}, 0.4, scope="global")
    masks.apply(model, mask)
    for source in (model, model.state_dict()):
        found = masks.infer(source, ["0.weight", "1.weight"])
        assert lists(found) == lists(mask)


def test_check_mask_accepts_the_exact_count():
    mask = masks.keep_largest(
        {"0.weight": torch.rand(4, 3, 3, 3), "1.weight": torch.rand(2, 4, 1, 1)}, 0.1, scope="layer"
    )
    masks.check_mask(mask, net(), 0.1)


@pytest.mark.parametrize(
    ("kept", "complaint"),
    [
        ({}, "names no parameter"),
        ({"0.weight": torch.ones(4, 3, 3, 3)}, r"'0.weight' has dtype torch.float32, wanted torch.bool"),
        ({"9.weight": torch.ones(4, dtype=torch.bool)}, "'9.weight', which is not a parameter"),
        ({"0.weight": torch.ones(3, 4, 3, 3, dtype=torch.bool)}, r"shape \(3, 4, 3, 3\), wanted \(4, 3, 3, 3\)"),
        ({"0.weight": torch.ones(4, 3, 3, 3, dtype=torch.bool)}, r"keeps 108 of 108 weights, wanted .* = 54"),
    ],
)
def test_check_mask_says_what_is_wrong(kept, complaint):
    with pytest.raises(PluginError, match=complaint):
        masks.check_mask(Mask(kept), net(), 0.5)


def test_check_mask_refuses_one_weight_too_many():
    mask = masks.keep_counts({"0.weight": torch.rand(4, 3, 3, 3)}, {"0.weight": 55})
    with pytest.raises(PluginError, match="keeps 55 of 108"):
        masks.check_mask(mask, net(), 0.5)


@pytest.mark.parametrize(("kept", "fits"), [(55, False), (54, True), (40, True), (1, True), (0, False)])
def test_a_pruner_of_whole_structures_may_keep_fewer_but_not_more(kept, fits):
    mask = masks.keep_counts({"0.weight": torch.rand(4, 3, 3, 3)}, {"0.weight": kept})
    if fits:
        masks.check_mask(mask, net(), 0.5, exact=False)
        return
    with pytest.raises(PluginError, match=f"keeps {kept} of 108 weights, wanted .* = 54 at most"):
        masks.check_mask(mask, net(), 0.5, exact=False)


@pytest.mark.parametrize("value", [1e-30, float("nan")])
def test_audit_names_the_parameter_and_the_count(value):
    model = net()
    mask = masks.keep_largest({"1.weight": model[1].weight.abs()}, 0.5, scope="layer")
    masks.apply(model, mask)
    with torch.no_grad():
        model[1].weight[~mask.kept["1.weight"]] = value
    with pytest.raises(PluginError, match=r"4 masked weights of '1\.weight' are not zero"):
        masks.audit(model, mask)


def test_errors_name_the_plugin():
    with pytest.raises(PluginError, match=r"^pruner 'x' of y: the mask keeps 108"):
        masks.check_mask(
            Mask({"0.weight": torch.ones(4, 3, 3, 3, dtype=torch.bool)}), net(), 0.5, who="pruner 'x' of y"
        )
    model = net()
    mask = masks.keep_largest({"1.weight": model[1].weight.abs()}, 0.5, scope="layer")
    with pytest.raises(PluginError, match=r"^trainer 'x' of y: 4 masked weights"):
        masks.audit(model, mask, who="trainer 'x' of y")


def test_to_device_moves_every_tensor():
    mask = masks.keep_largest({"a": torch.rand(4), "b": torch.rand(2)}, 0.5, scope="layer")
    moved = masks.mask_to_device(mask, "meta")
    assert [kept.device.type for kept in moved.kept.values()] == ["meta", "meta"]
    assert list(moved.kept) == ["a", "b"]
