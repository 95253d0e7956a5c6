"""How Sphinx makes HTML of these pages; `nox -s docs` runs it, with warnings as errors. tilepool must be importable."""

import tilepool

project = "tilepool"
author = "tilepool developers"
copyright = author
version = release = tilepool.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.autosummary", "numpydoc"]
myst_heading_anchors = 3  # [semantics.md](semantics.md#missing-cells), as on a forge
smartquotes = False  # a quoted word is one to be typed
nitpicky = True  # a link that leads nowhere is a warning
nitpick_ignore_regex = [("py:obj", r"numpy\..*")]  # its list of names would have to be fetched

default_role = "autolink"  # `max_pool` in a docstring is a link, `x` is not
autodoc_typehints = "none"  # signatures show names and defaults; the list of parameters says the rest
numpydoc_show_class_members = False

html_theme = "furo"
html_title = f"tilepool {release}"
html_copy_source = False
html_static_path = ["wide.css"]
html_css_files = ["wide.css"]
