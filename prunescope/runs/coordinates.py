"""Readings as rows that carry where they were taken: step, network, density, knobs, seeds, replica or pair."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

from prunescope.api.errors import PrunescopeError
from prunescope.api.knobs import KNOBS
from prunescope.runs.recipe import run_of, snapshot_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from prunescope.api import Reading
    from prunescope.runs.files.runfile import Run
    from prunescope.runs.store import Store

COLUMNS = (
    "run", "step", "model", "density", "epoch", "dense_seed", "retraining_seed", "replica", "pair", "probe",
    "reading", "axes", "index", "label", "value", "stderr", "unit", "n", "estimator",
)  # fmt: skip
"""Of every row; the knobs follow, one column each."""


def read_rows(run_ids: Iterable[str], store: Store) -> Iterator[dict[str, Any]]:
    """Yield a row for every number of the readings of these runs; None where a coordinate does not apply.

    density: kept prunable weights / all prunable weights, 1 for a dense network. retraining_seed, replica: of readings
    of one replica; pair: "A-B", the numbers of the two replicas from 1.
    """
    known: dict[str, Run] = {}

    def read(run_id: str) -> Run:
        if run_id not in known:
            known[run_id] = store.read(run_id)
        return known[run_id]

    for run_id in dict.fromkeys(run_ids):
        run = read(run_id)
        chains = [_chain(reference, read) for reference in run.recipe.inputs]
        for probe, named in run.readings.items():
            for name, reading in named.items():
                for place in _places(reading, len(chains)):
                    yield _reading_row(run, chains, {"probe": probe, "reading": name}, reading, place)


def _chain(reference: str, read: Any) -> list[tuple[str, Run]]:  # noqa: ANN401 - a function of a run's id
    """Return a replica and everything it was made from, back to the training of the dense network.

    [] where one of them cannot be read: then the coordinates are not known.
    """
    try:
        found = [(reference, read(run_of(reference)))]
        while found[-1][1].recipe.inputs and found[-1][1].recipe.step != "train":
            found.append((found[-1][1].recipe.inputs[0], read(run_of(found[-1][1].recipe.inputs[0]))))
    except PrunescopeError:
        return []
    return found


def _places(reading: Reading, replicas: int) -> Iterator[tuple[tuple[int, ...], tuple[int, ...]]]:
    """Yield (index, the positions of the replicas it belongs to) of every number."""
    import numpy as np

    pairs = list(combinations(range(replicas), 2))
    for index in np.ndindex(np.shape(reading.value)):
        at = dict(zip(reading.axes, index, strict=False))
        if "replica" in at and at["replica"] < replicas:
            yield index, (at["replica"],)
        elif "pair" in at and at["pair"] < len(pairs):
            yield index, pairs[at["pair"]]
        else:
            yield index, tuple(range(replicas))


def _reading_row(
    run: Run,
    chains: list[list[tuple[str, Run]]],
    names: Mapping[str, str],
    reading: Reading,
    at: tuple[tuple[int, ...], tuple[int, ...]],
) -> dict[str, Any]:
    import numpy as np

    index, replicas = at
    stderr = None if reading.stderr is None else np.broadcast_to(reading.stderr, np.shape(reading.value))
    label = reading.labels[index[-1]] if reading.labels and index else None
    row = dict.fromkeys(COLUMNS)
    row |= {"run": run.id, "step": run.recipe.step, **names, "axes": " ".join(reading.axes)}
    row |= {"index": " ".join(map(str, index)), "label": label, "value": float(np.asarray(reading.value)[index])}
    row |= {"stderr": None if stderr is None else float(stderr[index]), "unit": reading.unit, "n": reading.n}
    known = _of_the_network(chains, replicas) if chains and all(chains) else {}
    if "imported" in run.facts:
        known = _of_imported(run, dict(zip(reading.axes, index, strict=False)), len(np.atleast_1d(reading.value)))
    return row | {"estimator": reading.estimator} | known


def _of_imported(run: Run, at: Mapping[str, int], count: int) -> dict[str, Any]:
    """Return the coordinates of a number that another program measured; its step is "import"."""
    facts = run.facts
    found: dict[str, Any] = {"model": (facts.get("model") or {}).get("name"), "density": facts.get("density")}
    found["dense_seed"] = facts.get("dense_seed")
    if "replica" in at:
        found["replica"] = at["replica"] + 1
    if "pair" in at:
        replicas = next(number for number in range(2, count + 3) if number * (number - 1) // 2 >= count)
        first, second = list(combinations(range(1, replicas + 1), 2))[at["pair"]]
        found["pair"] = f"{first}-{second}"
    return found | {name: (facts.get("knobs") or {}).get(name) for name in KNOBS}


def _of_the_network(chains: list[list[tuple[str, Run]]], replicas: tuple[int, ...]) -> dict[str, Any]:
    chain = chains[replicas[0] if replicas else 0]
    dense_reference, dense = chain[-1]
    retrained = [chains[number][0][1] for number in replicas if chains[number][0][1].recipe.step == "retrain"]
    found: dict[str, Any] = {
        "model": (dense.facts.get("model") or {}).get("name"),
        "density": float(chain[0][1].facts.get("density", 1.0)),
        "epoch": snapshot_of(dense_reference),
        "dense_seed": dense.recipe.arguments.get("seed"),
    }
    if len(replicas) == 1:
        found["replica"] = replicas[0] + 1
        found["retraining_seed"] = retrained[0].recipe.arguments.get("seed") if retrained else None
    if len(replicas) == 2:
        found["pair"] = f"{replicas[0] + 1}-{replicas[1] + 1}"
    knobs = dict(dense.facts.get("knobs") or {}) | ({} if found["epoch"] is None else {"epochs": found["epoch"]})
    return found | {name: knobs.get(name) for name in KNOBS}


@dataclass(frozen=True, kw_only=True)
class Readings:
    """The readings of finished runs, which are read when their rows are asked for."""

    runs: tuple[str, ...]
    store: Store

    def rows(self) -> tuple[dict[str, Any], ...]:
        """Return a row for every number; runs that are not finished have none."""
        return tuple(read_rows([run_id for run_id in self.runs if self.store.has(run_id)], self.store))
