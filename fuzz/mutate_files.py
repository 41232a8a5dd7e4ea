"""Mutate files of every format that prunescope reads, and count how their readers end: `nox -s fuzz`.

python fuzz/mutate_files.py [--files 2000] [--seconds 900] [--seed 0] [--only FORMAT]

Bytes are changed anywhere; and, so that the readers behind the first check are reached, values within a valid frame.
Each mutant must be read, or end in an error of prunescope, within 10 seconds, and execute nothing. The figures are
printed per format; a mutant that does otherwise is written to tests/data/fuzz/, where tests/test_fuzzed.py reads it.
"""

from __future__ import annotations

import argparse
import io
import random
import sys
import tempfile
import time
import warnings
import zipfile
from collections import Counter
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import torch
import valid_frames

from prunescope.api import Reading
from prunescope.api.errors import PrunescopeError
from prunescope.networks import checkpoints
from prunescope.networks.checkpoints.neighbours import read_arguments
from prunescope.networks.spec import ModelSpec
from prunescope.regimes import packs
from prunescope.runs import locations
from prunescope.runs.files import runfile
from prunescope.runs.recipe import Recipe
from prunescope.studies.grid import study
from prunescope.studies.phase import from_table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SECONDS = 10.0
"""Of processor time that a reader may take: other programs of the machine change nothing in a figure."""

FAILING = Path(__file__).resolve().parent.parent / "tests" / "data" / "fuzz"

EVENTS = ("os.system", "subprocess.Popen", "os.exec", "os.posix_spawn", "os.fork", "socket.connect")
"""Audit events of code that a file had executed."""

WORDS = (
    b"os:system",
    b"./mod:f",
    b"1e999",
    b"NaN",
    b"-1",
    b"9" * 40,
    b"[" * 500,
    b"\x00",
    b"\xff\xfe",
    b"{}",
    b"../..",
    b"=",
)


@cache
def network() -> torch.nn.Module:
    """Return a small network of prunescope's own."""
    import timm

    import prunescope.networks.zoo  # noqa: F401 - registers it with timm

    with torch.random.fork_rng():
        torch.manual_seed(0)
        made: torch.nn.Module = timm.create_model("preresnet8", num_classes=3, width=0.25)
    return made


def weights() -> dict[str, object]:
    """Return what a training program saves, which is read as it is."""
    settings = argparse.Namespace(
        model="preresnet8", model_kwargs={"width": 0.25}, num_classes=3, lr=0.1, epochs=9, batch_size=8, opt="sgd",
        sched="step", decay_epochs=3, mean=[0.5, 0.5, 0.5], std=[0.2, 0.2, 0.2], input_size=[3, 8, 8],
    )  # fmt: skip
    return {"state_dict": network().state_dict(), "args": settings, "epoch": 8, "arch": "preresnet8", "version": 2}


def saved(*, new: bool) -> bytes:
    """Return a checkpoint in one of the two layouts of torch.save."""
    file = io.BytesIO()
    torch.save(weights(), file, _use_new_zipfile_serialization=new)
    return file.getvalue()


def pickled() -> bytes:
    """Return the pickle within a checkpoint: a change of it in the archive would only fail its checksum."""
    with zipfile.ZipFile(io.BytesIO(saved(new=True))) as archive:
        return next(archive.read(name) for name in archive.namelist() if name.endswith("data.pkl"))


def load_pickled(path: Path) -> object:
    """Load a checkpoint whose pickle is the content of a file."""
    whole = path.with_suffix(".pt")
    with zipfile.ZipFile(io.BytesIO(saved(new=True))) as archive, zipfile.ZipFile(whole, "w") as made:
        for name in archive.namelist():
            made.writestr(name, path.read_bytes() if name.endswith("data.pkl") else archive.read(name))
    return checkpoints.load_checkpoint(whole)


