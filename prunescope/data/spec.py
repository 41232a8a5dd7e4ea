"""A data set as a person or a recipe names it: the plugin's name and its options."""

from __future__ import annotations

from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prunescope.api.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

LIBRARIES = ("torch", "hfds", "hfids", "tfds", "wds")
"""Prefixes of timm's data set strings."""
EXAMPLES = "digits, patches:noise=0.2, torch/cifar10, a folder with train/ and val/, or pkg.mod:factory"


def parse_spec(text: str) -> tuple[str, dict[str, str]]:
    """Return the plugin and the options that `text` names.

    A name may be followed by ":option=value,option=value". Raises UsageError with the nearest names.

    >>> parse_spec("digits")
    ('digits', {})
    >>> parse_spec("patches:noise=0.2,size=16")
    ('patches', {'noise': '0.2', 'size': '16'})
    >>> parse_spec("torch/cifar10:root=/data")
    ('timm', {'dataset': 'torch/cifar10', 'root': '/data'})
    >>> parse_spec("pkg.mod:factory")
    ('factory', {'factory': 'pkg.mod:factory'})
    """
    if text and Path(text).is_dir():
        return "timm", {"dataset": "", "root": text}
    name, options = _split(text)
    prefix, slash, _ = name.partition("/")
    if slash and prefix.lower() in LIBRARIES:
        return "timm", {"dataset": name, **options}
    if name and Path(name).is_dir():
        return "timm", {"dataset": "", "root": name, **options}
    module, colon, attribute = name.partition(":")
    if colon and _is_dotted(module) and _is_dotted(attribute):
        return "factory", {"factory": name, **options}
    if not name.replace("-", "_").isidentifier():
        raise _unknown(text, name)
    return name, options


def options_in(text: str) -> dict[str, str]:
    """Return the options that a data set's text gives, wherever its data lie.

    >>> options_in("birds:image_size=64,flip=false")
    {'image_size': '64', 'flip': 'false'}
    """
    return _split(text)[1]


def _split(text: str) -> tuple[str, dict[str, str]]:
    """Part "name:option=value,..." into name and options; the name may hold colons of its own.

    A value may hold commas: what has no "=" belongs to the value before it.
    """
    head, equals, _ = text.partition("=")
    if not equals:
        return text.removesuffix(":"), {}
    name, _, _ = head.rpartition(":")
    if not name:
        raise UsageError(
            f"the data set {text!r} has options but no name", fix=f"write NAME:option=value, for example {EXAMPLES}"
        )
    options: dict[str, str] = {}
    last = ""
    for item in text[len(name) + 1 :].split(","):
        option, equals, value = item.partition("=")
        if equals:
            last = option.strip().replace("-", "_")
            options[last] = value.strip()
        else:
            options[last] += f",{item.strip()}"
    return name, options


def _is_dotted(text: str) -> bool:
    return all(part.isidentifier() for part in text.split("."))


def _unknown(text: str, name: str) -> UsageError:
    prefix, slash, rest = name.partition("/")
    near = get_close_matches(prefix.lower(), LIBRARIES, n=1) if slash and rest else []
    if near:
        return UsageError(f"there is no data set library {prefix!r} in {text!r}", fix=f"did you mean {near[0]}/{rest}?")
    if slash or Path(name).suffix:
        what = "is a file" if Path(name).exists() else "does not exist"
        return UsageError(
            f"the data set {text!r} has the form of a folder path, and {what}",
            fix=f"for an archive of numpy give arrays:file={name}"
            if name.endswith(".npz")
            else f"give one that exists, or {EXAMPLES}",
        )
    return UsageError(f"{text!r} is not a data set", fix=f"give {EXAMPLES}")


@dataclass(frozen=True, kw_only=True)
class Source:
    """A data set as a recipe names it."""

    name: str
    options: Mapping[str, Any] = field(default_factory=dict)
    version: int = 1
    fingerprint: str = ""
    limit_batches: int | None = None
    """Use only so many batches of either split, in training and in measuring."""

    def to_json(self) -> dict[str, Any]:
        """Return the source as a recipe's argument."""
        limit = {} if self.limit_batches is None else {"limit_batches": self.limit_batches}
        return {
            "name": self.name,
            "options": dict(self.options),
            "version": self.version,
            "fingerprint": self.fingerprint,
            **limit,
        }
