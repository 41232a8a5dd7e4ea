"""From a file to Python values without executing anything: safetensors, and pickles restricted to data.

A pickle may name any function and have it called while it is read. Files written by torch.save are read by torch's
restricted unpickler, which accepts tensors and containers; to these come the few types, all plain data, that training
programs put beside their weights (argparse.Namespace, numpy scalars, paths, dates). Any other name is refused.
"""

from __future__ import annotations

import argparse
import datetime as dt
import hashlib
import io
import mmap
import pathlib
import pickletools
import re
import warnings
import zipfile
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, BinaryIO, cast

import numpy as np
import safetensors
import safetensors.torch
import torch
from torch.torch_version import TorchVersion

from prunescope.api.errors import InputError
from prunescope.api.regular import require_regular
from prunescope.networks.checkpoints.archive_end import is_list_at
from prunescope.networks.checkpoints.expansion import BudgetError
from prunescope.networks.checkpoints.extent import check_count, check_dimensions
from prunescope.networks.checkpoints.foreign import refuse_foreign_file
from prunescope.networks.checkpoints.scanning import scan_pickle
from prunescope.networks.checkpoints.sniffing import Kind, sniff

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

RESAVE = "save the weights alone: torch.save(model.state_dict(), path)"

NUMPY_MODULES = ("numpy.core.multiarray", "numpy._core.multiarray")
PATH_MODULES = ("pathlib", "pathlib._local")
"""Where these have been in different versions."""

BEFORE = ("PROTO", "FRAME", "MEMOIZE", "BINPUT", "LONG_BINPUT", "MARK")
"""Opcodes that make no value."""

ROOT_DATA = ("collections.OrderedDict", "collections.defaultdict", "collections.Counter")


@dataclass(frozen=True, kw_only=True)
class Content:
    """What a file holds."""

    kind: Kind
    value: Any
    """A mapping, as a rule; whatever was pickled where unsafe loading was asked for."""
    sha256: str
    metadata: Mapping[str, str] = field(default_factory=dict)
    """The text beside the tensors of a safetensors file."""


def read_content(path: pathlib.Path, *, unsafe: bool) -> Content:
    """Return the content of a checkpoint file.

    Raises:
        InputError: the file is missing, unreadable, damaged, something else, or asks for code to be executed while
            it is read and `unsafe` is not set.
    """
    _check_readable(path)
    before = _state_of(path)
    try:
        found = _read(path, unsafe=unsafe)
    except (InputError, OSError) as error:
        if _state_of(path) != before:
            raise _written_to(path) from error
        raise
    if _state_of(path) != before:
        raise _written_to(path)
    return found


def _state_of(path: pathlib.Path) -> tuple[int, ...]:
    """Return what changes when a file is written or another one takes its name."""
    try:
        status = path.stat()
    except OSError:
        return ()
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def _written_to(path: pathlib.Path) -> InputError:
    return InputError(
        f"'{path}' was changed while it was read", fix="wait until it is complete: no other program may write it"
    )


def _read(path: pathlib.Path, *, unsafe: bool) -> Content:
    if path.suffix == ".distcp":
        refuse_foreign_file(path)  # each part is several archives of torch.save, one behind the other
    kind = sniff(path)
    with path.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    if kind == "safetensors":
        value, metadata = _read_safetensors(path)
        return Content(kind=kind, value=value, sha256=sha256, metadata=metadata)
    if kind == "zip":
        _check_archive(path)
    if not unsafe:
        _refuse_whole_object(path, kind)
        _check_budget(path, kind)
    return Content(kind=kind, value=_read_torch(path, unsafe=unsafe), sha256=sha256)


def _check_readable(path: pathlib.Path) -> None:
    try:
        size = path.stat().st_size
        require_regular(path)
        with path.open("rb"):
            pass
    except FileNotFoundError as error:
        raise InputError(f"no file at '{path}'", fix="check the path") from error
    except OSError as error:
        raise InputError(f"cannot read '{path}': {error.strerror}", fix="check the permissions") from error
    if size == 0:
        raise InputError(f"'{path}' is empty", fix="copy or download it again")


# ---- safetensors --------------------------------------------------------------------------------------------------


