"""Whether steps need networks or data that live in this process alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prunescope.data import live as live_data
from prunescope.networks import live as live_networks
from prunescope.runs.recipe import run_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from prunescope.runs.files.runfile import Run
    from prunescope.runs.recipe import Recipe
    from prunescope.runs.store import Store


NETWORK = "the network is an object of this process: only a process that receives the same object can rebuild it"

DATA = "the data are objects of this process: only a process that receives the same content can resume this run"


def report_lost(run: Run) -> tuple[str, ...]:
    """Return what a later process cannot build again of a finished run, a sentence each."""
    network, data = run.facts.get("model") or {}, run.recipe.arguments.get("data") or run.facts.get("data") or {}
    found = [NETWORK] if live_networks.is_live(str(network.get("name", ""))) else []
    return (*found, DATA) if data.get("name") == live_data.NAME else tuple(found)


def are_needed(recipes: Sequence[Recipe], store: Store) -> bool:
    """Return whether any of these steps can run in this process only."""
    if not (live_data.any_data_kept() or live_networks.any_network_kept()):
        return False
    if any(recipe.arguments.get("data", {}).get("name") == live_data.NAME for recipe in recipes):
        return True
    named = [recipe.arguments["model"]["name"] for recipe in recipes if "model" in recipe.arguments]
    inputs = sorted({run_of(reference) for recipe in recipes for reference in recipe.inputs})
    finished = [run_id for run_id in inputs if store.has(run_id)]
    return any(map(live_networks.is_live, named)) or any(
        live_networks.is_live(_network(store.read(run_id, only=()))) for run_id in finished
    )


def _network(run: Run) -> str:
    model = run.facts.get("model") or {}
    return str(model.get("name", ""))
