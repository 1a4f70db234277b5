"""Settings of the documentation."""

import singerlearn

project = "singerlearn"
copyright = "2026, the singerlearn developers"
release = version = singerlearn.__version__
extensions = ["sphinx.ext.autodoc", "sphinx.ext.autosummary", "numpydoc"]
autosummary_generate = True
numpydoc_show_class_members = False
# Docstrings inherited from scikit-learn refer to pages of its own documentation.
suppress_warnings = ["ref.ref"]
exclude_patterns = ["_build"]
html_theme = "alabaster"
