"""A plugin leaves the process as it found it: settings of libraries, environment, and the functions of others.

Steps of many plugins run one after the other in one process, so what one of them leaves changed would change the
numbers of the next under the same ids. State is read before a plugin is called, compared after, and restored.
"""

from __future__ import annotations

import locale
import os
import random
import signal
import sys
import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from prunescope.api.errors import PluginError
from prunescope.plugins.functions import restore_functions, take_functions
from prunescope.plugins.torch_settings import torch_settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

OF_LIBRARIES = ("CUDA_MODULE_LOADING", "JOBLIB_", "KMP_", "LOKY_", "TORCHINDUCTOR_", "TRITON_")
"""How the names of variables begin that libraries set for themselves when they are first used."""

SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP")


@dataclass(frozen=True)
class Setting:
    """One piece of the state of the process."""

    name: str
    """As the message calls it."""
    read: Callable[[], Any]
    write: Callable[[Any], object]


@contextmanager
def unchanged(who: str, *, environment: bool = True) -> Iterator[None]:
    """Restore the state of the process after the block, and raise PluginError, naming `who`, where it was changed.

    Generators of random numbers are restored without a word: a plugin may draw from them. Where the block raises, its
    own error is raised, and what it left changed is restored too.

    environment: whether environment and search path are compared too; libraries change those when they are imported.
    """
    settings = [*(_surroundings() if environment else ()), *_settings()]
    before = [setting.read() for setting in settings]
    functions, drawn = take_functions(), (random.getstate(), np.random.get_state())  # noqa: NPY002 - what plugins use
    failed = True
    try:
        yield
        failed = False
    finally:
        changed = [*_restore(settings, before), *restore_functions(functions)]
        random.setstate(drawn[0])
        np.random.set_state(drawn[1])  # noqa: NPY002
        if changed and not failed:
            raise PluginError(
                f"{who} left {', '.join(changed[:3])} changed, which would change the numbers of other steps",
                fix="restore the settings before it returns; its result was not used",
            )


def _restore(settings: list[Setting], before: list[Any]) -> list[str]:
    """Restore what differs; return the names."""
    changed = []
    for setting, value in zip(settings, before, strict=True):
        with suppress(FileNotFoundError):  # a directory that was removed
            now = setting.read()
            if now != value and not _only_longer(value, now):
                setting.write(value)
                changed.append(_named(setting, value, now))
    return changed


def _only_longer(before: object, now: object) -> bool:
    """Whether a list has got entries at its end alone: libraries extend the search path when they are imported."""
    return isinstance(before, list) and isinstance(now, list) and now[: len(before)] == before


def _named(setting: Setting, before: Any, now: Any) -> str:  # noqa: ANN401 - whatever the setting is
    """Name a setting; of several values under names, the first that differs."""
    if isinstance(before, dict) and isinstance(now, dict):
        names = sorted(str(name) for name in {*before, *now} if before.get(name) != now.get(name))
        return f"{setting.name} ({', '.join(names[:3])})"
    return setting.name


def _surroundings() -> list[Setting]:
    return [
        Setting("os.environ", _environment, _write_environment),
        Setting("the search path of modules", lambda: list(sys.path), _write_search_path),
    ]


def _settings() -> list[Setting]:
    """Return what is compared: the settings of torch only where it is loaded."""
    found = [
        Setting("the working directory", _directory, os.chdir),
        Setting("the locale", lambda: locale.setlocale(locale.LC_ALL), _write_locale),
        Setting("numpy.errstate", np.geterr, lambda old: np.seterr(**old)),
    ]
    if threading.current_thread() is threading.main_thread():
        found.append(Setting("the handlers of signals", _handlers, _write_handlers))
    if "torch" in sys.modules:
        found += [Setting(*setting) for setting in torch_settings()]
    return found


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(OF_LIBRARIES)}


def _write_environment(before: Mapping[str, str]) -> None:
    for name in _environment():
        if name not in before:
            del os.environ[name]
    os.environ.update(before)


def _directory() -> str:
    return os.getcwd()  # noqa: PTH109 - text, which compares without a look at the disk


def _write_locale(before: str) -> None:
    locale.setlocale(locale.LC_ALL, before)


def _write_search_path(before: list[str]) -> None:
    sys.path[:] = before


def _handlers() -> dict[str, Any]:
    return {name: signal.getsignal(getattr(signal, name)) for name in SIGNALS if hasattr(signal, name)}


def _write_handlers(before: Mapping[str, Any]) -> None:
    for name, handler in before.items():
        if handler is not None:
            signal.signal(getattr(signal, name), handler)
