"""The page of a campaign: what each disturbance came to."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

HEAD = """# Disturbed sweeps

This page is written by `nox -s chaos -- {options}--page docs/chaos.md`. Each round runs a study of 42 steps in
a new folder, again and again, until it is complete, while it is disturbed: the command (`kill_parent`), a worker
(`kill_worker`) or both are killed at random moments; SIGTERM, SIGHUP and SIGINT arrive (`stop`); files may not grow
beyond a random size (`grow_no_file`); the disk is full again and again (`fill_disk`, on a mounted disk where root runs
it); or, in a study of 11 other steps, one probe misbehaves, whose steps must fail while all others end as they were.
Afterwards every result is compared, to the bit, with that of a study that ran undisturbed. A round in which no signal
was sent, no disk was full and no probe misbehaved fails the campaign.

`lost` counts the finished steps that are gone or damaged afterwards, `changed` those with other numbers.

Seed {seed}, {rounds} rounds in {minutes:.0f} minutes on {cores} cores that other programs used, too.
"""

COLUMNS = ("disturbance", "rounds", "commands", "kills and signals", "full disks", "lost", "changed", "seconds")


@dataclass(frozen=True, kw_only=True)
class Round:
    """One disturbed study."""

    name: str
    counted: Counter[str]
    seconds: float


def write_page(path: Path, rounds: Sequence[Round], *, options: str, seed: int, seconds: float) -> None:
    """Write the page of these rounds; options: those of the command that made them, seconds: that it took."""
    names = list(dict.fromkeys(each.name for each in rounds))
    rows = [_row(name, [each for each in rounds if each.name == name]) for name in names]
    lines = [COLUMNS, ("---",) + ("---:",) * (len(COLUMNS) - 1), *rows, _row("all", rounds)]
    head = HEAD.format(options=options, seed=seed, rounds=len(rounds), minutes=seconds / 60, cores=os.cpu_count())
    table = "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
    path.write_text(f"{head}\n{table}\n", encoding="utf-8")


def _row(name: str, rounds: Sequence[Round]) -> tuple[str, ...]:
    counted = sum((each.counted for each in rounds), Counter[str]())
    wanted = ("commands", "kills and signals that struck", "full disks", "lost", "changed")
    numbers = (len(rounds), *(counted[what] for what in wanted))
    return (name, *(f"{number:,}" for number in numbers), f"{sum(each.seconds for each in rounds):.0f}")
