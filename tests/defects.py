"""Plugins made for one test, with one defect each."""

from __future__ import annotations

import dataclasses
import importlib

import pytest


def plugin(interface, doc="A plugin made for a test.", *, members=None, **methods):
    """Return an instance of a new plugin class."""
    kind = type("Broken", (interface,), {"__doc__": doc, "__module__": __name__, **(members or {}), **methods})
    return dataclasses.dataclass(frozen=True, kw_only=True)(kind)()


def fails(check, subject, message, **options):
    """Show that a check raises AssertionError with a message."""
    with pytest.raises(AssertionError, match=message):
        check(subject, **options)


def importable(folder, monkeypatch, name, source):
    """Return a new module that every interpreter started from this test can import."""
    monkeypatch.setenv("PYTHONPATH", str(folder))
    monkeypatch.syspath_prepend(folder)
    (folder / f"{name}.py").write_text(source)
    return importlib.import_module(name)
