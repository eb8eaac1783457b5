"""The manual: `make docs`. Code in its pages runs when it is built, and warnings are errors."""

from importlib import metadata

project = "jaxmeta"
author = "The jaxmeta authors"
release = metadata.version("jaxmeta")

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "sphinx_copybutton",
]
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3
nb_execution_mode = "force"
nb_execution_raise_on_error = True
nb_execution_timeout = 600
nb_execution_in_temp = True
# What JAX says of a machine without an accelerator is no part of a page.
nb_output_stderr = "remove"

autodoc_typehints = "none"  # the signature has them
autodoc_member_order = "bysource"
napoleon_google_docstring = True
napoleon_numpy_docstring = False

html_theme = "sphinx_book_theme"
html_title = "jaxmeta"
html_theme_options = {"show_toc_level": 2, "navigation_with_keys": False}
copybutton_exclude = ".linenos, .gp"
suppress_warnings = ["toc.empty_glob"]  # a page of a glob that is not there yet
