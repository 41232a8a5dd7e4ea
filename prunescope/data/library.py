"""Opens both splits of a data set through timm: image folders, torchvision, Hugging Face, TensorFlow, WebDataset."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass, replace
from difflib import get_close_matches
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from timm.data.dataset_factory import create_dataset
from torch.utils.data import IterableDataset

from prunescope.api.errors import InputError, UsageError
from prunescope.api.wording import count_text
from prunescope.data import inventory
from prunescope.data.addresses import check_shards, is_address
from prunescope.data.arrays import check_first
from prunescope.data.classes import Order, listed, ordered, read_classes
from prunescope.data.decoding import ImageSource, Indexed, Sequential

if TYPE_CHECKING:
    from prunescope.data.inventory import Level

PACKAGES = {"hfds": "datasets", "hfids": "datasets", "tfds": "tensorflow_datasets", "wds": "webdataset"}
"""Library of a data set string -> the Python package it needs."""
TORCH_NAMES = (
    "cifar10",
    "cifar100",
    "mnist",
    "kmnist",
    "fashion_mnist",
    "qmnist",
    "inaturalist",
    "places365",
    "imagenet",
    "image_folder",
)
TEST_FOLDERS = ("val", "valid", "validation", "eval", "evaluation", "test", "testing")


@dataclass(frozen=True, kw_only=True)
class Where:
    """Which data set, and where it is."""

    dataset: str = ""
    source: str = ""
    """What the library opens, where `dataset` names the library alone."""
    root: str = ""
    train_split: str = "train"
    test_split: str = ""
    download: bool = False
    num_classes: int | None = None
    class_order: Order = "natural"
    """Of a folder: timm's order of the class names, or torchvision's."""
    class_level: Level = "top"
    """Of a folder: which folder names the class."""
    classes: tuple[str, ...] = ()
    """Of a folder: the classes in the order of their labels, or the file that lists them."""

    @property
    def name(self) -> str:
        """What to call it in messages and results."""
        if self.dataset.endswith("/"):
            return f"{self.dataset}{Path(self.source or self.root).name}"
        return self.dataset or self.root


@dataclass(frozen=True)
class Opened:
    """Both splits of a data set, nothing decoded yet."""

    train: ImageSource
    test: ImageSource
    num_classes: int


def located(where: Where) -> Where:
    """Return where a data set is for a process in any folder: paths absolute, and classes in place of their file.

    What lies in files is named by its library alone: the name behind wds/ says nothing, and that of a folder is where
    the data lie.
    """
    library, slash, name = where.dataset.partition("/")
    library, source = library.lower(), where.source
    if library in ("hfds", "hfids") and name and Path(name).exists():
        name, source = "", name
    elif library in ("torch", "wds"):
        name = name.lower() if library == "torch" else ""
    return replace(
        where, dataset=f"{library}{slash}{name}" if slash else where.dataset, source=_absolute(source),
        root=_absolute(where.root or default_root(where.dataset)), classes=listed(where.classes),
    )  # fmt: skip


def _absolute(path: str) -> str:
    """Return an absolute path, its links as they are; an address and an empty text as they are."""
    return os.path.abspath(path) if path and not is_address(path) else path  # noqa: PTH100 - links stay


def default_root(dataset: str) -> str:
    """Return the folder where a library looks for a data set that comes without one; empty: its own."""
    return {"torch": "data", "wds": "."}.get(dataset.partition("/")[0].lower(), "")


def open_splits(where: Where) -> Opened:
    """Open both splits; InputError or UsageError when one is missing, empty or cannot be read."""
    library = where.dataset.partition("/")[0].lower()
    if where.dataset == "":
        return _open_folders(where)
    _check_library(where, library)
    train = _open(where, where.train_split)
    tests = [where.test_split] if where.test_split else ["validation", "test"]
    if library == "torch":
        tests = tests[:1]
    test = _open_first(where, tests)
    return Opened(train, test, _count_classes(where, train))


def _open_folders(where: Where) -> Opened:
    """Open a folder of train/<class>/<image> and val/<class>/<image>."""
    (train, test), class_to_idx = _scan_folders(where)
    inventory.check_depth(train)
    outputs = where.num_classes or max(class_to_idx.values()) + 1
    if max(class_to_idx.values()) >= outputs:
        raise InputError(
            f"{where.root}: {count_text(len(class_to_idx), 'class')}, and num_classes is {outputs}",
            fix="leave out num_classes",
        )
    splits = [Indexed(name=where.name, dataset=inventory.label(found, class_to_idx)) for found in (train, test)]
    for found, split in zip((train, test), splits, strict=True):
        if len(split) == 0:
            raise InputError(
                f"{found.root} has no images of the classes {', '.join(sorted(class_to_idx)[:5])}",
                fix=f"put images in {found.root}/CLASS/IMAGE, or correct the class map",
            )
    return Opened(splits[0], splits[1], outputs)


def folder_inventory(where: Where) -> dict[str, inventory.Inventory]:
    """Return what both splits of a folder hold; {} for a data set that is no folder."""
    if where.dataset:
        return {}
    (train, test), class_to_idx = _scan_folders(where)
    return {
        "train": inventory.take_inventory(train, class_to_idx),
        "test": inventory.take_inventory(test, class_to_idx),
    }


def _scan_folders(where: Where) -> tuple[tuple[inventory.Scan, inventory.Scan], dict[str, int]]:
    """Return the images of both splits and the label of each class."""
    root = Path(where.root)
    if not where.root or not root.is_dir():
        raise InputError(f"there is no data folder {where.root!r}", fix="give the folder that holds train/ and val/")
    train = _scan_folder(_subfolder(root, (where.train_split, "train", "training")), where)
    test = _scan_folder(_subfolder(root, (where.test_split,) if where.test_split else TEST_FOLDERS), where)
    if where.classes:
        return (train, test), read_classes(where.classes)
    unknown = sorted(test.classes - train.classes)
    if unknown:
        raise InputError(
            f"{test.root}: the class {unknown[0]!r} has test images but no training images",
            fix=f"use the class folders of the training split: {', '.join(sorted(train.classes)[:10])}",
        )
    names = ordered(train.classes, where.class_order)
    return (train, test), {name: number for number, name in enumerate(names)}


def _scan_folder(folder: Path, where: Where) -> inventory.Scan:
    found = inventory.scan(folder, level=where.class_level)
    if not found.files:
        folders = any(path.is_dir() for path in folder.iterdir())
        kinds = f" (skipped: {', '.join(found.skipped)})" if found.skipped else ""
        raise InputError(
            f"{folder} has no {'images' if folders else 'class folders'}{kinds}",
            fix=f"put images in {folder}/CLASS/IMAGE",
        )
    return found


def _subfolder(root: Path, names: tuple[str, ...]) -> Path:
    """Return the first of the folders that is there, as written or else in other letters (`Train`, `TEST`)."""
    found = sorted(path.name for path in root.iterdir() if path.is_dir())
    for name in names:
        alike = [name] if name in found else [other for other in found if other.lower() == name.lower()]
        if name and len(alike) == 1:
            return root / alike[0]
    raise InputError(
        f"the data folder {root} has no {' or '.join(f'{name}/' for name in dict.fromkeys(names) if name)}; "
        f"it has: {', '.join(found[:8]) or 'no folders'}",
        fix="divide the images: ROOT/train/CLASS/IMAGE and ROOT/val/CLASS/IMAGE; or name the folders: "
        "--data ROOT:train_split=FOLDER,test_split=FOLDER",
    )


def _check_library(where: Where, library: str) -> None:
    if where.dataset.endswith("/") and not (where.source or where.root):
        raise InputError(f"no place is given for the data of {where.dataset}", fix="give where they lie: --data PATH")
    package = PACKAGES.get(library)
    if package and find_spec(package) is None:
        raise InputError(f"{where.name} requires the package {package}", fix=f"pip install {package.replace('_', '-')}")
    if library not in ("torch", *PACKAGES):
        raise UsageError(
            f"timm has no data set library {library!r} (in {where.dataset!r})",
            fix=f"begin with one of {', '.join(f'{name}/' for name in ('torch', *PACKAGES))}",
        )
    name = where.dataset.partition("/")[2].lower()
    if library == "torch" and name not in TORCH_NAMES:
        near = get_close_matches(name, TORCH_NAMES, n=3, cutoff=0.4) or TORCH_NAMES
        raise UsageError(
            f"there is no torchvision data set {name!r} that timm can open",
            fix=f"did you mean {' or '.join(f'torch/{known}' for known in near)}?",
        )


def _open_first(where: Where, splits: list[str]) -> ImageSource:
    """Open the first of the splits that exists; the error is that of the first one tried."""
    for split in splits:
        with contextlib.suppress(InputError):
            return _open(where, split)
    return _open(where, splits[0])


def _open(where: Where, split: str) -> ImageSource:
    """Open one split through timm; InputError with the message of its library."""
    root = where.root or default_root(where.dataset) or None
    if where.dataset.lower().startswith("wds/") and root and not is_address(root):
        check_shards(Path(root))
    try:
        dataset: Any = create_dataset(f"{where.dataset}{where.source}", root=root, split=split, download=where.download)
    except Exception as error:
        message = str(error).partition("\n")[0] or type(error).__name__
        raise InputError(
            f"the {split!r} split of {where.name} cannot be opened{f' in {root}' if root else ''}: {message}",
            fix="check root and the names of the splits"
            + ("" if where.download else ", or add download=true to fetch the data"),
        ) from error
    name = f"{where.name} {split}"
    source: ImageSource = (
        Sequential(name=name, dataset=dataset)
        if isinstance(dataset, IterableDataset)
        else Indexed(name=name, dataset=dataset)
    )
    if len(source) == 0:
        raise InputError(f"the {split!r} split of {where.name} has no images", fix="check root and the split's name")
    return source


def _count_classes(where: Where, train: ImageSource) -> int:
    """Count the classes by their names, or by reading all labels where no names are kept."""
    if where.num_classes is not None:
        return where.num_classes
    reader = getattr(train.dataset, "reader", None)
    names = getattr(train.dataset, "classes", None) or getattr(reader, "class_to_idx", None)
    if names:
        return len(names)
    labels = {label for _, label in train}
    highest = max(labels, default=-1)
    if highest < 0:
        raise InputError(f"{where.name} has no labels", fix="use a labelled data set")
    check_first(where.name, lowest=min(labels), highest=highest)
    return highest + 1
