# `make demo` and `make test` need nothing but Python 3.11 or newer: they make a virtual
# environment in .venv when there is none, and reuse it after.

PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python
DATA ?=

.PHONY: demo test docs clean

demo: $(VENV)/installed
	$(RUN) examples/demo.py $(if $(DATA),"$(DATA)")

test: $(VENV)/installed
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(RUN) -m pytest -n auto

docs: $(VENV)/installed
	$(RUN) -m sphinx -W -b html docs docs/_build/html

$(VENV)/installed: setup.py constraints.txt
	test -x $(RUN) || $(PYTHON) -m venv $(VENV)
	$(RUN) -m pip install --quiet --constraint constraints.txt --editable ".[plots,m4a,docs,test]"
	touch $@

clean:
	rm -rf $(VENV) demo_output docs/_build
