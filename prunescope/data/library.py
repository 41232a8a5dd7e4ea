"""Opens both splits of a data set through timm: image folders, torchvision, Hugging Face, TensorFlow, WebDataset."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from difflib import get_close_matches
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from timm.data.dataset_factory import create_dataset
from torch.utils.data import IterableDataset

from prunescope.api.errors import InputError, UsageError
from prunescope.data.decoding import Indexed, Sequential, Source

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
TEST_FOLDERS = ("val", "valid", "validation", "eval", "evaluation", "test")


@dataclass(frozen=True, kw_only=True)
class Where:
    """Which data set, and where it is."""

    dataset: str = ""
    root: str = ""
    train_split: str = "train"
    test_split: str = ""
    download: bool = False
    num_classes: int | None = None

    @property
    def name(self) -> str:
        """What to call it in messages and results."""
        return self.dataset or self.root


@dataclass(frozen=True)
class Opened:
    """Both splits of a data set, nothing decoded yet."""

    train: Source
    test: Source
    num_classes: int


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
    root = Path(where.root)
    if not where.root or not root.is_dir():
        raise InputError(
            f"the data folder {where.root!r} is not there", fix="give the folder that holds train/ and val/"
        )
    train = _open_folder(where, _subfolder(root, (where.train_split, "train", "training")), None)
    wanted = (where.test_split,) if where.test_split else TEST_FOLDERS
    test_root = _subfolder(root, wanted)
    classes: dict[str, int] = train.dataset.reader.class_to_idx
    strangers = sorted(set(_open_folder(where, test_root, None).dataset.reader.class_to_idx) - set(classes))
    if strangers:
        raise InputError(
            f"{test_root}: the class {strangers[0]!r} has test images but no training images",
            fix=f"use the class folders of the training split: {', '.join(sorted(classes)[:10])}",
        )
    return Opened(train, _open_folder(where, test_root, classes), len(classes))


def _subfolder(root: Path, names: tuple[str, ...]) -> Path:
    for name in names:
        if name and (root / name).is_dir():
            return root / name
    found = sorted(path.name for path in root.iterdir() if path.is_dir())
    raise InputError(
        f"the data folder {root} has no {' or '.join(f'{name}/' for name in dict.fromkeys(names) if name)}; "
        f"it has: {', '.join(found[:8]) or 'no folders'}",
        fix="divide the images: ROOT/train/CLASS/IMAGE and ROOT/val/CLASS/IMAGE",
    )


def _open_folder(where: Where, folder: Path, classes: dict[str, int] | None) -> Indexed:
    loose = sorted(path.name for path in folder.iterdir() if path.is_dir())
    if not loose:
        raise InputError(f"{folder} has no class folders", fix=f"put images in {folder}/CLASS/IMAGE")
    try:
        dataset = create_dataset("", root=str(folder), search_split=False, class_map=classes or {})
    except RuntimeError as error:
        raise InputError(f"{folder} has no images", fix=f"put images in {folder}/CLASS/IMAGE") from error
    return Indexed(name=where.name, dataset=dataset)


def _check_library(where: Where, library: str) -> None:
    package = PACKAGES.get(library)
    if package and find_spec(package) is None:
        raise InputError(f"{where.dataset} needs the package {package}", fix=f"pip install {package.replace('_', '-')}")
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


def _open_first(where: Where, splits: list[str]) -> Source:
    """Open the first of the splits that exists; the error is that of the first one tried."""
    for split in splits:
        with contextlib.suppress(InputError):
            return _open(where, split)
    return _open(where, splits[0])


def _open(where: Where, split: str) -> Source:
    """Open one split through timm; InputError with what its library said."""
    root = where.root or ("data" if where.dataset.lower().startswith("torch/") else None)
    try:
        dataset: Any = create_dataset(where.dataset, root=root, split=split, download=where.download)
    except Exception as error:
        said = str(error).partition("\n")[0] or type(error).__name__
        raise InputError(
            f"the {split!r} split of {where.dataset} cannot be opened{f' in {root}' if root else ''}: {said}",
            fix="check root and the names of the splits"
            + ("" if where.download else ", or add download=true to fetch the data"),
        ) from error
    name = f"{where.dataset} {split}"
    source: Source = (
        Sequential(name=name, dataset=dataset)
        if isinstance(dataset, IterableDataset)
        else Indexed(name=name, dataset=dataset)
    )
    if len(source) == 0:
        raise InputError(f"the {split!r} split of {where.dataset} has no images", fix="check root and the split's name")
    return source


def _count_classes(where: Where, train: Source) -> int:
    """Count the classes by their names, or by reading all labels where no names are kept."""
    if where.num_classes is not None:
        return where.num_classes
    reader = getattr(train.dataset, "reader", None)
    names = getattr(train.dataset, "classes", None) or getattr(reader, "class_to_idx", None)
    if names:
        return len(names)
    highest = max((label for _, label in train), default=-1)
    if highest < 0:
        raise InputError(f"{where.name} has no labels", fix="use a labelled data set")
    return highest + 1