def _read_safetensors(path: pathlib.Path) -> tuple[dict[str, torch.Tensor], dict[str, str]]:
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            names = file.keys()
            check_count(len(names))
            tensors = {name: file.get_tensor(name) for name in names}
            for name, tensor in tensors.items():
                check_dimensions(name, tensor)
            return tensors, dict(file.metadata() or {})
    except UnicodeEncodeError as error:
        raise InputError(f"'{path}' cannot be opened: its name or a folder's is not UTF-8", fix="rename it") from error
    except (safetensors.SafetensorError, OSError, ValueError, RuntimeError) as error:
        raise InputError(
            f"'{path}' is a damaged or truncated safetensors file: {error}", fix="copy or download it again"
        ) from error


# ---- pickles ------------------------------------------------------------------------------------------------------


def _read_torch(path: pathlib.Path, *, unsafe: bool) -> Any:  # noqa: ANN401 - whatever was pickled
    try:
        with torch.serialization.safe_globals(_data_types()), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of torch about its own types and their future; nothing here to act on
            return torch.load(path, map_location="cpu", weights_only=not unsafe)
    except Exception as error:  # a damaged pickle can raise anything
        name = _refused_name(str(error))
        if name and not unsafe:
            raise InputError(
                f"'{path}' was not loaded: it contains '{name}', which is not plain data and could execute code",
                fix=f"{RESAVE}; or pass --unsafe-load if you trust the file's source",
            ) from error
        if unsafe and isinstance(error, ImportError | AttributeError):
            raise InputError(
                f"'{path}' names code that is not here: {_first_line(error)}",
                fix="install the package, or put its module on PYTHONPATH (PYTHONPATH=. for this folder); or, "
                f"where it was saved, {RESAVE}",
            ) from error
        raise _damaged(path, error) from error


def _data_types() -> list[Callable[..., Any] | tuple[Callable[..., Any], str]]:
    """Return the types beyond torch's own that may be built: they hold data and run nothing.

    Paths become pure paths, which cannot touch the disk.
    """
    # found by pickling, since numpy moved these functions between versions
    scalar, reconstruct = np.float64(0).__reduce__()[0], np.zeros(1).__reduce__()[0]
    renamed = {
        **{f"{module}.scalar": scalar for module in NUMPY_MODULES},
        **{f"{module}._reconstruct": reconstruct for module in NUMPY_MODULES},
        **{f"{module}.{kind}PosixPath": pathlib.PurePosixPath for module in PATH_MODULES for kind in ("", "Pure")},
        **{f"{module}.{kind}WindowsPath": pathlib.PureWindowsPath for module in PATH_MODULES for kind in ("", "Pure")},
    }
    dates = (dt.date, dt.datetime, dt.timedelta, dt.timezone)
    numbers = (type(np.dtype(code)) for code in "?bhilqBHILQefdgUS")
    plain = (argparse.Namespace, *dates, TorchVersion, np.dtype, np.ndarray, *numbers)
    return [*plain, *(_named(function, name) for name, function in renamed.items())]


def _named(function: Any, path: str) -> Callable[..., Any]:  # noqa: ANN401 - numpy gives no type for its own
    """Return a stand-in for `function` that torch's unpickler finds under another name."""

    def stand_in(*arguments: object) -> object:
        return function(*arguments)

    stand_in.__module__, _, stand_in.__qualname__ = path.rpartition(".")
    return stand_in


def _refused_name(message: str) -> str:
    """Return the name torch's restricted unpickler refused; empty where it failed for another reason.

    >>> _refused_name("Unsupported global: GLOBAL posix.system was not an allowed global by default.")
    'posix.system'
    """
    for pattern in (
        r"GLOBAL (\S+) was not an allowed",
        r"unsupported GLOBAL (\S+) whose module",
        r"unrecognized function (.+)",
        r"Can only (?:build|create new object).*but got (.+)",
    ):
        found = re.search(pattern, message)
        if found:
            return found[1]
    return ""


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [""])[0][:200] or type(error).__name__


# ---- what it would take --------------------------------------------------------------------------------------------


