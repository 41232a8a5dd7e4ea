"""Libraries that some tests need and most environments lack: skipped without, but not where they are promised."""

from __future__ import annotations

import os
from importlib import import_module

import pytest


def wanted(name):
    """Return a library; skip the tests of the module without it, except in `nox -s interop` and `nox -s browser`."""
    return import_module(name) if os.environ.get("PRUNESCOPE_INTEROP") else pytest.importorskip(name)
