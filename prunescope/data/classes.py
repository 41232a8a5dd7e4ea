"""Which class folder is which label: the order of their names, or a map of classes from a file or a checkpoint."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias

from prunescope.api.errors import InputError
from prunescope.api.regular import read_regular_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Order: TypeAlias = Literal["natural", "text"]

BYTE_ORDER_MARK = "\ufeff"
"""What some editors write before the first character."""

MOST_LABELS = 1 << 20
"""Labels of a list that takes the place of its file."""


def ordered(names: Iterable[str], order: Order) -> list[str]:
    """Return class names in the order of their labels: timm's (numbers as such, case does not count) or torchvision's.

    >>> ordered(["C-130", "C-47", "b"], "natural"), ordered(["C-130", "C-47", "b"], "text")
    (['b', 'C-47', 'C-130'], ['C-130', 'C-47', 'b'])
    """
    from timm.utils.misc import natural_key

    texts = sorted(set(names))
    return texts if order == "text" else sorted(texts, key=natural_key)


def displaced(names: Iterable[str]) -> list[str]:
    """Return the classes that have another label in the other order."""
    texts = list(names)
    pairs = zip(ordered(texts, "text"), ordered(texts, "natural"), strict=True)
    return [one for one, other in pairs if one != other]


def read_classes(given: Sequence[str]) -> dict[str, int]:
    """Return label by class: from names in the order of their labels, or from one file.

    A file is a text of one name in a line, in order, with or without its label behind it; or JSON: a list of names, or
    an object of labels by name (or of names by label). Raises InputError for anything else.
    """
    if len(given) != 1:
        return _numbered(given, source="classes")
    path = Path(given[0])
    try:
        text = read_regular_text(path).removeprefix(BYTE_ORDER_MARK)
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"the class map {str(path)!r} cannot be read: {error}", fix="give a text or JSON file"
        ) from error
    return _of_json(text, path) if path.suffix == ".json" else _of_lines(text, path)


def listed(given: Sequence[str]) -> tuple[str, ...]:
    """Return classes in the order of their labels, in place of the one file that lists them.

    A label without a class gets a name that no folder has. A list of one class stays in its file, whose name it would
    look like.

    >>> listed(("cat", "dog")), listed(())
    (('cat', 'dog'), ())
    """
    if len(given) != 1:
        return tuple(given)
    names = {label: name for name, label in read_classes(given).items()}
    if not 0 < max(names) < MOST_LABELS:
        return (str(Path(given[0]).absolute()),)
    return tuple(names.get(label, f"/{label}") for label in range(max(names) + 1))


def _of_json(text: str, path: Path) -> dict[str, int]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"the class map {str(path)!r} is not JSON: {error}", fix="correct it") from error
    if isinstance(value, list) and all(isinstance(name, str) for name in value):
        return _numbered(value, source=str(path))
    if isinstance(value, dict) and all(isinstance(label, int) for label in value.values()):
        return _checked(value, source=str(path))
    if isinstance(value, dict) and all(str(key).isdecimal() and isinstance(name, str) for key, name in value.items()):
        return _checked({name: int(key) for key, name in value.items()}, source=str(path))
    raise InputError(
        f"the class map {str(path)!r} is neither a list of names nor labels by name", fix='write {"cat": 0, "dog": 1}'
    )


def _of_lines(text: str, path: Path) -> dict[str, int]:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    parts = [line.rpartition("," if "," in line else "\t" if "\t" in line else " ") for line in lines]
    if lines and all(name.strip() and label.strip().isdecimal() for name, _, label in parts):
        labels = [int(label) for _, _, label in parts]
        if sorted(labels) in (list(range(len(labels))), list(range(1, len(labels) + 1))):
            return _checked({name.strip(): int(label) for name, _, label in parts}, source=str(path))
    return _numbered(lines, source=str(path))


def _numbered(names: Sequence[str], *, source: str) -> dict[str, int]:
    twice = sorted({name for name in names if list(names).count(name) > 1}) if len(set(names)) < len(names) else []
    if twice or not names:
        raise InputError(
            f"{source}: {f'the class {twice[0]!r} is there twice' if twice else 'no classes'}",
            fix="name each class once, in the order of the labels",
        )
    return {name: label for label, name in enumerate(names)}


def _checked(labels: dict[str, int], *, source: str) -> dict[str, int]:
    if not labels or min(labels.values()) < 0 or len(set(labels.values())) < len(labels):
        raise InputError(
            f"{source}: labels are negative, shared, or missing", fix="number the classes from 0, each once"
        )
    if sorted(labels.values()) == list(range(1, len(labels) + 1)):
        raise InputError(
            f"{source}: labels run from 1 to {len(labels)}, and none is 0",
            fix="subtract 1; where the network has an output that no class belongs to, list a name for it too",
        )
    return labels