def _check_archive(path: pathlib.Path) -> None:
    """Raise InputError where members are compressed, or together larger than the file: torch.save writes none such.

    What is checked here is read by torch's own reader of archives, which takes names in capitals for the same.
    """
    with zipfile.ZipFile(path) as archive:
        members, start = archive.infolist(), archive.start_dir
    names = [member.filename.lower() for member in members]
    what = ""
    if not is_list_at(path, start):
        what = "has no list of its members where its end says"
    elif len({name.partition("/")[0] for name in names}) > 1:
        what = "holds several folders"
    elif any(member.compress_type != zipfile.ZIP_STORED for member in members):
        what = "has compressed members, which torch.save does not write"
    elif sum(member.file_size for member in members) > path.stat().st_size or len(set(names)) < len(names):
        what = "has members that overlap"
    elif sum(name.split("/", 1)[-1] == "data.pkl" for name in names) != 1:
        what = "holds several checkpoints"
    if what:
        raise InputError(f"'{path}' was not loaded: the archive {what}", fix=RESAVE)


def _check_budget(path: pathlib.Path, kind: Kind) -> None:
    """Raise InputError where the pickle would take more time or memory than a file of its size explains."""
    size = path.stat().st_size
    try:
        if kind == "zip":
            with zipfile.ZipFile(path) as archive:
                held = {member.filename.split("/", 1)[-1]: member for member in archive.infolist()}
                lengths = {name.removeprefix("data/"): member.file_size for name, member in held.items()}
                pickled = io.BytesIO(archive.read(held["data.pkl"]))
            scan_pickle(pickled, size=size, sizes=lambda key: lengths.get(key, 0))
        else:
            # A map, since a file makes room for as many bytes as a pickle says that a text has.
            with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
                pickles = cast("BinaryIO", mapped)  # the opening's three, the values, and the keys of the storages
                all(scan_pickle(pickles, size=size, sizes=lambda _: size) for _ in range(5))
    except BudgetError as error:
        raise InputError(f"'{path}' was not loaded: {error}", fix=RESAVE) from error
    except Exception as error:  # a damaged pickle can raise anything
        raise _damaged(path, error) from error


def _skip_opening(file: BinaryIO) -> None:
    """Skip the magic number, the protocol and the machine of the older layout: each a pickle of its own."""
    for _ in range(3):
        for _opcode in pickletools.genops(file):
            pass


def _damaged(path: pathlib.Path, error: Exception) -> InputError:
    return InputError(
        f"'{path}' is a damaged or truncated checkpoint: {_first_line(error)}", fix="copy or download it again"
    )


# ---- a whole object instead of its weights ------------------------------------------------------------------------


def _refuse_whole_object(path: pathlib.Path, kind: Kind) -> None:
    """Raise InputError where the pickle's outermost value is an object of some class, for example a network."""
    try:
        root = _root_of(path, kind)
    except Exception as error:  # a damaged pickle can raise anything
        raise _damaged(path, error) from error
    if root and root not in ROOT_DATA and not root.startswith(("torch._utils.", "torch._tensor.")):
        raise InputError(
            f"'{path}' was not loaded: it is a whole pickled '{root[:99]}', which can be loaded only by executing code",
            fix=f"{RESAVE}; or pass --unsafe-load if you trust the file's source",
        )


def _root_of(path: pathlib.Path, kind: Kind) -> str:
    """Return the class of the outermost value, empty for a dict or list; reads opcodes and executes none."""
    if kind == "zip":
        with zipfile.ZipFile(path) as archive:
            member = next(name for name in archive.namelist() if name.split("/", 1)[-1] == "data.pkl")
            return _first_global(io.BytesIO(archive.read(member)))
    with path.open("rb") as file:
        _skip_opening(file)
        return _first_global(file)


def _first_global(file: BinaryIO | io.BytesIO) -> str:
    """Return the class the pickle's first value is made of; empty where that value is no object.

    torch's legacy layout puts the class of a network into a tuple that begins with the text "module".
    """
    opcodes = pickletools.genops(file)
    name, argument = next((op.name, arg) for op, arg, _ in opcodes if op.name not in BEFORE and arg != "module")
    return str(argument).replace(" ", ".") if name in {"GLOBAL", "INST"} else ""
