"""How Sphinx builds the documentation; `nox -s docs` runs it with every warning an error."""

from __future__ import annotations

import sys
from pathlib import Path

import prunescope

sys.path.insert(0, str(Path(__file__).parent))  # the extension link_terms lies here

project = "prunescope"
author = "The prunescope developers"
project_copyright = "The prunescope developers"
version = release = prunescope.__version__

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "link_terms"]
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
exclude_patterns = ["_build"]

nb_execution_mode = "force"  # the notebook runs from top to bottom at every build
nb_execution_in_temp = True
nb_execution_raise_on_error = True
nb_execution_timeout = 600
nb_output_stderr = "remove"  # warnings of other packages

autodoc_typehints = "none"  # the help of each parameter says what it takes
autodoc_member_order = "bysource"

html_theme = "furo"
html_title = f"prunescope {version}"
