"""A folder of the study that the driver and its pilots share: what is to be done, and how it ended.

The plan is a pickle: only pilots of this run read it, from a folder with a random name that no other user can enter.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import pickle
import secrets
import shutil
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from prunescope.api import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from prunescope.api import Job


NO_LOCKS = (errno.ENOSYS, errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EINVAL)
"""What a file system without locks answers."""


@dataclass(frozen=True)
class Board:
    """The folder of one run."""

    folder: Path

    @property
    def logs(self) -> Path:
        """Where the output of the pilots goes."""
        return self.folder / "logs"

    def read_plan(self) -> tuple[Sequence[Job], Callable[[Job], None]]:
        """Return the jobs and what performs them."""
        plan: tuple[Sequence[Job], Callable[[Job], None]] = pickle.loads(  # noqa: S301 - see above
            (self.folder / "plan.pkl").read_bytes()
        )
        return plan

    def note(self, outcome: Outcome) -> None:
        """Note how a job ended: the file is there whole or not at all."""
        temporary = self._outcomes / f".{secrets.token_hex(8)}"
        temporary.write_text(json.dumps(asdict(outcome)), encoding="utf-8")
        temporary.replace(self._outcomes / f"{outcome.id}.json")

    def new_outcomes(self, known: Collection[str]) -> list[Outcome]:
        """Return the outcomes of jobs that are not known yet, the oldest first."""
        names = [name for name in os.listdir(self._outcomes) if name.endswith(".json")]  # noqa: PTH208 - names alone
        paths = [self._outcomes / name for name in names if name.removesuffix(".json") not in known]
        paths.sort(key=lambda path: (path.stat().st_mtime_ns, path.name))
        return [Outcome(**json.loads(path.read_text(encoding="utf-8"))) for path in paths]

    def claim(self, name: str) -> int | None:
        """Return a descriptor that holds a job until it is closed, or this process ends; None: it is not to be had.

        Where the file system has no locks, nothing is held: the core's own leases keep two from performing a step.
        """
        descriptor = os.open(self.folder / "claims" / name, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return None
        except OSError as error:
            if error.errno not in NO_LOCKS:
                raise
        if (self._outcomes / f"{name}.json").exists():
            os.close(descriptor)
            return None
        return descriptor

    def close(self) -> None:
        """Let pilots end once they look: nobody waits for what they do."""
        (self.folder / "closed").touch()

    @property
    def is_closed(self) -> bool:
        """Whether the pilots are to end."""
        return not self.folder.is_dir() or (self.folder / "closed").exists()

    def remove(self) -> None:
        """Remove the folder; what a pilot still writes there is left."""
        with suppress(OSError):
            shutil.rmtree(self.folder)

    @property
    def _outcomes(self) -> Path:
        return self.folder / "outcomes"


def make_board(jobs: Sequence[Job], perform: Callable[[Job], None]) -> Board:
    """Make the folder of a run in the study's, and write its plan."""
    study = Path(jobs[0].study)
    study.mkdir(parents=True, exist_ok=True)
    board = Board(study / f".slurm-{secrets.token_hex(8)}")
    board.folder.mkdir(mode=0o700)
    (board.folder / "outcomes").mkdir()
    (board.folder / "claims").mkdir()
    board.logs.mkdir()
    (board.folder / "plan.pkl").write_bytes(pickle.dumps((list(jobs), perform)))
    return board
