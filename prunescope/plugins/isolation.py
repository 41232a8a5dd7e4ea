"""A plugin leaves the process as it found it: settings of libraries, environment, and the functions of others.

Steps of many plugins run one after the other in one process, so what one of them leaves changed would change the
numbers of the next under the same ids. State is read before a plugin is called, compared after, and restored.
"""

from __future__ import annotations

import gc
import locale
import os
import random
import signal
import sys
import threading
import time
import warnings
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from prunescope.api.errors import PluginError
from prunescope.plugins.data_state import data_state
from prunescope.plugins.functions import restore_functions, take_functions
from prunescope.plugins.process_state import process_settings
from prunescope.plugins.torch_settings import torch_settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from prunescope.api import Data

OF_LIBRARIES = ("CUDA_MODULE_LOADING", "JOBLIB_", "KMP_", "LOKY_", "TORCHINDUCTOR_", "TRITON_")
"""How the names of variables begin that libraries set for themselves when they are first used."""

SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP", "SIGUSR1", "SIGALRM", "SIGCHLD")


@dataclass(frozen=True)
class Setting:
    """One piece of the state of the process."""

    name: str
    """As the message calls it."""
    read: Callable[[], Any]
    write: Callable[[Any], object]
    quiet: bool = False
    """Whether it is restored without a word: libraries change it when they are imported."""


@contextmanager
def unchanged(who: str, *, environment: bool = True, data: Data | None = None) -> Iterator[None]:
    """Restore the state of the process after the block, and raise PluginError, naming `who`, where it was changed.

    Generators of random numbers are restored without a word: a plugin may draw from them. Where the block raises, its
    own error is raised, and what it left changed is restored too.

    environment: whether environment and search path are compared too; libraries change those when they are imported.
    data: what the plugin is given; changed in place, they are loaded again for the next step (`data.sources`).
    """
    settings = [*(_surroundings() if environment else ()), *_settings()]
    if data is not None:
        settings.append(Setting("its data in place", lambda: data_state(data), lambda _: None))
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
                changed += [] if setting.quiet else [_named(setting, value, now)]
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
        Setting("the filters of warnings", lambda: list(warnings.filters), _write_filters, quiet=True),
        Setting("the limit of recursion", sys.getrecursionlimit, sys.setrecursionlimit, quiet=True),
        Setting("gc.isenabled", gc.isenabled, lambda old: gc.enable() if old else gc.disable(), quiet=True),
        Setting("the umask", _umask, os.umask, quiet=True),
    ]
    found += [Setting(*setting) for setting in process_settings()]
    if threading.current_thread() is threading.main_thread():
        found.append(Setting("the handlers of signals", _handlers, _write_handlers))
        if hasattr(signal, "setitimer"):
            found.append(Setting("an alarm", _alarms, _write_alarms))
            found.append(Setting("the signals that are held back", _held_back, _hold_back))
    if "torch" in sys.modules:
        found += [Setting(*setting) for setting in torch_settings()]
    return found


def _write_filters(before: list[Any]) -> None:
    filters: Any = warnings.filters  # a list, which the interpreter reads too
    filters[:] = before
    getattr(warnings, "_filters_mutated", lambda: None)()  # else what was filtered before stays; Python 3.14 has none


def _umask() -> int:
    """Return the mask of new files, which can be read only by writing it."""
    found = os.umask(0o077)
    os.umask(found)
    return found


def _alarms() -> bool:
    return signal.getitimer(signal.ITIMER_REAL)[0] > 0


def _write_alarms(before: bool) -> None:  # noqa: FBT001 - what was read
    """Take away an alarm that was left; one from before that is over has done its work."""
    if not before:
        signal.setitimer(signal.ITIMER_REAL, 0)


def _held_back() -> set[int]:
    return set(signal.pthread_sigmask(signal.SIG_BLOCK, ()))


def _hold_back(before: set[int]) -> None:
    signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(OF_LIBRARIES)}


def _write_environment(before: Mapping[str, str]) -> None:
    for name in _environment():
        if name not in before:
            del os.environ[name]
    os.environ.update(before)
    if hasattr(time, "tzset"):
        time.tzset()


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
