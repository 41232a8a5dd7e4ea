"""A new plugin as a complete distribution: names, templates, files."""

from __future__ import annotations

from prunescope.plugins.scaffold.names import Kind, Names, names
from prunescope.plugins.scaffold.writing import files, write_plugin

__all__ = ["Kind", "Names", "files", "names", "write_plugin"]
