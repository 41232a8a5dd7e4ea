"""A study folder: `runs/<id>.h5`, one immutable file per finished step, weights beside it as safetensors.

The HDF5 file is written last and under a temporary name, synced and renamed: a run exists once it is complete, and
kill -9 at any moment loses only the step under way.
"""

from __future__ import annotations

import hashlib
import io
import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from prunescope.api.errors import REPAIR, InputError, StoreError
from prunescope.api.progress import report_progress
from prunescope.api.regular import read_regular_text, require_regular
from prunescope.api.trust import NOTHING
from prunescope.api.wording import count_text
from prunescope.runs import recipe as recipes
from prunescope.runs.files import hdf5, opening, runfile
from prunescope.runs.files.contents import read_contents
from prunescope.runs.files.locks import has_locks, hold_lock, is_held
from prunescope.runs.files.whole import list_folder, make_folder, sync_folder, temporary_name, whole_file

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping
    from pathlib import Path

    from prunescope.api.trust import Trust
    from prunescope.networks.checkpoints import Checkpoint
    from prunescope.runs.files.contents import Contents
    from prunescope.runs.files.runfile import Run
    from prunescope.runs.recipe import Recipe

CHUNK = 1 << 20

MOST_NAMED = 5
"""Runs that an error names, of those that a beginning fits."""

CANNOT_WRITE = "cannot write"
"""How the message begins when a finished step finds no place: the steps after it would not either."""


