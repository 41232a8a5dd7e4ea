"""Disturb sweeps at random and count what was lost or changed: `nox -s chaos`.

python chaos/break_studies.py [--seconds 300] [--seed 0] [--rounds N] [--no-matrix | --only NAME...] [--page FILE.md]

Each round runs a small study in a new folder, again and again, until it is complete, while the command or its workers
are killed, signals arrive, the disk is full, or a plugin misbehaves. A finished step that is gone or damaged afterwards
is lost; one whose numbers are not those of the undisturbed study is changed. Exit code 1 where either is above 0,
where a command ended otherwise than it may, or where a disturbance did not strike. Each disturbance and each way to
misbehave comes once, whatever time that takes; then they come by chance, until so many seconds in all are over.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING

import misbehaving
from rounds_page import Round, write_page
from small_disks import mounted, resize
from small_study import DONE, FAILED, FEW, FULL, KILLED, STUDY, sweep
from warm import Kill, Warm, find_change, warm_process

from prunescope.runs.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable

STOPPED = {signal.SIGTERM: 143, signal.SIGHUP: 129, signal.SIGINT: 130}
"""Signal -> exit code of a command that it ends."""

STRIKES = ("kills and signals that struck", "full disks", "plugins that misbehaved")
"""Figures of which a round must raise one: what was not disturbed proves nothing."""

MOST_TRIES = 60
"""Commands until a study must be complete."""


@dataclass
class Campaign:
    """What all rounds share, and the figures."""

    warm: Warm
    folder: Path
    chance: random.Random
    figures: Counter[str] = field(default_factory=Counter)
    unexpected: list[str] = field(default_factory=list)
    rounds: list[Round] = field(default_factory=list)

    def disturb(self, name: str) -> None:
        """Disturb one study as `name` says, and note what that came to."""
        before, started = Counter(self.figures), time.monotonic()
        DISTURBANCES[name][0](self, Store(self.folder / f"{len(self.rounds) + 1}-{name.replace(' ', '-')}"))
        counted = Counter({what: self.figures[what] - before[what] for what in self.figures})
        if not any(counted[what] for what in STRIKES):
            self.unexpected.append(f"{name}: nothing struck the study")
        self.rounds.append(Round(name=name, counted=counted, seconds=time.monotonic() - started))

    def rounds_by_name(self) -> dict[str, int]:
        """Return how many rounds there were of each disturbance."""
        return {f"rounds of {name}": count for name, count in Counter(each.name for each in self.rounds).items()}

    @property
    def file(self) -> Path:
        """The study that is disturbed."""
        return self.folder / "small.toml"

    @property
    def undisturbed(self) -> Store:
        """The study that ran in one go."""
        return Store(self.folder / "undisturbed")

    @property
    def few(self) -> Store:
        """The study of fewer steps that ran in one go."""
        return Store(self.folder / "few")

    def begin(self) -> bool:
        """Run both studies undisturbed; whether that is possible."""
        self.file.write_text(STUDY, encoding="utf-8")
        small = self.folder / "few.toml"
        small.write_text(FEW, encoding="utf-8")
        ends = [self.warm.run(*sweep(self.file, self.undisturbed)), self.warm.run(*sweep(small, self.few))]
        return ends == [DONE, DONE]

    def expect(self, status: int, allowed: set[int], what: str) -> None:
        """Note an end that no command may have."""
        self.figures["commands"] += 1
        if status not in allowed:
            self.unexpected.append(f"{what}: exit code {status}")

    def check(self, store: Store, kept: set[str]) -> set[str]:
        """Count what is gone or damaged of the steps that were finished; return those that are there."""
        if not store.runs.is_dir():
            self.figures["lost"] += len(kept)
            return kept
        damaged = store.check()
        found = set(store.ids())
        self.figures["lost"] += len(kept - found) + len(damaged)
        self.unexpected += [f"{store.study.name}: {name}: {problem}" for name, problem in damaged]
        return kept | found

    def compare(self, store: Store, undisturbed: Store | None = None) -> None:
        """Count the steps whose numbers are not those of the undisturbed study."""
        undisturbed = undisturbed or self.undisturbed
        wanted = set(undisturbed.ids())
        found = wanted & set(store.ids())
        changed = [what for run_id in sorted(found) if (what := find_change(undisturbed, store, run_id))]
        self.unexpected += changed
        self.figures["changed"] += len(changed)
        self.figures["lost"] += len(wanted - found)
        self.figures["studies"] += 1

    def kill(self, store: Store, kept: set[str], **more: int | None) -> Kill:
        """Return a signal at a random moment of what is left."""
        soon, pause = len(kept) + self.chance.randint(0, 12), self.chance.uniform(0, 0.3)
        return Kill(folder=str(store.runs), files=soon, seconds=pause, **more)  # type: ignore[arg-type]


def kill_parent(campaign: Campaign, store: Store) -> None:
    """Kill the command at random moments until the study is complete."""
    _until_done(campaign, store, lambda kept: [campaign.kill(store, kept)], workers=1)


def kill_worker(campaign: Campaign, store: Store) -> None:
    """Kill a worker of the command, which goes on."""
    _until_done(
        campaign, store, lambda kept: [campaign.kill(store, kept, worker=campaign.chance.randint(0, 1))], workers=2
    )


def kill_both(campaign: Campaign, store: Store) -> None:
    """Kill a worker, and then the command."""

    def kills(kept: set[str]) -> list[Kill]:
        return [campaign.kill(store, kept, worker=0), Kill(seconds=campaign.chance.uniform(0, 0.1))]

    _until_done(campaign, store, kills, workers=2)


def stop(campaign: Campaign, store: Store) -> None:
    """Send the signals that a command answers, in turn: what is finished is kept."""
    numbers = cycle(campaign.chance.sample(sorted(STOPPED), len(STOPPED)))

    def kills(kept: set[str]) -> list[Kill]:
        soon = campaign.kill(store, kept, number=int(next(numbers)))
        return [Kill(**{**vars(soon), "files": max(soon.files, 1)})]

    _until_done(campaign, store, kills, workers=campaign.chance.choice([1, 1, 2]))


def _until_done(campaign: Campaign, store: Store, kills: Callable[[set[str]], list[Kill]], *, workers: int) -> None:
    kept: set[str] = set()
    allowed = {DONE, KILLED, *STOPPED.values()}
    for tries in range(MOST_TRIES):
        planned = kills(kept) if tries < MOST_TRIES // 3 else []
        before = campaign.warm.struck
        status = campaign.warm.run(*sweep(campaign.file, store, workers=workers), kills=planned)
        campaign.expect(status, allowed, store.study.name)
        campaign.figures["kills and signals that struck"] += campaign.warm.struck - before
        for number, code in STOPPED.items():
            campaign.figures[f"commands ended by {number.name}"] += status == code
        kept = campaign.check(store, kept)
        if status == DONE:
            break
    campaign.compare(store)


def grow_no_file(campaign: Campaign, store: Store) -> None:
    """Refuse files beyond a size that is random: a full disk as any user can have it."""
    sizes = [path.stat().st_size for path in campaign.undisturbed.runs.glob("*.*")]
    kept: set[str] = set()
    for largest in (min(sizes) - 1, max(sizes), max(sizes)):
        status = campaign.warm.run(*sweep(campaign.file, store), file_bytes=campaign.chance.randint(0, largest))
        campaign.expect(status, {DONE, FULL}, store.study.name)
        campaign.figures["full disks"] += status == FULL
        kept = campaign.check(store, kept)
    campaign.expect(campaign.warm.run(*sweep(campaign.file, store)), {DONE}, store.study.name)
    campaign.check(store, kept)
    campaign.compare(store)


def fill_disk(campaign: Campaign, store: Store) -> None:
    """Let a mounted disk be full again and again; without root, refuse large files."""
    with mounted(store.study.parent / f"{store.study.name}-disk") as disk:
        if disk is None:
            grow_no_file(campaign, store)
            return
        store, kept, size = Store(disk / "study"), set(), 4
        for _ in range(MOST_TRIES):
            status = campaign.warm.run(*sweep(campaign.file, store))
            campaign.expect(status, {DONE, FULL}, store.study.name)
            campaign.figures["full disks"] += status == FULL
            kept = campaign.check(store, kept)
            if status == DONE:
                break
            size += campaign.chance.randint(60, 500)
            resize(disk, size)
        campaign.compare(store)


def misbehave(campaign: Campaign, store: Store, *, how: str) -> None:
    """Let one probe of the study misbehave: its steps fail, all others are as they were.

    The trainings are those of the undisturbed study: of others, other groups would be trained together, whose last bits
    differ.
    """
    file = campaign.folder / f"{store.study.name}.toml"
    file.write_text(misbehaving.with_probe(FEW, how), encoding="utf-8")
    status = campaign.warm.run(*sweep(file, store, workers=2))
    campaign.expect(status, {FAILED}, f"{store.study.name}, a probe that {how}")
    campaign.figures["plugins that misbehaved"] += 1
    campaign.check(store, set())
    campaign.compare(store, campaign.few)


DISTURBANCES: dict[str, tuple[Callable[[Campaign, Store], None], float]] = {
    "kill_parent": (kill_parent, 4),
    "kill_worker": (kill_worker, 1),
    "kill_both": (kill_both, 1),
    "stop": (stop, 2),
    "grow_no_file": (grow_no_file, 2),
    "fill_disk": (fill_disk, 2),
    **{f"a probe {how}": (partial(misbehave, how=how), 2 / len(misbehaving.WAYS)) for how in sorted(misbehaving.WAYS)},
}
"""Name -> what it does, and how often it is chosen."""


def run_rounds(
    folder: Path,
    *,
    seconds: float,
    seed: int,
    rounds: int,
    names: tuple[str, ...] = tuple(DISTURBANCES),
    first: tuple[str, ...] = (),
) -> Campaign:
    """Disturb studies in `folder`: as `first` says, whatever time that takes, then by chance as `names` say.

    That goes on for so many seconds in all, or for so many rounds by chance. Return the campaign with its figures.
    """
    site = misbehaving.install(folder / "site")
    os.environ["PYTHONPATH"] = os.pathsep.join([str(site), *filter(None, [os.environ.get("PYTHONPATH")])])
    chance, started = random.Random(seed), time.monotonic()
    with warm_process(folder / "stderr") as warm:
        campaign = Campaign(warm, folder, chance)
        if not campaign.begin():
            campaign.unexpected.append("the undisturbed study did not complete")
            return campaign
        for name in first:
            campaign.disturb(name)
        weights = [DISTURBANCES[name][1] for name in names]
        for _ in range(rounds):
            if time.monotonic() - started > seconds:
                break
            campaign.disturb(chance.choices(names, weights=weights)[0])
    return campaign


def main() -> int:
    """Run the campaign and print its figures; 1 where anything was lost, changed, or ended as it must not."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=300)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--rounds", type=int, default=10**6, help="by chance, at most")
    parser.add_argument("--no-matrix", action="store_true", help="by chance from the beginning")
    parser.add_argument("--only", nargs="+", choices=DISTURBANCES, help="these once, and nothing by chance")
    parser.add_argument("--page", type=Path, help="write the figures of each disturbance there")
    asked = parser.parse_args()
    first, started = () if asked.no_matrix else tuple(asked.only or DISTURBANCES), time.monotonic()
    rounds = 0 if asked.only else asked.rounds
    with tempfile.TemporaryDirectory() as folder:
        campaign = run_rounds(Path(folder), seconds=asked.seconds, seed=asked.seed, rounds=rounds, first=first)
    if asked.page is not None:
        options = f"--seed {asked.seed} --seconds {asked.seconds:g} "
        took = time.monotonic() - started
        write_page(asked.page, campaign.rounds, options=options, seed=asked.seed, seconds=took)
    figures = {"lost": 0, "changed": 0, **campaign.figures, **campaign.rounds_by_name()}
    for name, count in sorted(figures.items()):
        print(f"{name}: {count}")
    for line in campaign.unexpected:
        print(f"unexpected: {line}")
    return int(bool(figures["lost"] or figures["changed"] or campaign.unexpected))


if __name__ == "__main__":
    sys.exit(main())
