# make sing   sing a song to out/
# make test   run the tests
# make samples   sing the samples that the README opens with, again
# make docs   build the site, out/site/index.html; wants pip install -e .[docs] in .venv
# make types, coverage, licences: for developers; they want pip install -e .[dev] in .venv
# All make .venv first, when it is missing or pyproject.toml has changed. Choose an interpreter with PYTHON=python3.12.

PYTHON ?= $(shell for python in python3.11 python3.12 python3.13 python3; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && break; done)
VENV := .venv
SONG := amazing_grace

.PHONY: sing test samples docs types coverage licences clean
.DELETE_ON_ERROR:

sing: $(VENV)/installed
	@mkdir -p out
	$(VENV)/bin/svs sing assets/scores/$(SONG).musicxml --verse all -o out/$(SONG).wav

test: $(VENV)/installed
	$(VENV)/bin/python -m pytest -q

samples: $(VENV)/installed
	$(VENV)/bin/python -m assets.samples.make

docs: $(VENV)/installed
	$(VENV)/bin/python -m mkdocs build --strict --quiet

types: $(VENV)/installed
	$(VENV)/bin/python -m mypy

coverage: $(VENV)/installed
	$(VENV)/bin/python -m coverage erase
	$(VENV)/bin/python -m coverage run -m pytest -q
	$(VENV)/bin/python -m coverage combine -q
	$(VENV)/bin/python -m coverage report

licences: $(VENV)/installed
	$(VENV)/bin/python -m benchmarks.licences > docs/LICENCES.md

clean:
	rm -rf $(VENV) out

$(VENV)/installed: pyproject.toml
	@test -n "$(PYTHON)" || { echo "make: Python 3.11 or newer was not found; say where it is: make PYTHON=/path/to/python3" >&2; exit 1; }
	@test -x $(VENV)/bin/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing svs and what it needs into $(VENV); the first time this takes some minutes."
	@$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --no-input --editable .
	@touch $@
