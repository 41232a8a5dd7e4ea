"""Budgets of networks that are linear layers for the most part: a ViT-Tiny and an MLP-Mixer."""

from __future__ import annotations

import pytest
import torch
from timm.models.mlp_mixer import MlpMixer
from timm.models.vision_transformer import VisionTransformer

import prunescope
from prunescope.studies.budget.measuring import stored_bytes

DATA = "patches:images=64,test_images=40"

SMALL = {"img_size": 8, "patch_size": 4, "num_classes": 10, "embed_dim": 24}

BRIEF = {"tries": 1, "least": 0.1, "replicas": 2, "retrain_epochs": 1}


def build(kind):
    torch.manual_seed(0)
    if kind == "mixer":
        return MlpMixer(num_blocks=2, **SMALL)
    return VisionTransformer(depth=2, num_heads=3, **SMALL)


@pytest.mark.parametrize("kind", ["vit", "mixer"])
def test_linear_layers_are_pruned_for_a_budget(kind, tmp_path):
    given = {"study": tmp_path / "study"}
    dense = prunescope.train(build(kind), DATA, trainer_options={"epochs": 1}, **given)
    network = dense.network()
    whole = stored_bytes(network)
    found = prunescope.fit_budget(dense, bytes=0.5 * whole, latency="10s", repeats=2, **BRIEF, study=dense.study)
    assert 0.1 <= found.density < 1
    sizes = {round(size.density, 2): size for size in found.found.sizes}
    fitted = sizes[round(found.density, 2)]
    assert fitted.bytes <= 0.5 * whole < sizes[1.0].bytes == whole
    mask = prunescope.prune(dense, density=found.density, **given).found.mask
    linear = {f"{name}.weight" for name, one in network.named_modules() if isinstance(one, torch.nn.Linear)}
    assert len(linear & set(mask.kept)) >= len(linear) - 1  # the head may be spared
    prunable = sum(kept.numel() for kept in mask.kept.values())
    kept = sum(int(kept.sum()) for kept in mask.kept.values())
    by_hand = whole - 4 * (prunable - kept) + prunable / 8
    assert fitted.bytes == pytest.approx(by_hand, abs=len(mask.kept))
    assert len(found.found.errors[0].errors) == 2
    within = prunescope.fit_budget(dense, within="99pt", **BRIEF, study=dense.study)
    assert within.density == 0.1
    slow = prunescope.fit_budget(dense, latency="1us", repeats=2, **BRIEF, study=dense.study)
    assert slow.density is None
    assert any("a mask buys no time" in note for note in slow.found.notes)
