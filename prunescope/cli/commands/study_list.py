"""What `sweep --list` prints: every step of a study and how far it is."""

from __future__ import annotations

import json as json_text
from collections import Counter
from typing import TYPE_CHECKING

from prunescope.cli.terminal.command import Output
from prunescope.report.common import console

if TYPE_CHECKING:
    from collections.abc import Mapping

    from prunescope.runs.recipe import Recipe
    from prunescope.runs.store import Store

STATES = ("finished", "running", "failed", "damaged", "waiting")


def output(named: Mapping[str, Recipe], store: Store, damaged: Mapping[str, str], *, as_json: bool) -> Output:
    """Return a line per step: its state, its run id and its name; damaged: what is wrong, by run id."""
    found = {name: "damaged" if named[name].id in damaged else state for name, state in states(named, store).items()}
    if as_json:
        listed = [{"name": name, "id": named[name].id, "state": state} for name, state in found.items()]
        return Output(text=json_text.dumps({"schema_version": 1, "study": str(store.study), "steps": listed}, indent=2))
    counts = Counter(found.values())
    console.say(", ".join(f"{counts[state]} {state}" for state in STATES) + f" of {len(found)} steps")
    return Output(text="\n".join(f"{state:<9} {named[name].id:<25} {name}" for name, state in found.items()))


def states(named: Mapping[str, Recipe], store: Store) -> dict[str, str]:
    """Return the state of every step by its name: one of STATES."""
    from prunescope.runs import failures

    finished, failed = set(store.ids()), failures.known(store.study)

    def state(run_id: str) -> str:
        if run_id in finished:
            return "finished"
        if store.is_busy(run_id):
            return "running"
        return "failed" if run_id in failed else "waiting"

    return {name: state(recipe.id) for name, recipe in named.items()}
