"""A study folder: `runs/<id>.h5`, one immutable file per finished step, weights beside it as safetensors.

The HDF5 file is written last and under a temporary name, synced and renamed: a run exists once it is complete, and
kill -9 at any moment loses only the step under way.
"""

from __future__ import annotations

import hashlib
import os
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from prunescope.api.errors import BUSY, BusyError, InputError, StoreError
from prunescope.api.trust import NOTHING
from prunescope.runs import recipe as recipes
from prunescope.runs.files import hdf5, runfile
from prunescope.runs.files.whole import sync_folder

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping
    from pathlib import Path

    from prunescope.api.trust import Trust
    from prunescope.networks.checkpoints import Checkpoint
    from prunescope.runs.files.runfile import Run

CHUNK = 1 << 20

CANNOT_WRITE = "cannot write"
"""How the message begins when a finished step finds no place: the steps after it would not either."""


@dataclass(frozen=True)
class Store:
    """The finished runs of one study."""

    study: Path
    trust: Trust = field(default=NOTHING, kw_only=True)
    """The code that its files may name."""

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
        return self.path(run_id).is_file()

    def ids(self) -> list[str]:
        """Return the ids of all finished runs, sorted."""
        return sorted(path.stem for path in self.runs.glob("*.h5") if not path.name.startswith("."))

    def read(self, run_id: str, *, with_mask: bool = False, only: Collection[str] | None = None) -> Run:
        """Return a finished run; InputError when there is none of that id.

        only: which readings to read, as "<probe>/<name>"; all when None.
        """
        if not self.has(run_id):
            raise InputError(
                f"there is no run {run_id} in {self.study}", fix=f"see: prunescope results list --study {self.study}"
            )
        return runfile.read(self.path(run_id), with_mask=with_mask, only=only)

    def load_weights(self, reference: str) -> Checkpoint:
        """Return the checkpoint a run (or its snapshot "<id>@<epoch>") wrote."""
        from prunescope.networks import checkpoints as checkpoint

        path = self.weights_path(reference)
        if not path.is_file():
            raise InputError(
                f"run {recipes.run_of(reference)} wrote no weights {path.name}", fix=self._weights_hint(reference)
            )
        return checkpoint.load(path, trust=self.trust)

    def resolve(self, text: str) -> str | None:
        """Return the full reference for a run id, its unique beginning, or either with "@<epoch>"; None: no run."""
        beginning, at, epoch = text.partition("@")
        if at and not epoch.isdecimal():
            return None
        found = [run_id for run_id in self.ids() if run_id.startswith(beginning)]
        if beginning in found:
            found = [beginning]
        if len(found) > 1 and "-" in beginning:
            raise InputError(
                f"{text!r} is the beginning of {len(found)} runs: {', '.join(found[:3])}", fix="give more of the id"
            )
        return f"{found[0]}{at}{epoch}" if len(found) == 1 else None

    @contextmanager
    def lock(self, run_id: str, *, wait: bool = True) -> Iterator[None]:
        """Hold a run for writing; killing the holder frees it.

        While another process holds it: wait, or raise BusyError when `wait` is False.
        """
        import filelock

        locks = self.runs / ".locks"
        _make_folder(locks)
        lock = filelock.FileLock(locks / f"{run_id}.lock")
        try:
            lock.acquire(blocking=wait)
        except filelock.Timeout as error:
            raise BusyError(f"{BUSY} {run_id}", fix="wait for it, or give another folder with --study") from error
        except OSError as error:
            raise _cannot_write(self.path(run_id), error) from error
        try:
            yield
        finally:
            lock.release()

    def is_busy(self, run_id: str) -> bool:
        """Whether a process is performing the run at this moment."""
        if not (self.runs / ".locks" / f"{run_id}.lock").exists():
            return False
        try:
            with self.lock(run_id, wait=False):
                return False
        except BusyError:
            return True

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
            if digests:
                sync_folder(self.runs)  # the weights' names last before the result's, which says that they are there
            with _whole(self.path(run.id)) as temporary:
                runfile.write(temporary, replace(run, weights=digests))
            sync_folder(self.runs)
        except OSError as error:
            raise _cannot_write(self.path(run.id), error) from error
        return run.id

    def note_progress(self, run_id: str, fraction: float) -> None:
        """Say how far a step under way is; any process may ask with `progress`. A full disk goes without."""
        with suppress(OSError):
            self._progress_path(run_id).write_text(f"{fraction:.4f}")

    def progress(self, run_id: str) -> float:
        """Return how far a step is, in [0, 1]: 1 when finished, 0 where nothing is known."""
        if self.has(run_id):
            return 1.0
        try:
            return float(self._progress_path(run_id).read_text() or 0)
        except (OSError, ValueError):
            return 0.0

    def forget_progress(self, run_id: str) -> None:
        """Remove the progress note of a finished step."""
        self._progress_path(run_id).unlink(missing_ok=True)

    def check(self) -> list[tuple[str, str]]:
        """Return (file, what is wrong) for every damaged file of the study; empty when all is well."""
        return [problem for run_id in self.ids() for problem in self._check_run(run_id)]

    def leftovers(self) -> list[Path]:
        """Return what interrupted runs left: temporary files and weights without a result; safe to delete."""
        finished = set(self.ids())
        weights = self.runs.glob("*.safetensors")
        return sorted(
            [path for path in self.runs.glob(".*.tmp*") if path.is_file()]
            + [path for path in weights if recipes.run_of(path.stem) not in finished]
        )

    def export(self, target: Path) -> int:
        """Copy every run into one HDF5 file, each as the group `<id>`; return how many. Weights stay behind."""
        import h5py

        ids = self.ids()
        with _whole(target) as temporary, h5py.File(temporary, "w", libver=hdf5.LIBRARY) as out:
            out.attrs["schema"] = runfile.SCHEMA
            for run_id in ids:
                with h5py.File(self.path(run_id), "r") as source:
                    source.copy(source["/"], out, name=run_id)
        sync_folder(target.parent)
        return len(ids)

    def _progress_path(self, run_id: str) -> Path:
        return self.runs / ".locks" / f"{run_id}.progress"

    def _check_run(self, run_id: str) -> list[tuple[str, str]]:
        problem = runfile.check(self.path(run_id))
        if problem:
            return [(self.path(run_id).name, problem)]
        found = []
        for name, digest in sorted(runfile.read(self.path(run_id)).weights.items()):
            path = self.runs / name
            if not path.is_file():
                found.append((name, "it is missing"))
            elif _sha256(path) != digest:
                found.append((name, "its bytes do not match the digest in the result file"))
        return found

    def _weights_hint(self, reference: str) -> str:
        run_id = recipes.run_of(reference)
        names = [name.removesuffix(".safetensors") for name in runfile.read(self.path(run_id)).weights]
        return f"it wrote: {', '.join(sorted(names)) or 'none'}"


def _write_weights(path: Path, checkpoint: Checkpoint) -> str:
    """Return the sha256 of the bytes: with it in the result file, nothing needs to be read back."""
    from prunescope.networks import checkpoints

    data, digest = checkpoints.to_safetensors(checkpoint), hashlib.sha256()
    with _whole(path) as temporary, temporary.open("wb") as file:
        for part in data:
            file.write(part)
            digest.update(part)
    return digest.hexdigest()


@contextmanager
def _whole(path: Path) -> Iterator[Path]:
    """Let a file be written under another name, then sync and rename it: it is there whole, or not at all."""
    temporary = _temporary(path)
    try:
        yield temporary
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _temporary(path: Path) -> Path:
    return path.with_name(f".{path.name}.{os.getpid()}.tmp")


def _make_folder(path: Path) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _cannot_write(path, error) from error


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
