"""Writes a distribution from the templates beside this module."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prunescope.api.errors import UsageError
from prunescope.api.version import __version__

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from prunescope.plugins.scaffold.names import Names

SUMMARIES = {
    "probe": "confidence of a network's predictions",
    "pruner": "magnitude relative to the layer, ranked over the model",
    "trainer": "Adam with a constant learning rate",
    "rule": "the regime from linear mode connectivity alone",
    "dataset": "stripes in four directions, in noise",
    "executor": "each job in a new process, one after the other",
}
"""What the example of each kind does, to be replaced by the author."""


def files(names: Names) -> Mapping[str, str]:
    """Return the files of a new distribution: path inside its folder -> text."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("prunescope.plugins.scaffold", "templates"),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 - it writes Python and TOML
    )
    version = ".".join(__version__.split(".")[:2])
    templates = {
        "pyproject.toml": "pyproject.toml",
        "README.md": "README.md",
        f"src/{names.package}/__init__.py": f"{names.kind}.py",
        f"src/{names.package}/py.typed": "py.typed",
        f"tests/test_{names.package}.py": f"test_{names.kind}.py",
    }
    if names.kind != "executor":  # it performs methods and is none
        templates[f"src/{names.package}/references.bib"] = f"{names.kind}.bib"
    return {
        path: environment.get_template(f"{template}.j2").render(
            names=names, summary=SUMMARIES[names.kind], version=version
        )
        for path, template in templates.items()
    }


def write_plugin(names: Names, parent: Path) -> Path:
    """Write a new distribution into a folder of its own inside `parent`, and return that folder.

    Raises:
        UsageError: the folder is there already, or cannot be made.
    """
    folder = parent / names.distribution
    made = files(names)
    try:
        folder.mkdir(parents=True)
    except FileExistsError as error:
        raise UsageError(f"{folder} exists already", fix="choose another name, or --into another folder") from error
    except OSError as error:
        raise UsageError(f"cannot make {folder}: {error.strerror}", fix="give a writable folder: --into DIR") from error
    for path, text in made.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")
    return folder
