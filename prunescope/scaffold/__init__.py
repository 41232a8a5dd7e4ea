"""A new plugin as a complete distribution: names, templates, files."""

from __future__ import annotations

from prunescope.scaffold.names import Kind, Names, names
from prunescope.scaffold.writing import files, write

__all__ = ["Kind", "Names", "files", "names", "write"]
