"""Settings of the documentation."""

import re

import singerlearn

project = "singerlearn"
copyright = "2026, the singerlearn developers"
release = version = singerlearn.__version__
extensions = ["sphinx.ext.autodoc", "sphinx.ext.autosummary", "numpydoc"]
autosummary_generate = True
templates_path = ["_templates"]
# The template of classes shows their members, with all parameters.
numpydoc_show_class_members = False
# Docstrings inherited from scikit-learn refer to pages of its own documentation.
suppress_warnings = ["ref.ref"]
exclude_patterns = ["_build", "_templates"]
html_theme = "alabaster"

# What scikit-learn adds to every estimator, to route metadata.
ROUTING = re.compile(r"get_metadata_routing|set_\w+_request")


def leave_out(app, what, name, member, skip, options):
    """Leave out routing, and fields of named tuples, which "Attributes" has."""
    is_field = type(member).__name__ == "_tuplegetter"
    return True if is_field or ROUTING.fullmatch(name) else None


def setup(app):
    """Let members be left out."""
    app.connect("autodoc-skip-member", leave_out)
