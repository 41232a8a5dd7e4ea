"""The templates and style sheets of the reports."""

from __future__ import annotations

from importlib.resources import files


def read_text(name: str) -> str:
    """Return a file of the report room, for example "common/style.css"."""
    return files("prunescope.report").joinpath(name).read_text(encoding="utf-8")