@dataclass(frozen=True)
class Store:
    """The finished runs of one study."""

    study: Path
    trust: Trust = field(default=NOTHING, kw_only=True)
    """The code that its files may name."""
    linked: bool = field(default=False, kw_only=True)
    """Whether its files are links to those of another study: that of a dry run, which writes elsewhere."""
    without: frozenset[str] = field(default=frozenset(), kw_only=True)
    """Ids of damaged runs, which count as not there."""

    @property
    def runs(self) -> Path:
        """The folder of the result files."""
        return self.study / "runs"

    def path(self, run_id: str) -> Path:
        """Return where the HDF5 file of a run is, or will be."""
        return self.runs / f"{run_id}.h5"

    def weights_path(self, reference: str) -> Path:
        """Return where the weights of a run, or of its snapshot "<id>@<epoch>", are or will be."""
        return self.runs / f"{reference}.safetensors"

    def has(self, run_id: str) -> bool:
        """Whether the run is finished."""
        return run_id not in self.without and self.path(run_id).is_file()

    def ids(self) -> list[str]:
        """Return the ids of all finished runs, sorted."""
        names = (name for name in list_folder(self.runs) if not name.startswith("."))
        found = (name.removesuffix(".h5") for name in names if name.endswith(".h5"))
        return sorted(run_id for run_id in found if run_id not in self.without)

    def unfinished(self, steps: Iterable[Recipe]) -> list[Recipe]:
        """Return the steps that are not finished yet, each once, in the order given."""
        once, finished = {step.id: step for step in steps}, set(self.ids())
        return [step for run_id, step in once.items() if run_id not in finished]

    def read(self, run_id: str, *, with_mask: bool = False, only: Collection[str] | None = None) -> Run:
        """Return a finished run; InputError when there is none of that id.

        only: which readings to read, as "<probe>/<name>"; all when None.
        """
        path = self.path(run_id)
        if not os.path.lexists(path):
            raise InputError(
                f"there is no run {run_id} in {self.study}", fix=f"see: prunescope results list --study {self.study}"
            )
        run = runfile.read_run(path, with_mask=with_mask, only=only, follow=self.linked)
        if run.id != run_id:
            raise runfile.unreadable(path, ValueError(f"it is the result of {run.id}"))
        return run

    def check_result(self, run_id: str) -> None:
        """Raise what `read` raises for a result that is not as it was written: a look at its bytes, and no more."""
        path = self.path(run_id)
        try:
            opening.check_bytes(path, run_id=run_id, follow=self.linked)
        except (OSError, ValueError) as error:
            raise runfile.unreadable(path, error) from error

    def contents(self, run_ids: Collection[str]) -> Contents:
        """Read results, those that are there, and verify their bytes."""
        names = frozenset(list_folder(self.runs))
        there = [run_id for run_id in dict.fromkeys(run_ids) if f"{run_id}.h5" in names and run_id not in self.without]
        return read_contents(self.runs, there, follow=self.linked)

    def incomplete(self, run_ids: Collection[str]) -> dict[str, str]:
        """Return what those of these runs lack that are there: their result, whole, or weights."""
        found = self.contents(run_ids)
        names = frozenset(list_folder(self.runs))
        lacking = {
            run_id: f"its weights {name} are missing"
            for run_id in found.lines
            for name in found.weights(run_id)
            if name not in names or not (self.runs / name).is_file()
        }
        return lacking | {run_id: error.message for run_id, error in found.problems.items()}

    def load_weights(self, reference: str) -> Checkpoint:
        """Return the checkpoint a run (or its snapshot "<id>@<epoch>") wrote."""
        from prunescope.networks import checkpoints as checkpoint

        path, digests = self.weights_path(reference), self.read(recipes.run_of(reference), only=()).weights
        if path.name not in digests:
            raise InputError(
                f"run {recipes.run_of(reference)} wrote no weights {path.name}",
                fix=f"it wrote: {', '.join(sorted(name.removesuffix('.safetensors') for name in digests)) or 'none'}",
            )
        try:
            require_regular(path, follow=self.linked)
        except OSError as error:
            raise _damaged(path, f"they cannot be read: {error.strerror or error}") from error
        found = checkpoint.load_checkpoint(path, trust=self.trust)
        if found.sha256 != digests[path.name]:
            raise _damaged(path, "their bytes do not match the digest in the result file")
        return found

    def resolve(self, text: str) -> str | None:
        """Return the full reference for a run id, its unique beginning, or either with "@<epoch>"; None: no run.

        Raises InputError, which names them, where several runs begin so.
        """
        beginning, at, epoch = text.partition("@")
        if at and not epoch.isdecimal():
            return None
        found = [run_id for run_id in self.ids() if run_id.startswith(beginning)]
        if beginning in found:
            found = [beginning]
        if len(found) > 1 and beginning:
            shown = ", ".join([*found[:MOST_NAMED], *(["..."] if len(found) > MOST_NAMED else [])])
            raise InputError(
                f"{text!r} is the beginning of {count_text(len(found), 'run')}: {shown}", fix="give more of the id"
            )
        return f"{found[0]}{at}{epoch}" if len(found) == 1 else None

    @contextmanager
    def lock(self, run_id: str, *, wait: bool = True) -> Iterator[None]:
        """Hold a run for writing; killing the holder frees it.

        While another process holds it: wait, or raise BusyError when `wait` is False.
        """
        _make_folder(self._own_locks())
        with ExitStack() as stack:
            try:
                stack.enter_context(hold_lock(self._locks / f"{run_id}.lock", wait=wait))
            except OSError as error:
                raise _cannot_write(self.path(run_id), error) from error
            yield

    def is_busy(self, run_id: str) -> bool:
        """Whether a process is performing the run at this moment."""
        try:
            return is_held(self._locks / f"{run_id}.lock")
        except OSError as error:
            raise _cannot_write(self.path(run_id), error) from error

    def has_locks(self) -> bool:
        """Whether the file system of the study has locks; files are used instead where it has none."""
        _make_folder(self._own_locks())
        try:
            return has_locks(self._locks)
        except OSError as error:
            raise _cannot_write(self._locks, error) from error

    def write(self, run: Run, weights: Mapping[int | None, Checkpoint] | None = None) -> str:
        """Write a finished run and its weights (by epoch of the snapshot; None: the end); return its id.

        Raises StoreError when the disk is full or not writable; nothing half-written stays.
        """
        _make_folder(self.runs)
        try:
            digests = {}
            for epoch, checkpoint in (weights or {}).items():
                path = self.weights_path(run.id if epoch is None else f"{run.id}@{epoch}")
                digests[path.name] = _write_weights(path, checkpoint)
            # the weights' names last before the result's, which means that they are there
            with whole_file(self.path(run.id), check=lambda path: _read_back(path, run)) as file:
                file.write(runfile.run_bytes(replace(run, weights=digests)))
        except OSError as error:
            raise _cannot_write(self.path(run.id), error) from error
        return run.id

    def note_progress(self, run_id: str, fraction: float) -> None:
        """Say how far a step under way is; any process may ask with `progress`. A full disk goes without."""
        report_progress(run_id, fraction)
        path = self._progress_path(run_id)
        with suppress(OSError):
            make_folder(path.parent)
            temporary = path.with_name(temporary_name())
            try:
                temporary.write_text(f"{fraction:.4f}")
                temporary.replace(path)
            finally:
                temporary.unlink(missing_ok=True)

    def progress(self, run_id: str) -> float:
        """Return how far a step is, in [0, 1]: 1 when finished, 0 where nothing is known."""
        if self.has(run_id):
            return 1.0
        try:
            return float(read_regular_text(self._progress_path(run_id)) or 0)
        except (OSError, ValueError, InputError):
            return 0.0

    def state_path(self, name: str) -> Path:
        """Return where the state of a training under way is or will be; name: its run, or the group of several."""
        return self.runs / ".partial" / f"{name}.state"

    def forget_progress(self, run_id: str) -> None:
        """Remove the progress note of a finished step."""
        self._progress_path(run_id).unlink(missing_ok=True)

    def sound(self) -> tuple[Store, list[str]]:
        """Return the study without the results that cannot be read, and what is wrong with each of those."""
        ids = self.ids()
        problems = {
            run_id: f"it cannot be read: {error.message}" for run_id, error in self.contents(ids).problems.items()
        }
        if not problems:  # their bytes are as they were written: what was written is looked at, which takes longer
            problems = {run_id: problem for run_id in ids if (problem := runfile.check_run_file(self.path(run_id)))}
        named = [f"{self.path(run_id)} is damaged: {problem}" for run_id, problem in problems.items()]
        return replace(self, without=self.without | frozenset(problems)), named

    def damaged(self, run_ids: Collection[str]) -> dict[str, str]:
        """Return what is wrong with those of these runs that are there, and are not as they were written."""
        found = self.contents(run_ids)
        weights = [(run_id, *pair) for run_id in found.lines for pair in sorted(found.weights(run_id).items())]
        with ThreadPoolExecutor() as pool:  # digests are computed side by side
            problems = pool.map(self._check_weights, *zip(*weights, strict=True)) if weights else ()
            wrong = [
                (run_id, f"{self.runs / name}: {problem}")
                for (run_id, name, _), problem in zip(weights, problems, strict=True)
                if problem
            ]
        named = dict(reversed(wrong))  # the first of each
        return {run_id: error.message for run_id, error in found.problems.items()} | named

    def set_aside(self, run_id: str) -> None:
        """Move the files of a damaged run to the folder `damaged` of the study: its step counts as not performed."""
        aside = self.study / "damaged"
        try:
            make_folder(aside)
            for path in [self.path(run_id), *self.runs.glob(f"{run_id}*.safetensors")]:
                if os.path.lexists(path):
                    path.replace(aside / path.name)
            sync_folder(self.runs)
            sync_folder(aside)
        except OSError as error:
            raise _cannot_write(aside, error) from error

    def check(self) -> list[tuple[str, str]]:
        """Return (file, what is wrong) for every damaged file of the study; empty when all is well."""
        return [problem for run_id in self.ids() for problem in self._check_run(run_id)]

    def leftovers(self) -> list[Path]:
        """Return what interrupted runs left: temporary files, states of trainings, and weights without a result.

        They are safe to delete: a training whose state is deleted begins at its beginning.
        """
        finished = set(self.ids())
        weights = self.runs.glob("*.safetensors")
        return sorted(
            [path for path in (*self.runs.glob(".*.tmp*"), *self.runs.glob(".partial/*")) if path.is_file()]
            + [path for path in weights if recipes.run_of(path.stem) not in finished]
        )

    def export(self, target: Path) -> int:
        """Copy every run into one HDF5 file, each as the group `<id>`; return how many. Weights stay behind."""
        import h5py

        made, ids = io.BytesIO(), self.ids()
        with h5py.File(made, "w", libver=hdf5.LIBRARY) as out:
            out.attrs["schema"] = runfile.SCHEMA
            for run_id in ids:
                self.read(run_id, only=())
                with opening.open_checked(self.path(run_id), follow=self.linked) as source:
                    source.copy(source["/"], out, name=run_id)
        try:
            with whole_file(target) as file:
                file.write(made.getbuffer())
        except OSError as error:
            raise _cannot_write(target, error) from error
        return len(ids)

    def _progress_path(self, run_id: str) -> Path:
        return self._locks / f"{run_id}.progress"

    @property
    def _locks(self) -> Path:
        return self.runs / ".locks"

    def _own_locks(self) -> Path:
        """Return the folder of locks; StoreError where a link leads out of the study, in which files would be made."""
        if self._locks.is_symlink():
            raise StoreError(f"{self._locks} is a link, not the folder of the study's locks", fix="remove it")
        return self._locks

    def _check_run(self, run_id: str) -> list[tuple[str, str]]:
        problem = runfile.check_run_file(self.path(run_id))
        if problem:
            return [(self.path(run_id).name, problem)]
        found = []
        for name, digest in sorted(runfile.read_run(self.path(run_id)).weights.items()):
            problem = self._check_weights(run_id, name, digest)
            if problem:
                found.append((name, problem))
        return found

    def _check_weights(self, run_id: str, name: str, digest: str) -> str:
        """Return what is wrong with a file of weights; empty when nothing is."""
        path = self.runs / name
        if path.name != name or recipes.run_of(path.stem) != run_id:
            return "the result file names weights that are not its own"
        try:
            require_regular(path, follow=self.linked)
            return "" if _sha256(path) == digest else "its bytes do not match the digest in the result file"
        except FileNotFoundError:
            return "it is missing"
        except (OSError, InputError) as error:
            return f"it cannot be read: {error}"


