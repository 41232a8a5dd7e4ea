"""What is asked of every plugin, whatever its kind: options, help, a light import."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING

import torch

from prunescope.api.errors import PrunescopeError
from prunescope.plugins import options, publications, registry

if TYPE_CHECKING:
    from collections.abc import Iterator

HEAVY = ("h5py", "matplotlib", "numpy", "sklearn", "timm", "torch", "torchvision")
"""What `prunescope --help` must not import, and so no plugin's module."""

# "null" where a fresh interpreter does not find the module: a class defined in a test, for example.
LOADED_BY = """
import importlib, json, sys
try:
    importlib.import_module(sys.argv[1])
except ModuleNotFoundError as error:
    if not (sys.argv[1] + ".").startswith(error.name + "."):
        raise
    print("null")
else:
    print(json.dumps([name for name in sys.argv[2:] if name in sys.modules]))
"""


def require(condition: bool, message: str) -> None:  # noqa: FBT001 - reads like an assert
    """Raise AssertionError with `message` unless `condition` holds; unlike assert, it survives `python -O`."""
    if not condition:
        raise AssertionError(message)


@contextmanager
def accepted_option() -> Iterator[None]:
    """Turn what the core would refuse a plugin for into an AssertionError."""
    try:
        yield
    except PrunescopeError as error:
        raise AssertionError(str(error)) from error


@contextmanager
def seeded_check(seed: int) -> Iterator[None]:
    """Seed torch's global generators as the core does around every call of a plugin, and restore them after."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        yield


def title(plugin: object) -> str:
    """Return how messages name a plugin.

    >>> title(3)
    'int'
    """
    return type(plugin).__qualname__


def check_plugin(plugin: object, interface: type) -> None:
    """Check that `plugin` is a frozen dataclass whose fields make good options, with help, and imports lightly."""
    who, kind = title(plugin), type(plugin)
    require(isinstance(plugin, interface), f"{who} is not a {interface.__name__}: derive it from prunescope.api")
    with accepted_option():
        described = options.fields(kind)
    require(kind.__dataclass_params__.frozen, f"{who} is not frozen: @dataclass(frozen=True, kw_only=True)")  # type: ignore[attr-defined]
    positional = [field.name for field in dataclasses.fields(kind) if field.init and not field.kw_only]  # type: ignore[arg-type]
    require(not positional, f"{who} takes {positional} by position: @dataclass(frozen=True, kw_only=True)")
    # a dataclass without a docstring is given its signature for one
    summary = registry.summary(kind)
    require(
        bool(summary) and not summary.startswith(f"{kind.__name__}("),
        f"{who} has no docstring for its help",
    )
    version = getattr(kind, "version", 1)
    require(isinstance(version, int) and version >= 1, f"{who} has the version {version!r}, wanted 1, 2, ...")
    _check_citations(who, kind)
    for field in described:
        _check_option(who, field)
    _check_round_trip(plugin)
    check_light_import(kind)


def check_light_import(kind: type) -> None:
    """Check that importing a plugin's module loads nothing heavy, where a fresh interpreter finds the module."""
    loaded = _loaded_by(kind.__module__)
    require(not loaded, f"importing {kind.__module__} loads {', '.join(loaded)}: import them inside the method")


def _check_citations(who: str, kind: type) -> None:
    """`citations` is a tuple of keys, each once and of a whole BibTeX entry, and no option."""
    names = {field.name for field in dataclasses.fields(kind)}
    require(
        "citations" not in names, f"{who} makes an option of the class variable citations: leave out its annotation"
    )
    keys = getattr(kind, "citations", ())
    are = isinstance(keys, tuple) and all(isinstance(key, str) for key in keys)
    require(are, f"{who}.citations is {keys!r}, wanted a tuple of keys of BibTeX entries")
    require(len(set(keys)) == len(keys), f"{who} has two citations of one key: {keys}")
    with accepted_option():
        publications.publications_of(kind)


def _check_option(who: str, field: options.OptionField) -> None:
    require(bool(field.option.help), f"option {field.name!r} of {who} has no help: Annotated[type, Option('...')]")
    if field.required:
        return
    with accepted_option():
        kept = options.convert(field, field.default)
    require(kept == field.default, f"the default of option {field.name!r} of {who} is no {field.kind.__name__}")


def _check_round_trip(plugin: object) -> None:
    """Options go into recipes as JSON and come back."""
    values = json.loads(json.dumps(options.all_options(plugin)))
    with accepted_option():
        again = options.build_plugin(type(plugin), values)
    require(again == plugin, f"{plugin} is restored from its recipe as {again}")


@cache
def _loaded_by(module: str) -> tuple[str, ...]:
    command = [sys.executable, "-P", "-c", LOADED_BY, module, *HEAVY]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own program
    require(answer.returncode == 0, f"{module} cannot be imported by a fresh interpreter:\n{answer.stderr}")
    return tuple(json.loads(answer.stdout) or ())