def safetensors() -> bytes:
    """Return the weights of a run, as prunescope writes them."""
    spec = ModelSpec(name="preresnet8", num_classes=3, in_chans=3, image_size=(8, 8), options={"width": 0.25})
    made = checkpoints.Checkpoint(spec=spec, state=network().state_dict())
    return b"".join(map(bytes, checkpoints.to_safetensors(made)))


def result() -> bytes:
    """Return a result file."""
    recipe = Recipe(step="probe", plugin="lmc", arguments={"seed": 0})
    readings = {"lmc": {"lmc": Reading(0.5, unit="1", n=3)}}
    run = runfile.Run(recipe=recipe, created="", wall_seconds=1.0, device="", versions={}, readings=readings)
    return runfile.run_bytes(run)


STUDY = b"""[model]\nname = "preresnet8"\n[data]\nname = "digits"\n[train]\nplugin = "sgd"\nepochs = 3
[prune]\nplugin = "magnitude"\n[retrain]\nplugin = "sgd"\nepochs = 1\n[[probes]]\nplugin = "errors"
[axes]\nepochs = [1, 3]\ndensity = [0.2, 0.5]\n[seeds]\ndense = [0]\nreplicas = 2\n"""

SETTINGS = b"lr: 0.1\nepochs: 3\nmodel: resnet18\nmean: [0.5, 0.5]\n"

PACK = b"""{"kind": "KIND", "schema_version": 1, "rule": "three-regime", "options": {"lmc": -0.05},
"knobs": {"epochs": [1, 9]}, "models": ["a"], "data": ["b"], "fit": {"n": 3}}"""

TABLE = b"epochs,density,lmc\n1,0.5,-0.1\n3,0.5,0.0\n"

PLACES = b"""{"timm 0123": [{"options": {"root": "/nowhere/a", "workers": 2}, "from_study": {"root": "../a"}}]}"""


def read_settings(path: Path) -> object:
    """Read the settings beside a checkpoint."""
    return read_arguments(path.parent)


def load_places(path: Path) -> object:
    """Read where the data of a study lie."""
    return locations.read_places(path.parent)


def mutate(data: bytes, chance: random.Random) -> bytes:
    """Return the bytes with one to four changes: flips, cuts, doubled stretches, other numbers and words."""
    made = bytearray(data)
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(made) or 1)
        kind = chance.randrange(6)
        if kind == 0 and made:
            made[at] ^= 1 << chance.randrange(8)
        elif kind == 1 and made:
            made[at] = chance.randrange(256)
        elif kind == 2:
            del made[at : at + chance.randint(1, 40)]
        elif kind == 3:
            made[at:at] = made[at : at + chance.randint(1, 200)] * chance.randint(1, 5)
        elif kind == 4:
            made[at : at + chance.randint(0, 8)] = chance.choice(WORDS)
        else:
            made[at : at + 8] = chance.choice((b"\xff" * 8, bytes(8), b"\x7f" + b"\xff" * 7))
    return bytes(made)


def repacked(data: bytes, chance: random.Random) -> bytes:
    """Return a checkpoint whose archive was packed again around a changed member."""
    return valid_frames.packed_again(data, chance, mutate)


def resaved(_: bytes, chance: random.Random) -> bytes:
    """Return a checkpoint of changed content."""
    return valid_frames.saved_values(weights(), chance, new=True)


def resaved_old(_: bytes, chance: random.Random) -> bytes:
    """Return a checkpoint of changed content in the old layout."""
    return valid_frames.saved_values(weights(), chance, new=False)


Mutator = "Callable[[bytes, random.Random], bytes]"

