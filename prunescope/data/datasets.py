"""The built-in data sets: digits, patches, what timm can open, a file of arrays, and a function of one's own."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from prunescope.api import Dataset, Option
from prunescope.api.errors import UsageError
from prunescope.api.trust import names_code
from prunescope.data.addresses import is_address, is_command

if TYPE_CHECKING:
    from collections.abc import Mapping

    from prunescope.api import Data
    from prunescope.data.library import Where

CROP_HELP = "training crops images out of a black border of so many pixels; 0 switches it off"
FLIP_HELP = "training mirrors images left and right half of the time"


LIBRARIES = ("hfds/", "hfids/", "tfds/", "wds/")


def _runs_code(dataset: str) -> bool:
    """Whether a data set's library runs what it finds: scripts (hfds, hfids, tfds) or commands in addresses (wds).

    The name of a library alone leads nowhere: what it opens stands in other options.
    """
    return dataset not in ("", *LIBRARIES) and not dataset.lower().startswith("torch/")


@dataclass(frozen=True, kw_only=True)
class Digits(Dataset):
    """Handwritten digits (UCI), as scikit-learn has them: real, 8x8 grey, 1,297 for training and 500 for testing."""

    test_images: Annotated[int, Option("test images, the same share of each class", minimum=10)] = 500
    crop_padding: Annotated[int, Option(CROP_HELP, minimum=0, maximum=4)] = 1
    seed: Annotated[int, Option("seed of the division into training and test images", minimum=0)] = 0

    citations = ("alpaydin1998optical",)

    def load(self) -> Data:
        """Divide the 1,797 images by class; the 17 grey levels 0..16 become 0..255."""
        import numpy as np

        from prunescope.data import arrays
        from prunescope.data.digits import divide_by_class, read_digits

        grey, labels = read_digits()
        images = np.rint(grey[:, None] * (255 / 16)).astype(np.uint8)
        try:
            train, test = divide_by_class(labels, test=self.test_images, seed=self.seed)
        except ValueError as error:
            raise UsageError(f"test_images is {self.test_images}: {error}", fix="give 10 to 1787") from error
        return arrays.to_data(
            "digits",
            (images[train], labels[train], images[test], labels[test]),
            augmentation=arrays.Augmentation(crop_padding=self.crop_padding),
        )


@dataclass(frozen=True, kw_only=True)
class Patches(Dataset):
    """Generated ten-class images of controllable difficulty: prototype patches, distractors, background, noise."""

    images: Annotated[int, Option("training images", minimum=10)] = 2000
    test_images: Annotated[int, Option("test images", minimum=10)] = 4000
    size: Annotated[int, Option("height and width of an image in pixels", minimum=4)] = 8
    channels: Annotated[int, Option("channels: 3 for colour, 1 for grey", minimum=1)] = 3
    patch: Annotated[int, Option("height and width of a prototype in pixels", minimum=2)] = 5
    prototypes: Annotated[int, Option("prototypes per class", minimum=1)] = 2
    background: Annotated[float, Option("strength of the smooth background; 1 is a prototype's", minimum=0)] = 0.4
    distractor: Annotated[float, Option("strength of the other class's prototype; 1 is the right one's", minimum=0)] = (
        0.5
    )
    noise: Annotated[float, Option("standard deviation of the white noise; 1 is a prototype's", minimum=0)] = 0.4
    label_noise: Annotated[float, Option("fraction of training labels that are wrong", minimum=0, maximum=1)] = 0.0
    intrinsic_dimension: Annotated[
        int | None, Option("number of random smooth directions to project images on; none: no projection", minimum=1)
    ] = None
    crop_padding: Annotated[int, Option(CROP_HELP, minimum=0)] = 1
    flip: Annotated[bool, Option(FLIP_HELP)] = False
    seed: Annotated[int, Option("seed of the images", minimum=0)] = 0

    def load(self) -> Data:
        """Generate both splits."""
        from prunescope.data import arrays
        from prunescope.data.patches import PatchesOptions, generate

        options = PatchesOptions(
            size=self.size,
            channels=self.channels,
            patch=self.patch,
            prototypes=self.prototypes,
            background=self.background,
            distractor=self.distractor,
            noise=self.noise,
            intrinsic_dimension=self.intrinsic_dimension,
            seed=self.seed,
        )
        try:
            train = generate(options, self.images, split=0, label_noise=self.label_noise)
            test = generate(options, self.test_images, split=1)
        except MemoryError as error:
            raise UsageError(
                f"images={self.images}, test_images={self.test_images}, size={self.size}, channels={self.channels}, "
                f"prototypes={self.prototypes}: these images do not fit into memory",
                fix="give fewer or smaller images, or fewer prototypes",
            ) from error
        return arrays.to_data(
            "patches",
            (train.images, train.labels, test.images, test.labels),
            augmentation=arrays.Augmentation(crop_padding=self.crop_padding, flip=self.flip),
        )


@dataclass(frozen=True, kw_only=True)
class Timm(Dataset):
    """Any data set timm can open: a folder of images, torch/cifar10, hfds/..., tfds/..., wds/...."""

    dataset: Annotated[
        str, Option("timm's name, such as torch/cifar10; empty for a folder of images", code=_runs_code)
    ] = ""
    source: Annotated[
        str, Option("file or folder that hfds/ or hfids/ opens", code=lambda source: source != "", place=True)
    ] = ""
    root: Annotated[
        str,
        Option("folder of the data; a folder of images holds train/ and val/ (or test/)", code=is_address, place=True),
    ] = ""
    train_split: Annotated[str, Option("name of the training split", code=is_command, place=True)] = "train"
    test_split: Annotated[
        str,
        Option(
            "name of the split to test on; empty: validation, val, valid, eval or test", code=is_command, place=True
        ),
    ] = ""
    download: Annotated[bool, Option("download missing data; Hugging Face's library always does", place=True)] = False
    num_classes: Annotated[int | None, Option("number of classes; none: from class names or all labels", minimum=1)] = (
        None
    )
    class_order: Annotated[
        Literal["natural", "text"],
        Option("labels of class folders: timm's order of their names, or torchvision's (as text)"),
    ] = "natural"
    class_level: Annotated[
        Literal["top", "leaf"], Option("class folders are those in train/, or (as timm reads) the innermost")
    ] = "top"
    classes: Annotated[
        tuple[str, ...],
        Option("class folders in the order of their labels, or a file that lists them; others are skipped"),
    ] = ()
    image_size: Annotated[
        int | None, Option("side of the images in pixels; none: unchanged up to 64, else 224", minimum=1)
    ] = None
    image_height: Annotated[
        int | None, Option("height in pixels of images that are not square; image_size is the width", minimum=1)
    ] = None
    in_chans: Annotated[int | None, Option("1 for grey, 3 for colour; none: as in the data", minimum=1, maximum=3)] = (
        None
    )
    in_memory: Annotated[
        Literal["auto", "always", "never"], Option("decode once and keep in memory; auto: small images that fit")
    ] = "auto"
    memory_limit: Annotated[int, Option("megabytes of decoded images that auto keeps in memory", minimum=0)] = 1024
    crop_padding: Annotated[int, Option(f"in memory, {CROP_HELP}", minimum=0)] = 4
    scale_min: Annotated[
        float,
        Option("streamed, least share of the image in a random crop; 1: no crops", minimum=0.01, maximum=1),
    ] = 0.08
    flip: Annotated[bool, Option(FLIP_HELP)] = True
    mean: Annotated[
        tuple[float, ...], Option("mean per channel, or of all, to subtract; empty: of images in memory, or ImageNet's")
    ] = ()
    std: Annotated[tuple[float, ...], Option("standard deviation per channel to divide by; empty: as for mean")] = ()
    interpolation: Annotated[
        Literal["bilinear", "bicubic", "nearest", "lanczos"], Option("interpolation of the resizing")
    ] = "bicubic"
    crop_pct: Annotated[
        float | None,
        Option("share of the side that measurements use; none: 1 up to 64 pixels, else 0.875", minimum=0.1, maximum=1),
    ] = None
    crop_mode: Annotated[
        Literal["center", "squash", "border"],
        Option("fit of an image into its shape in measurements: crop its centre, squash it, or add a border"),
    ] = "center"
    workers: Annotated[
        int, Option("processes that decode streamed images; they do not change the order", minimum=0, place=True)
    ] = 0

    version = 2

    def load(self) -> Data:
        """Open both splits; decode small sets into memory, stream large ones."""
        from prunescope.data import vision

        return vision.load_images(
            self._where(),
            vision.ImageLook(
                image_size=self.image_size,
                image_height=self.image_height,
                in_chans=self.in_chans,
                mean=self.mean,
                std=self.std,
                interpolation=self.interpolation,
                crop_pct=self.crop_pct,
                crop_mode=self.crop_mode,
                crop_padding=self.crop_padding,
                scale_min=self.scale_min,
                flip=self.flip,
            ),
            vision.Keep(in_memory=self.in_memory, memory_limit=self.memory_limit, workers=self.workers),
        )

    def located(self) -> Timm:
        """Return it with an absolute root, and with the classes that a file lists."""
        from prunescope.data import library

        where = library.located(self._where())
        return replace(self, dataset=where.dataset, source=where.source, root=where.root, classes=where.classes)

    def inventory(self) -> Mapping[str, Mapping[str, Any]]:
        """Return what both splits of a folder of images hold."""
        from prunescope.data import library

        return {split: found.to_json() for split, found in library.folder_inventory(self._where()).items()}

    def _where(self) -> Where:
        from prunescope.data.library import Where

        return Where(
            dataset=self.dataset,
            source=self.source,
            root=self.root,
            train_split=self.train_split,
            test_split=self.test_split,
            download=self.download,
            num_classes=self.num_classes,
            class_order=self.class_order,
            class_level=self.class_level,
            classes=self.classes,
        )


@dataclass(frozen=True, kw_only=True)
class ArrayFile(Dataset):
    """Images and labels in a file of numpy: an .npz of x, uint8 (n, channels, height, width), and y, labels from 0."""

    file: Annotated[str, Option("path of the .npz, from where the command runs", place=True)]
    train_images: Annotated[int, Option("images for training, the first ones of the file", minimum=10)] = 1000
    test_images: Annotated[int, Option("images for testing, those after them", minimum=10)] = 4000
    crop_padding: Annotated[int, Option(CROP_HELP, minimum=0)] = 1
    flip: Annotated[bool, Option(FLIP_HELP)] = False

    def located(self) -> ArrayFile:
        """Return it with an absolute path."""
        return replace(self, file=str(Path(self.file).absolute()))

    def load(self) -> Data:
        """Read the file, and divide its images in the order that they have there."""
        from prunescope.data import arrays
        from prunescope.data.array_file import read_arrays

        images, labels = read_arrays(self.file, least=self.train_images + self.test_images)
        train, test = slice(self.train_images), slice(self.train_images, self.train_images + self.test_images)
        return arrays.to_data(
            "arrays",
            (images[train], labels[train], images[test], labels[test]),
            augmentation=arrays.Augmentation(crop_padding=self.crop_padding, flip=self.flip),
        )


@dataclass(frozen=True, kw_only=True)
class Factory(Dataset):
    """Data of one's own: a function that returns prunescope.api.Data, or four arrays."""

    factory: Annotated[
        str,
        Option('"pkg.mod:function" returning Data or (train images, labels, test images, labels)', code=names_code),
    ]
    crop_padding: Annotated[int, Option(f"for arrays, {CROP_HELP}", minimum=0)] = 0
    flip: Annotated[bool, Option(f"for arrays, {FLIP_HELP}")] = False

    def load(self) -> Data:
        """Import the module and call the function."""
        from prunescope.data import arrays

        return arrays.from_factory(
            self.factory, augmentation=arrays.Augmentation(crop_padding=self.crop_padding, flip=self.flip)
        )
