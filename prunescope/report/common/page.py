"""What the HTML reports share: templates, style sheets, scripts, pictures as markup, words that stay on one line."""

from __future__ import annotations

import base64
import hashlib
from importlib.resources import files
from typing import TYPE_CHECKING

from prunescope.api import Regime

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

NO_BREAK = "\N{NO-BREAK SPACE}"

SLUGS: dict[Regime | None, str] = {
    Regime.I: "regime-i",
    Regime.II: "regime-ii",
    Regime.II_A: "regime-iia",
    Regime.II_B: "regime-iib",
    Regime.UNRESOLVED: "unresolved",
    None: "dense",
}
"""Regime -> its class in the style sheets; None: a dense model."""


def read_text(name: str) -> str:
    """Return a file of the report room, for example "common/style.css"."""
    return files("prunescope.report").joinpath(name).read_text(encoding="utf-8")


def make_environment() -> Environment:
    """Return what renders the templates of the report room: values are escaped, an unknown name is an error."""
    from jinja2 import Environment, FunctionLoader, StrictUndefined

    return Environment(
        loader=FunctionLoader(read_text),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def write_policy(script: str = "") -> str:
    """Return the Content-Security-Policy of a page: nothing is loaded, and of scripts this one alone is run.

    >>> write_policy()
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
    >>> write_policy("let a;").rpartition("; ")[2]
    "script-src 'sha256-81WALLbUROF1pWdYjuQYKuIcGgY/+TqVJr8UsV6Tkvo='"
    """
    policy = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
    if not script:
        return policy
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return f"{policy}; script-src 'sha256-{digest}'"


def keep_percents(text: str) -> str:
    """Keep every number and its percent sign on one line."""
    return text.replace(" %", f"{NO_BREAK}%")


def as_markup(svg: str) -> Markup:
    """Let a picture into a template as it is."""
    from markupsafe import Markup

    return Markup(svg)  # noqa: S704 - our own SVG, escaped
