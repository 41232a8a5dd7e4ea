"""What lies in a folder of images: classes, images of each, what is skipped and why, sizes and depths.

A class is a folder directly in the folder of a split; whatever lies deeper in it belongs to it (as torchvision reads
folders). `leaf` takes the innermost folder instead, as timm's reader does.
"""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
from PIL import Image

from prunescope.api.errors import InputError
from prunescope.api.regular import require_regular
from prunescope.api.wording import count_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

Level: TypeAlias = Literal["top", "leaf"]

EXTENSIONS = frozenset(
    ".bmp .gif .jfif .jp2 .jpe .jpeg .jpg .pbm .pgm .png .ppm .tga .tif .tiff .webp".split()  # noqa: SIM905
)
"""Names of files that are read as images."""

SYSTEM = frozenset({"__MACOSX", "__pycache__", "@eaDir", "Thumbs.db", "desktop.ini"})
"""What operating systems and tools leave behind."""

SAMPLE = 256
"""Images whose headers are read for sizes and depths, evenly spread."""

HALF = 0.5

HIGHEST_BIT = 1 << 15
"""Of 16."""


@dataclass(frozen=True, kw_only=True)
class Scan:
    """The images of one split."""

    root: Path
    files: tuple[tuple[str, str], ...]
    """(path, class), in the natural order of the paths."""
    skipped: Mapping[str, int] = field(default_factory=dict)
    """Why -> how many files."""
    empty: tuple[str, ...] = ()
    """Class folders without images."""

    @property
    def classes(self) -> set[str]:
        """The names of the classes that have images."""
        return {name for _, name in self.files}


def scan(root: Path, *, level: Level) -> Scan:
    """Walk through a folder of class folders; links are followed, each folder once in a class."""
    from timm.utils.misc import natural_key

    files: list[tuple[str, str]] = []
    skipped: Counter[str] = Counter()
    for path in _walk(root, set(), skipped, apart=True):
        inside = path.relative_to(root).parts[:-1]
        if path.suffix.lower() not in EXTENSIONS:
            skipped[f"no images ({path.suffix.lower() or 'no extension'})"] += 1
        elif not inside:
            skipped["images outside the class folders"] += 1
        else:
            files.append((str(path), inside[0] if level == "top" else inside[-1]))
    tops = {path.name for path in root.iterdir() if path.is_dir() and not _is_hidden(path.name)}
    used = {Path(path).relative_to(root).parts[0] for path, _ in files}
    return Scan(
        root=root,
        files=tuple(sorted(files, key=lambda file: natural_key(file[0]))),  # type: ignore[no-untyped-call]
        skipped=dict(sorted(skipped.items())),
        empty=tuple(sorted(tops - used)),
    )


def _walk(folder: Path, seen: set[str], skipped: Counter[str], *, apart: bool = False) -> Iterator[Path]:
    """Yield the files of a folder and of those in it, which `apart` may hold the same folders."""
    real = os.path.realpath(folder)
    if real in seen:
        return
    seen.add(real)
    with os.scandir(folder) as found:
        entries = sorted(found, key=lambda entry: entry.name)
    for entry in entries:
        path = folder / entry.name
        if _is_hidden(entry.name):
            skipped["hidden or left by the system"] += 1 if entry.is_symlink() else _count_files(path)
        elif _holds(entry.is_dir):
            yield from _walk(path, set(seen) if apart else seen, skipped)
        else:
            if path.suffix.lower() in EXTENSIONS and (entry.is_symlink() or not _holds(entry.is_file)):
                _require_file(path)
            yield path


def _holds(ask: Callable[[], bool]) -> bool:
    """Return what an entry of a folder is asked; False for a link in a circle."""
    try:
        return ask()
    except OSError:
        return False


def _count_files(path: Path) -> int:
    """Return the number of files in a folder, links not followed; 1 for anything else."""
    return sum(len(files) for _, _, files in os.walk(path)) or 1


def _require_file(path: Path) -> None:
    """Raise InputError for what a reader would wait for, and a link to nothing.

    That is a pipe, a device, or a link to a file of the system, which has no size and may have no end.
    """
    try:
        require_regular(path)
        if not path.stat().st_size:
            raise InputError(f"{path} links to an empty file", fix="replace it with the image itself, or remove it")
    except OSError as error:
        raise InputError(
            f"{path}: it cannot be read: {error.strerror}", fix="check the files of the data set"
        ) from error


def _is_hidden(name: str) -> bool:
    return name.startswith(".") or name in SYSTEM


@dataclass(frozen=True)
class ImageFolder:
    """The images of one split by index, with what `decoding.Indexed` asks of a data set of timm."""

    root: Path
    samples: tuple[tuple[str, int], ...]
    """(path, label)."""
    class_to_idx: Mapping[str, int]

    @property
    def reader(self) -> ImageFolder:
        """The part of it that opens files."""
        return self

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> tuple[IO[bytes], int]:
        path, label = self.samples[index]
        return Path(path).open("rb"), label

    def filename(self, index: int) -> str:
        """Return the path of an image inside the folder."""
        return os.path.relpath(self.samples[index][0], self.root)


def label(found: Scan, class_to_idx: Mapping[str, int]) -> ImageFolder:
    """Return the images of the classes that have a label."""
    samples = tuple((path, class_to_idx[name]) for path, name in found.files if name in class_to_idx)
    return ImageFolder(found.root, samples, class_to_idx)


