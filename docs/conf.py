"""How the site under docs/ is built: `make docs`. A warning is an error there."""

from __future__ import annotations

from importlib import metadata

project = "VMManager 6 Auto-Balancer"
author = "the vm-balancer contributors"
copyright = author
release = metadata.version("vm-balancer")

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
# The source folder is the repository, so that a link leads to the same page here and at the forge.
root_doc = "docs/index"
source_suffix = {".md": "markdown"}
include_patterns = ["*.md", "docs/*.md", "benchmarks/*.md"]
exclude_patterns = [".venv", ".git", "build", "dist", "bot", "balancer", "sandbox", "tests", ".demo", ".hypothesis"]

html_theme = "furo"
html_title = f"{project} {release}"
html_show_copyright = False
html_copy_source = False

# Headings get the anchors that the forge gives them.
myst_heading_anchors = 4

autodoc_typehints = "signature"
autodoc_member_order = "bysource"
autodoc_class_signature = "mixed"
napoleon_google_docstring = True
napoleon_numpy_docstring = False
