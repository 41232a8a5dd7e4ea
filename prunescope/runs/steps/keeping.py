"""The state of a training under way: saved every few minutes and at SIGTERM, resumed by the next process."""

from __future__ import annotations

import json
import random
import signal
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import monotonic
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import torch

from prunescope.api import StateKeeper
from prunescope.runs.files import midstep
from prunescope.runs.recipe import task_id
from prunescope.runs.steps.finishing import describe_device, versions_here

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from prunescope.runs.recipe import Recipe
    from prunescope.runs.steps.context import StepContext
    from prunescope.runs.store import Store

SAVE_SECONDS = 300.0
"""How often a state is saved; a shorter training writes none, unless it is asked to end."""

PATIENCE_SECONDS = 5.0
"""A process that is asked to end does so at once where the trainer has not asked for so long whether to save."""


class Yielded(Protocol):
    """What the core holds of a training beside the state of its trainer."""

    def state(self) -> list[Any]:
        """Return it in a form that can be saved."""

    def restore(self, saved: Sequence[Any]) -> None:
        """Go on from what `state` returned."""


@dataclass(kw_only=True, repr=False)
class StepKeeper(StateKeeper):
    """Saves the state of one training step in a file of the study.

    It prints none of its fields: `signal.getsignal` prints a handler, each time, and this one holds whole networks.
    """

    path: Path
    about: Mapping[str, str]
    yielded: Yielded
    device: torch.device
    last: float = field(default_factory=monotonic)
    """When the state was saved, or the training began."""
    asked: float = float("-inf")
    """When the trainer last asked whether to save."""
    ending: bool = False
    """Whether this process is asked to end."""
    saving: bool = False
    handler: Any = signal.SIG_DFL
    """What SIGTERM does without a keeper."""

    def is_due(self) -> bool:
        """Return whether minutes have passed, or the process is asked to end."""
        self.asked = monotonic()
        return self.ending or self.asked - self.last > SAVE_SECONDS

    def save(self, kind: str, state: Mapping[str, Any]) -> None:
        """Save the state; end the process where it is asked to."""
        whole = {"kind": kind, "trainer": state, "core": self.yielded.state(), "generators": _generators(self.device)}
        self.saving = True
        try:
            midstep.write_state(self.path, whole, about=self.about)
        finally:
            self.saving = False
        self.last = monotonic()
        if self.ending:
            self.end()

    def load(self, kind: str) -> Mapping[str, Any] | None:
        """Return the state of an earlier process, if any, and restore what the core has of it."""
        saved = midstep.read_state(self.path, about=self.about)
        if saved is None or saved.get("kind") != kind:
            return None
        self.yielded.restore(saved["core"])
        _restore_generators(saved["generators"], self.device)
        found: Mapping[str, Any] = saved["trainer"]
        return found

    def receive(self, *_: object) -> None:
        """End at SIGTERM once the state is saved; at once where the trainer is not about to ask.

        A scheduler sends it more than once, and the parent of this process then sends it too.
        """
        self.ending = True
        if not self.saving and monotonic() - self.asked > PATIENCE_SECONDS:
            self.end()

    def end(self) -> None:
        """Do what SIGTERM does without a keeper."""
        self.ending = False
        signal.signal(signal.SIGTERM, self.handler)
        signal.raise_signal(signal.SIGTERM)


@contextmanager
def keep_state(recipes: Sequence[Recipe], context: StepContext, yielded: Yielded) -> Iterator[StepKeeper]:
    """Yield what keeps the state of the training of these recipes; a training that raises an error leaves none."""
    about = {
        "recipes": " ".join(recipe.id for recipe in recipes),
        "device": describe_device(context.device),
        "versions": json.dumps(versions_here(), sort_keys=True),
    }
    path = context.store.state_path(task_id(recipes))
    keeper = StepKeeper(path=path, about=about, yielded=yielded, device=torch.device(context.device))
    try:
        with _sigterm_received(keeper):
            yield keeper
    except Exception:  # it would fail again; what ends the process is no Exception
        path.unlink(missing_ok=True)
        raise


def forget_states(recipes: Sequence[Recipe], store: Store) -> None:
    """Delete the state of a finished training, and those of its halves, where a GPU trained them one by one."""
    store.state_path(task_id(recipes)).unlink(missing_ok=True)
    if len(recipes) > 1:
        middle = -(-len(recipes) // 2)
        forget_states(recipes[:middle], store)
        forget_states(recipes[middle:], store)


@contextmanager
def _sigterm_received(keeper: StepKeeper) -> Iterator[None]:
    """Let the keeper receive SIGTERM inside the block, in the main thread, which alone receives signals."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    keeper.handler = signal.getsignal(signal.SIGTERM) or signal.SIG_DFL
    signal.signal(signal.SIGTERM, keeper.receive)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, keeper.handler)
        if keeper.ending:
            keeper.end()


def _generators(device: torch.device) -> dict[str, Any]:
    """Return the states of the global generators of random numbers."""
    name, keys, *rest = np.random.get_state()  # noqa: NPY002 - what a plugin may draw from
    version, words, following = random.getstate()
    return {
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state(device) if device.type == "cuda" else None,
        "numpy": [name, torch.from_numpy(np.asarray(keys).astype(np.int64)), *rest],
        "python": [version, list(words), following],
    }


def _restore_generators(saved: Mapping[str, Any], device: torch.device) -> None:
    torch.set_rng_state(saved["torch"])
    if saved["cuda"] is not None:
        torch.cuda.set_rng_state(saved["cuda"], device)
    name, keys, *rest = saved["numpy"]
    np.random.set_state((name, keys.numpy().astype(np.uint32), *rest))  # noqa: NPY002
    version, words, following = saved["python"]
    random.setstate((version, tuple(words), following))
