"""Networks of other programs, and of a notebook, as runs of a study."""

from __future__ import annotations

import hashlib
import json
from time import monotonic
from typing import TYPE_CHECKING

import torch

from prunescope.networks import checkpoints, live
from prunescope.networks.checkpoints.loading import infer_mask
from prunescope.networks.checkpoints.record import check_size
from prunescope.networks.spec import ModelSpec
from prunescope.runs.live import NETWORK
from prunescope.runs.recipe import Recipe
from prunescope.runs.steps.finishing import finish_run
from prunescope.runs.steps.result import StepResult, facts, state

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from prunescope.api import Data
    from prunescope.networks.checkpoints import Checkpoint
    from prunescope.runs.store import Store


def import_checkpoint(
    path: Path | str,
    store: Store,
    *,
    weights: str | None = None,
    model: str | None = None,
    unsafe: bool = False,
) -> str:
    """Read another program's checkpoint once and keep it as a run of the study; return its id.

    weights: "ema", "raw" or a name, where the file has several; model: a timm name or "pkg.mod:factory" where the
    file does not name it; unsafe: allow unpickling. The id depends on the file's content, these choices and the
    settings that other files beside it hold, not on its place.
    """
    started = monotonic()
    found = checkpoints.load_checkpoint(path, weights=weights, model=model, unsafe=unsafe, trust=store.trust)
    arguments = {"sha256": found.sha256, "weights": weights, "model": found.spec.to_json()}
    recipe = Recipe(step="import", arguments=arguments | _digest_settings(found))
    if store.has(recipe.id):
        return recipe.id
    check_size(found)
    with store.lock(recipe.id):
        known = {**facts(found), "source": str(path), "format": found.format, "notes": list(found.notes)}
        made = StepResult(facts=known, weights={None: found}, mask=found.mask)
        return finish_run(recipe, made, store, device="cpu", seconds=monotonic() - started)


def _digest_settings(found: Checkpoint) -> dict[str, str]:
    """Return a digest of the settings where other files hold a part of them: sha256 does not know these."""
    if not found.settings_beside:
        return {}
    text = json.dumps([found.data, found.training, found.knobs], sort_keys=True, default=dict)
    return {"settings": hashlib.sha256(text.encode()).hexdigest()[:16]}


def import_live(model: torch.nn.Module, data: Data, store: Store) -> str:
    """Keep a network of this process as a run of the study, by its weights and its structure; return its id.

    data: what the network is made for. The model is left as it is.
    """
    started = monotonic()
    spec = ModelSpec(
        name=live.keep_network(model, shape=(data.in_chans, *data.image_size)),
        num_classes=data.num_classes,
        in_chans=data.in_chans,
        image_size=data.image_size,
    )
    weights = state(model)
    mask, notes = infer_mask(model, weights)
    found = checkpoints.Checkpoint(
        spec=spec, state=weights, mask=mask, format="a live network", sha256=digest_state(weights)
    )
    recipe = Recipe(step="import", arguments={"sha256": found.sha256, "weights": None, "model": spec.to_json()})
    if not store.has(recipe.id):
        with store.lock(recipe.id):
            known = {**facts(found), "source": type(model).__name__, "format": found.format, "notes": [NETWORK, *notes]}
            made = StepResult(facts=known, weights={None: found}, mask=mask)
            finish_run(recipe, made, store, device="cpu", seconds=monotonic() - started)
    return recipe.id


def digest_state(weights: Mapping[str, torch.Tensor]) -> str:
    """Return the SHA-256 of a state_dict: names, types, shapes and bytes, each behind its length."""
    digest = hashlib.sha256()
    for name, value in weights.items():
        plain = value.contiguous()
        content = plain.reshape(-1).view(torch.uint8).numpy().tobytes() if plain.numel() else b""
        for part in (name.encode(), f"{plain.dtype}{tuple(plain.shape)}".encode(), content):
            digest.update(len(part).to_bytes(8, "little"))
            digest.update(part)
    return digest.hexdigest()
