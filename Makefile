# Needs GNU make 3.81 or later and Python 3.11 or later; everything else is installed into .venv.

PYTHON ?= $(shell for python in python3.14 python3.13 python3.12 python3.11 python3 python; do \
	$$python -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	&& echo $$python && break; done)
VENV := .venv
BIN := $(VENV)/bin
# Three processes on two cores: half of the tests wait for servers.
PYTEST := $(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder

export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help demo test lint format types docs benchmarks clean
.DELETE_ON_ERROR:

help:
	@echo "make demo    watch a mesh absorb failures, on this machine alone"
	@echo "make test    run every test; ends with a list of what was skipped, and why"
	@echo "make lint    check format and style         make format  put them right"
	@echo "make types   check types                    make docs    build the documentation in site/"
	@echo "make clean   remove what these made         make benchmarks   measure, in half an hour"

demo: $(VENV)/ready
	$(BIN)/python -m meshlib demo

test: $(VENV)/ready-tests $(VENV)/ready-typing
	$(PYTEST)

lint: $(VENV)/ready-lint
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

format: $(VENV)/ready-lint
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: $(VENV)/ready-typing
	$(BIN)/mypy meshlib

docs: $(VENV)/ready-docs
	$(BIN)/mkdocs build --strict

benchmarks: $(VENV)/ready-bench
	$(BIN)/python benchmarks --json report/report.json --plots report

clean:
	rm -rf $(VENV) site report dist .coverage .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	@test -n "$(PYTHON)" || { \
		echo "meshlib needs Python 3.11 or later, with its modules venv and ensurepip." >&2; \
		echo "Debian and Ubuntu: apt-get install python3-venv" >&2; \
		echo "Or name one that has them: make $(MAKECMDGOALS) PYTHON=/path/to/python3" >&2; \
		exit 1; }
	@$(PYTHON) -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' || { \
		echo "$(PYTHON) is older than Python 3.11, or lacks the modules venv and ensurepip." >&2; \
		exit 1; }
	$(PYTHON) -m venv $(VENV)

# A stamp is older than pyproject.toml when something else may have to be installed.
$(VENV)/ready: pyproject.toml $(BIN)/python
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"  # the first that knows --group
	$(BIN)/python -m pip install --quiet --editable ".[demo]"
	@touch $@

$(VENV)/ready-%: pyproject.toml $(VENV)/ready
	$(BIN)/python -m pip install --quiet --group $*
	@touch $@
