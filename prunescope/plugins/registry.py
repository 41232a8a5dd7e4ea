"""Finds plugins through entry points: metadata first, load on use.

A plugin is a `Plugin` (name, group, distribution, where it lives) before it is loaded and a class after. Built-in
plugins are declared in our own pyproject like anyone's.
"""

from __future__ import annotations

import inspect
import sys
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any

import entrypoints

from prunescope import api
from prunescope.api.errors import PluginError, UsageError
from prunescope.api.trust import NOTHING
from prunescope.plugins import options
from prunescope.plugins.declarations import read_declarations

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from contextlib import AbstractContextManager

    from prunescope.api import Data
    from prunescope.api.trust import Trust
    from prunescope.plugins.declarations import Unreadable

INTERFACES: dict[str, type] = {
    "pruners": api.Pruner,
    "trainers": api.Trainer,
    "probes": api.Probe,
    "rules": api.RegimeRule,
    "datasets": api.Dataset,
    "executors": api.Executor,
}
"""Group -> the abstract class its plugins implement; the entry-point group is "prunescope.<group>"."""


@dataclass(frozen=True, kw_only=True)
class Plugin:
    """A plugin as its distribution's metadata declares it; nothing of it has been imported."""

    group: str
    name: str
    distribution: str
    version: str
    module: str
    attribute: str

    def load(self) -> type[Any]:
        """Import the class and check that it is what its group asks for; PluginError names the distribution."""
        try:
            found = self._import()
        except PluginError:
            raise
        except (Exception, SystemExit) as error:
            raise PluginError(
                f"{self._title} cannot be loaded: {type(error).__name__}: {error}",
                fix=f"repair or remove it: pip uninstall {self.distribution}",
            ) from error
        interface = INTERFACES[self.group]
        if not (inspect.isclass(found) and issubclass(found, interface)) or inspect.isabstract(found):
            raise PluginError(
                f"{self._title} is not a {interface.__name__}: {self.module}:{self.attribute}",
                fix=f"derive it from prunescope.api.{interface.__name__} and implement its abstract method",
            )
        options.fields(found)
        return found

    def _import(self) -> object:
        """Import the class; what the modules of others leave changed is restored, and is their error."""
        if self.module in sys.modules or self.module.startswith("prunescope."):
            return self._find()
        import torch  # noqa: F401 - loaded before, its settings can be compared

        from prunescope.plugins.isolation import unchanged

        with unchanged(f"the import of {self._title}", environment=False):
            return self._find()

    def _find(self) -> object:
        """Import the module and return what the attribute names in it."""
        return entrypoints.EntryPoint(self.name, self.module, self.attribute).load()

    @property
    def _title(self) -> str:
        return f"{self.group[:-1]} {self.name!r} of {self.distribution} {self.version}"


@dataclass(frozen=True, kw_only=True)
class Loaded:
    """A plugin's instance together with where it comes from."""

    plugin: Plugin
    instance: Any

    @cached_property
    def given(self) -> dict[str, options.Json]:
        """The options that differ from their defaults, asked once: a study has thousands of recipes of one plugin."""
        return options.non_default(self.instance)

    @property
    def title(self) -> str:
        """How messages name the plugin: its kind, its name and the distribution that brings it."""
        return f"{self.plugin.group[:-1]} {self.plugin.name!r} of {self.plugin.distribution}"

    def unchanged(self, data: Data | None = None) -> AbstractContextManager[None]:
        """Return the context in which the plugin is called: it must leave the process and the data as they were."""
        from prunescope.plugins.isolation import unchanged

        return unchanged(self.title, data=data)

    @cached_property
    def code(self) -> tuple[str, ...]:
        """The texts among the options that name code."""
        return options.named_code(self.instance)


def find_plugins(group: str, *, path: Sequence[str] | None = None) -> tuple[Plugin, ...]:
    """Return the plugins of a group sorted by name; imports none of them.

    path: where to look for distributions (sys.path when None).
    """
    return _find(group, tuple(sys.path if path is None else path))


@lru_cache(maxsize=64)
def _find(group: str, path: tuple[str, ...]) -> tuple[Plugin, ...]:
    declared = [Plugin(**vars(entry)) for entry in read_declarations(path)[0] if entry.group == group]
    return tuple(sorted(set(declared), key=lambda plugin: (plugin.name, plugin.distribution, plugin.version)))


def find_unreadable() -> tuple[Unreadable, ...]:
    """Return the distributions on the search path that declare plugins in a file that cannot be parsed."""
    return read_declarations(tuple(sys.path))[1]


def get(group: str, name: str, *, path: Sequence[str] | None = None) -> Plugin:
    """Return one plugin.

    Raises UsageError with the nearest names for an unknown one, PluginError when two distributions declare the name.
    """
    found = find_plugins(group, path=path)
    called = [plugin for plugin in found if plugin.name == name]
    if not called:
        names = sorted({plugin.name for plugin in found})
        near = get_close_matches(name, names, n=3, cutoff=0.4) or names
        raise UsageError(
            f"there is no {group[:-1]} {name!r}",
            fix=f"did you mean {_either(near)}? `prunescope plugins` lists them all",
        )
    if len(called) > 1:
        first, second = called[0].distribution, called[1].distribution
        raise PluginError(
            f"two plugins are called {name!r} in prunescope.{group}: one of {first}, one of {second}",
            fix=f"uninstall one: pip uninstall {first}, or pip uninstall {second}",
        )
    return called[0]


def make(group: str, name: str, values: Mapping[str, object], *, trust: Trust | None = NOTHING) -> Loaded:
    """Load a plugin and build it from option values; None: a person typed these.

    Raises InputError where a value names code that `trust` does not hold.
    """
    plugin = get(group, name)
    loaded = Loaded(plugin=plugin, instance=options.build_plugin(plugin.load(), values))
    if trust is not None:
        for text in loaded.code:
            trust.check(text, source=f"an option of the {group[:-1]} {name!r}")
    return loaded


def summary(plugin_class: type) -> str:
    """Return the first line of a plugin's docstring."""
    return (inspect.getdoc(plugin_class) or "").partition("\n")[0]


def _either(names: Iterable[str]) -> str:
    return " or ".join(repr(name) for name in names)