@dataclass(frozen=True, kw_only=True)
class Headers:
    """Sizes and modes of some images, read off their headers."""

    sizes: Mapping[tuple[int, int], int]
    """(width, height) -> images."""
    modes: Mapping[str, int]

    @property
    def usual(self) -> tuple[int, int]:
        """The (width, height) of most images; where no size has half of them, the median side twice."""
        size, count = max(self.sizes.items(), key=lambda item: (item[1], item[0]))
        total = sum(self.sizes.values())
        if count >= HALF * total:
            return size
        sides = sorted(max(one) for one, times in self.sizes.items() for _ in range(times))
        return sides[total // 2], sides[total // 2]


def read_headers(paths: Sequence[str]) -> Headers:
    """Read the headers of at most SAMPLE files; those that cannot be read are left to whoever decodes them."""
    sizes: Counter[tuple[int, int]] = Counter()
    modes: Counter[str] = Counter()
    for path in _sample(paths):
        try:
            with Image.open(path) as image:
                sizes[image.size] += 1
                modes[image.mode] += 1
        except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
            continue
    return Headers(sizes=sizes, modes=modes)


def check_depth(found: Scan) -> None:
    """Raise InputError where no image of 16 bits in a sample uses the highest bit: their white is not known."""
    brightest = 0
    for path in _sample([path for path, _ in found.files]):
        try:
            with Image.open(path) as image:
                if image.mode.startswith("I"):
                    brightest = max(brightest, int(np.asarray(image).max()))
        except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
            continue
        if brightest >= HIGHEST_BIT:
            return
    if brightest:
        raise InputError(
            f"the images of 16 bits in {found.root} are no brighter than {brightest:,} of 65,535: they have "
            f"{brightest.bit_length()} bits, and scaled from 16 they would be nearly black",
            fix="convert them to 8 bits, or stretch them to all 16, as the training did",
        )


def _sample(paths: Sequence[str]) -> list[str]:
    """Return at most SAMPLE files, evenly spread."""
    step = max(1, len(paths) / SAMPLE)
    return [paths[int(place * step)] for place in range(min(SAMPLE, len(paths)))]


@dataclass(frozen=True, kw_only=True)
class Inventory:
    """What a split holds, for a person and for the record."""

    folder: str
    classes: tuple[str, ...]
    """In the order of their labels."""
    counts: tuple[int, ...]
    """Images of each."""
    skipped: Mapping[str, int]
    """Why -> how many files (or class folders) are left out."""
    sizes: tuple[tuple[int, int, int], ...]
    """(width, height, images) of a sample."""
    modes: Mapping[str, int]
    """Pillow's mode -> images of a sample."""

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self)


def take_inventory(found: Scan, class_to_idx: Mapping[str, int]) -> Inventory:
    """Return the inventory of a split."""
    counts = Counter(name for _, name in found.files)
    names = sorted(class_to_idx, key=class_to_idx.__getitem__)
    unmapped = sorted(set(counts) - set(class_to_idx))
    left_out = {f"class {name!r}, not in the class map": counts[name] for name in unmapped}
    empty = {f"class folder {name!r}, which has no images": 1 for name in found.empty}
    headers = read_headers([path for path, _ in found.files])
    return Inventory(
        folder=str(found.root),
        classes=tuple(names),
        counts=tuple(counts[name] for name in names),
        skipped={**found.skipped, **left_out, **empty},
        sizes=tuple((width, height, count) for (width, height), count in sorted(headers.sizes.items())),
        modes=dict(sorted(headers.modes.items())),
    )


def describe(inventory: Inventory, *, what: str) -> str:
    """Return one line: images, classes in order, images of each, sizes, depths, and what is skipped."""
    total, each = sum(inventory.counts), (min(inventory.counts), max(inventory.counts))
    shown = ", ".join(inventory.classes[:8]) + (", ..." if len(inventory.classes) > 8 else "")
    spread = f"{each[0]} each" if each[0] == each[1] else f"{each[0]} to {each[1]} each"
    parts = [
        f"{what}: {count_text(total, 'image')} of {count_text(len(inventory.classes), 'class')} ({shown}), {spread}",
        _sizes(inventory),
    ]
    deep = sum(count for mode, count in inventory.modes.items() if mode.startswith("I"))
    if deep:
        parts.append(f"{deep} of {sum(inventory.modes.values())} with 16 bits, scaled to 8")
    skipped = ", ".join(f"{count} {why}" for why, count in inventory.skipped.items())
    return "; ".join(parts) + (f"; skipped: {skipped}" if skipped else "")


def _sizes(inventory: Inventory) -> str:
    if not inventory.sizes:
        return "sizes unknown"
    if len(inventory.sizes) == 1:
        return "all of {}x{} pixels".format(*inventory.sizes[0])
    width, height, count = max(inventory.sizes, key=lambda size: size[2])
    total = sum(size[2] for size in inventory.sizes)
    low, high = (edge(inventory.sizes, key=lambda size: size[0] * size[1]) for edge in (min, max))
    return (
        f"mixed sizes from {low[0]}x{low[1]} to {high[0]}x{high[1]} pixels, {width}x{height} most often "
        f"({count} of {total} looked at)"
    )