FORMATS: dict[str, tuple[str, Callable[[], bytes], Callable[[Path], object], Mutator]] = {
    "torch.save": ("a.pt", lambda: saved(new=True), checkpoints.load_checkpoint, mutate),
    "torch.save, packed again": ("packed.pt", lambda: saved(new=True), checkpoints.load_checkpoint, repacked),
    "torch.save, values": ("values.pt", bytes, checkpoints.load_checkpoint, resaved),
    "the pickle of torch.save": ("data.pkl", pickled, load_pickled, mutate),
    "torch.save, old layout": ("a.pth", lambda: saved(new=False), checkpoints.load_checkpoint, mutate),
    "torch.save, old layout, values": ("values.pth", bytes, checkpoints.load_checkpoint, resaved_old),
    "safetensors": ("a.safetensors", safetensors, checkpoints.load_checkpoint, mutate),
    "safetensors, values": ("v.safetensors", safetensors, checkpoints.load_checkpoint, valid_frames.safetensors_values),
    "args.yaml": ("args.yaml", lambda: SETTINGS, read_settings, mutate),
    "args.yaml, values": ("args.yaml", lambda: SETTINGS, read_settings, valid_frames.yaml_values),
    "study.toml": ("study.toml", lambda: STUDY, study.load_study, mutate),
    "study.toml, values": ("study.toml", lambda: STUDY, study.load_study, valid_frames.toml_values),
    "pack.json": ("pack.json", lambda: PACK.replace(b"KIND", packs.KIND.encode()), packs.load_pack, mutate),
    "pack.json, values": (
        "pack.json",
        lambda: PACK.replace(b"KIND", packs.KIND.encode()),
        packs.load_pack,
        valid_frames.json_values,
    ),
    "table.csv": ("table.csv", lambda: TABLE, from_table.read_table, mutate),
    "table.csv, values": ("table.csv", lambda: TABLE, from_table.read_table, valid_frames.csv_cells),
    "places.json": ("places.json", lambda: PLACES, load_places, mutate),
    "places.json, values": ("places.json", lambda: PLACES, load_places, valid_frames.json_values),
    "result.h5": ("probe-0.h5", result, runfile.read_run, mutate),
    "result.h5, signed again": ("probe-1.h5", result, runfile.read_run, valid_frames.signed_values),
}
"""Name -> file name, a file that is as it should be, what reads it, and what changes it."""


def end(read: Callable[[Path], object], path: Path) -> str:
    """Return how a reader ends with a file: read, refused, slow, or the type of another error."""
    started = time.process_time()
    try:
        read(path)
        found = "read"
    except PrunescopeError:
        found = "refused"
    except Exception as error:  # noqa: BLE001 - that is what is looked for
        found = type(error).__name__
    return found if time.process_time() - started < SECONDS else "slow"


def campaign(name: str, *, files: int, seconds: float, seed: int) -> Iterator[tuple[str, bytes]]:
    """Yield how each mutant of a format ended, and the mutant; executed code is an end of its own."""
    file, make, read, change = FORMATS[name]
    chance, whole, until = random.Random(f"{seed} {name}"), make(), time.monotonic() + seconds
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, file)
        for _ in range(files):
            if time.monotonic() > until:
                return
            mutant = change(whole, chance)
            path.write_bytes(mutant)
            before = len(EXECUTED)
            found = end(read, path)
            yield ("executed" if len(EXECUTED) > before else found), mutant


EXECUTED: list[str] = []


def main() -> int:
    """Run all campaigns; 1 where a mutant ended otherwise than it must."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=2000, help="mutants of each format")
    parser.add_argument("--seconds", type=float, default=900, help="for all of them")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="", help="formats whose name contains this")
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    sys.addaudithook(lambda event, _: EXECUTED.append(event) if event in EVENTS else None)
    bad = 0
    names = [name for name in FORMATS if asked.only in name]
    for name in names:
        counts: Counter[str] = Counter()
        for found, mutant in campaign(name, files=asked.files, seconds=asked.seconds / len(names), seed=asked.seed):
            counts[found] += 1
            if found not in ("read", "refused"):
                bad += 1
                FAILING.mkdir(parents=True, exist_ok=True)
                (FAILING / f"{counts.total()}-{found}-{FORMATS[name][0]}").write_bytes(mutant)
        print(
            f"{name}: {counts.total()} files, {', '.join(f'{count} {found}' for found, count in counts.most_common())}"
        )
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main())
