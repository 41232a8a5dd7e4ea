"""The formats: a file that is as it should be, what changes it, the reader, and the command that uses it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import samples
import valid_frames
from changed_bytes import mutate
from pickle_opcodes import five_pickles, pickle_values, repeated_values

from prunescope.data.array_file import read_arrays
from prunescope.data.classes import read_classes
from prunescope.networks import checkpoints
from prunescope.networks.checkpoints.neighbours import read_arguments, read_preprocessor, summary_notes
from prunescope.regimes import packs
from prunescope.runs import locations
from prunescope.runs.files import midstep, runfile
from prunescope.studies.difference import sides
from prunescope.studies.grid import study

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Mapping
    from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Format:
    """One kind of file, and one way to change it."""

    file: str
    """Its name in the folder of the command."""
    make: Callable[[], bytes]
    """Returns a file that is as it should be."""
    read: Callable[[Path], object]
    """The reader."""
    change: Callable[[bytes, random.Random], bytes]
    """Returns a mutant of the file."""
    words: tuple[str, ...] = ()
    """Of the command that reads the file, its folder being the current one."""
    beside: Mapping[str, Callable[[], bytes]] = field(default_factory=dict)
    """Other files that the command needs."""


NETWORK = ("--data", samples.DATA, "--dry-run", "--density", "none")


def diagnosing(file: str) -> tuple[str, ...]:
    """Return the words that diagnose a checkpoint, up to the first step."""
    return ("diagnose", file, *NETWORK)


def _repacked(data: bytes, chance: random.Random) -> bytes:
    return valid_frames.packed_again(data, chance, mutate)


def _resaved(new: bool) -> Callable[[bytes, random.Random], bytes]:  # noqa: FBT001 - one of two layouts
    return lambda _, chance: valid_frames.saved_values(samples.weights(), chance, new=new)


def _in_archive(data: bytes, chance: random.Random) -> bytes:
    return samples.with_pickle(data, lambda pickle: mutate(pickle, chance))


def _in_pickle(data: bytes, chance: random.Random) -> bytes:
    return samples.with_pickle(data, lambda pickle: pickle_values(pickle, chance))


def _repeated(data: bytes, chance: random.Random) -> bytes:
    return samples.with_pickle(data, lambda pickle: repeated_values(pickle, chance))


def _checkpoint(
    file: str, make: Callable[[], bytes], change: Callable[[bytes, random.Random], bytes], **beside: Callable[[], bytes]
) -> Format:
    named = {name.replace("__", "."): made for name, made in beside.items()}
    return Format(
        file=file, make=make, read=checkpoints.load_checkpoint, change=change, words=diagnosing(file), beside=named
    )


def _folder(file: str, make: Callable[[], bytes], weights: str, held: Callable[[], bytes]) -> Format:
    """Return the format of a file that describes the weights beside it."""
    return Format(
        file=file, make=make, read=lambda path: checkpoints.load_checkpoint(path.parent),
        change=valid_frames.json_values, words=diagnosing("."), beside={weights: held},
    )  # fmt: skip


def _neighbour(
    file: str,
    make: Callable[[], bytes],
    read: Callable[[Path], object],
    change: Callable[[bytes, random.Random], bytes],
) -> Format:
    """Return the format of a file that is read because it lies beside a checkpoint."""
    return Format(
        file=file, make=make, read=lambda path: read(path.parent), change=change, words=diagnosing("a.pt"),
        beside={"a.pt": samples.bare},
    )  # fmt: skip


RESULT = f"study/runs/{samples.RECIPE.id}.h5"

DIFFERENCE = ("diff", "diagnosis.json", "other.json")


def _study(change: Callable[[bytes, random.Random], bytes]) -> Format:
    return Format(
        file="study.toml", make=lambda: samples.STUDY, read=study.load_study, change=change,
        words=("sweep", "study.toml", "--dry-run", "--study", "made"),
    )  # fmt: skip


def _pack(change: Callable[[bytes, random.Random], bytes]) -> Format:
    return Format(
        file="pack.json", make=samples.pack, read=packs.load_pack, change=change,
        words=("diagnose", "a.pt", *NETWORK, "--rules", "pack.json"), beside={"a.pt": lambda: samples.saved(new=True)},
    )  # fmt: skip


def _table(change: Callable[[bytes, random.Random], bytes]) -> Format:
    from prunescope.studies.phase import from_table

    return Format(
        file="table.csv", make=lambda: samples.TABLE, read=from_table.read_table, change=change,
        words=("report", "table.csv"),
    )  # fmt: skip


def _places(change: Callable[[bytes, random.Random], bytes]) -> Format:
    return Format(
        file="prunescope-study/places.json", make=lambda: samples.PLACES,
        read=lambda path: locations.read_places(path.parent), change=change, words=diagnosing("a.pt"),
        beside={"a.pt": lambda: samples.saved(new=True)},
    )  # fmt: skip


def _result(change: Callable[[bytes, random.Random], bytes], *words: str) -> Format:
    return Format(
        file=RESULT, make=samples.result, read=runfile.read_run, change=change,
        words=("results", *words, "--study", "study"),
    )  # fmt: skip


def _read_state(path: Path) -> object:
    return midstep.read_state(path, about={})


def _read_side(path: Path) -> object:
    return sides.read_side(str(path), None)  # type: ignore[arg-type] - a file needs no session


FORMATS: dict[str, Format] = {
    "torch.save": _checkpoint("a.pt", lambda: samples.saved(new=True), mutate),
    "torch.save, packed again": _checkpoint("packed.pt", lambda: samples.saved(new=True), _repacked),
    "torch.save, values": _checkpoint("values.pt", bytes, _resaved(new=True)),
    "pickle in torch.save": _checkpoint("pickled.pt", lambda: samples.saved(new=True), _in_archive),
    "pickle in torch.save, values": _checkpoint("opcodes.pt", lambda: samples.saved(new=True), _in_pickle),
    "pickle in torch.save, repeated": _checkpoint("repeated.pt", lambda: samples.saved(new=True), _repeated),
    "torch.save, old layout, opcodes": _checkpoint("opcodes.pth", lambda: samples.saved(new=False), five_pickles),
    "torch.save, old layout": _checkpoint("a.pth", lambda: samples.saved(new=False), mutate),
    "torch.save, old layout, values": _checkpoint("values.pth", bytes, _resaved(new=False)),
    "safetensors": _checkpoint("a.safetensors", samples.safetensors, mutate),
    "safetensors, values": _checkpoint("v.safetensors", samples.safetensors, valid_frames.safetensors_values),
    "safetensors, own facts": _checkpoint("own.safetensors", samples.safetensors, valid_frames.safetensors_facts),
    "config.json, values": _folder(
        "config.json", lambda: samples.CONFIG, "model.safetensors", samples.foreign_safetensors
    ),
    "index of shards, values": _folder(
        "model.safetensors.index.json", lambda: samples.INDEX, "part-1.safetensors", samples.foreign_safetensors
    ),
    "preprocessor_config.json, values": _neighbour(
        "preprocessor_config.json", lambda: samples.PREPROCESSOR, read_preprocessor, valid_frames.json_values
    ),
    "args.yaml": _neighbour("args.yaml", lambda: samples.SETTINGS, read_arguments, mutate),
    "args.yaml, values": _neighbour("args.yaml", lambda: samples.SETTINGS, read_arguments, valid_frames.yaml_values),
    "summary.csv, values": _neighbour(
        "summary.csv", lambda: samples.SUMMARY, lambda folder: summary_notes(folder, 2), valid_frames.csv_cells
    ),
    "study.toml": _study(mutate),
    "study.toml, values": _study(valid_frames.toml_values),
    "pack.json": _pack(mutate),
    "pack.json, values": _pack(valid_frames.json_values),
    "table.csv": _table(mutate),
    "table.csv, values": _table(valid_frames.csv_cells),
    "places.json": _places(mutate),
    "places.json, values": _places(valid_frames.json_values),
    "result.h5": _result(mutate, "check"),
    "result.h5, signed again": _result(valid_frames.signed_values, "show", samples.RECIPE.id),
    "state of a training, signed again": Format(
        file=f"{samples.STATE}.state", make=samples.state, read=_read_state, change=valid_frames.state_values
    ),
    "diagnosis.json, values": Format(
        file="diagnosis.json", make=lambda: samples.DIAGNOSIS, read=_read_side, change=valid_frames.json_values,
        words=DIFFERENCE, beside={"other.json": lambda: samples.DIAGNOSIS},
    ),
    "arrays.npz": Format(
        file="arrays.npz", make=samples.arrays, read=lambda path: read_arrays(str(path), least=10), change=mutate,
        words=(*diagnosing("a.pt")[:2], "--data", "arrays:file=arrays.npz,train_images=20,test_images=20",
               *NETWORK[2:]), beside={"a.pt": lambda: samples.saved(new=True)},
    ),
    "arrays.npz, packed again": Format(
        file="arrays.npz", make=samples.arrays, read=lambda path: read_arrays(str(path), least=10), change=_repacked,
        words=(*diagnosing("a.pt")[:2], "--data", "arrays:file=arrays.npz,train_images=20,test_images=20",
               *NETWORK[2:]), beside={"a.pt": lambda: samples.saved(new=True)},
    ),
    "classes.json, values": Format(
        file="classes.json", make=lambda: samples.CLASS_MAP, read=lambda path: read_classes([str(path)]),
        change=valid_frames.json_values,
    ),
}  # fmt: skip
"""Every format by name."""
