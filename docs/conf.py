"""The site: `make docs` builds it into ``docs/_build/html``; a warning is an error."""

from __future__ import annotations

import sys
from importlib.metadata import version as version_of
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))  # generators/

project = "ctrader_twisted"
author = "ctrader_twisted contributors"
project_copyright = author
release = version = version_of("ctrader_twisted")

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.viewcode",
    "sphinx_copybutton",
    "generators",
]
exclude_patterns = ["_build", "generators"]

# Pages are read where they lie, too: their links are those between files, and headings can be pointed at.
myst_heading_anchors = 4
myst_enable_extensions = ["attrs_inline", "colon_fence"]

html_theme = "furo"
html_title = "ctrader_twisted"
html_static_path: list[str] = []
html_copy_source = False

copybutton_prompt_text = "$ "  # what is copied of a console is its commands

default_role = "name"  # single backticks in docstrings: a link where they name something (generators/names.py)
add_module_names = False
python_use_unqualified_type_names = True
toc_object_entries_show_parents = "hide"

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_class_signature = "separated"

nitpicky = True
