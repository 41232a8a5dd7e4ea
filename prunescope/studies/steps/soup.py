"""Replicas as one network: their average where linear mode connectivity admits it, else the best of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from prunescope.api.wording import lmc_text
from prunescope.regimes.thresholds import PUBLISHED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from prunescope.data.spec import Source
    from prunescope.runs.files.runfile import Run
    from prunescope.runs.session import Session


@dataclass(frozen=True, kw_only=True)
class Kept:
    """The one network that is kept of some replicas."""

    run: str
    reason: str
    """Why it is the soup, or is not."""


def keep_soup(replicas: Sequence[Run], source: Source, session: Session, *, seed: int) -> Kept:
    """Average the replicas where every pair is connected; else keep the one of lowest training loss.

    Connected: LMC of the training error, the least over the pairs, is at least -epsilon, the published threshold of
    Regime I. Below it, the average lies on a barrier (Zimmer et al. 2023 average only replicas of one mask; LMC says
    whether they lie in one basin).
    """
    import numpy as np

    from prunescope.runs import plan

    runs = [run.id for run in replicas]
    probe = session.make_plugin("probes", "lmc", {"test": False})
    measured = session.read(session.perform(plan.probing_recipe(replicas=runs, probe=probe, data=source, seed=seed)))
    least, limit = float(np.min(measured.readings["lmc"]["lmc"].value)), -PUBLISHED.epsilon
    if least >= limit:
        soup = session.perform(plan.soup_recipe(replicas=runs, data=source))
        return Kept(
            run=soup, reason=f"least LMC {lmc_text(least)} >= {limit:g}: the replicas are connected, their average"
        )
    best = min(replicas, key=lambda run: run.history[-1].train_loss)
    told = (
        f"least LMC {lmc_text(least)} < {limit:g}: the average lies on a barrier; the replica of lowest training loss"
    )
    return Kept(run=best.id, reason=told)
