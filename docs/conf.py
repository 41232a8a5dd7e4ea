"""How Sphinx builds the documentation; `nox -s docs` runs it with every warning an error."""

from __future__ import annotations

import prunescope

project = "prunescope"
author = "The prunescope developers"
project_copyright = "The prunescope developers"
version = release = prunescope.__version__

extensions = ["myst_parser"]
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
exclude_patterns = ["_build"]

html_theme = "furo"
html_title = f"prunescope {version}"