def _write_weights(path: Path, checkpoint: Checkpoint) -> str:
    """Return the sha256 of the bytes: with it in the result file, nothing needs to be read back."""
    from prunescope.networks import checkpoints

    data, digest = checkpoints.to_safetensors(checkpoint), hashlib.sha256()
    with whole_file(path) as file:
        for part in data:
            file.write(part)
            digest.update(part)
    return digest.hexdigest()


def _read_back(path: Path, run: Run) -> None:
    """Raise StoreError unless a result that was written reads back: its bytes against their digest, then its values."""
    again = runfile.read_run(path, with_mask=True)
    if again.recipe.id != run.id or {k: set(v) for k, v in again.readings.items()} != {
        k: set(v) for k, v in run.readings.items()
    }:
        raise runfile.unreadable(path, ValueError("it is read back with other content"))


def _make_folder(path: Path) -> None:
    try:
        make_folder(path)
    except OSError as error:
        raise _cannot_write(path, error) from error


def _damaged(path: Path, what: str) -> StoreError:
    return StoreError(f"the weights {path} are damaged: {what}", fix=REPAIR)


def _cannot_write(path: Path, error: OSError) -> StoreError:
    return StoreError(
        f"{CANNOT_WRITE} {path}: {error.strerror or error}",
        fix="choose another folder with --study, or free some space if the disk is full; then run this again",
    )


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
