# make run and make test do all their own set-up; they need Python >= 3.11 and nothing else.

PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
BIN := .venv/bin

.PHONY: run test test-all check bench clean

run: .venv/.run
	$(BIN)/tissue run runs/shrew.toml --overwrite

test: .venv/.test
	$(BIN)/python -m pytest -q -m "not slow"

test-all: .venv/.test
	$(BIN)/python -m pytest -q -m slow

check: .venv/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: .venv/.run
	$(BIN)/python benchmarks/step.py

.venv/bin/python:
	@test -n "$(PYTHON)" || { echo "tissue needs Python 3.11 or newer; set PYTHON=/path/to/python3"; exit 1; }
	$(PYTHON) -m venv .venv

.venv/.run: .venv/bin/python pyproject.toml constraints.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e .
	@touch $@

.venv/.test: .venv/.run
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[test]"
	@touch $@

clean:
	rm -rf .venv runs/out .pytest_cache .mypy_cache .ruff_cache
