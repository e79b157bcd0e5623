# `make demo` runs the main job, `make test` the tests; each makes the virtual environment by itself.

PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test test-pure test-all lint bench bench-large bench-guard stub clean

.venv/.made: pyproject.toml setup.py $(wildcard */native/*.pyx */native/*.pxd)
	$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 11) and 'docstore needs Python 3.11 or later')"
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[dev,bench]"
	@touch $@

demo: .venv/.made
	$(BIN)/docstore demo

test: .venv/.made
	$(BIN)/python -m pytest -n 2 --dist worksteal

test-pure: .venv/.made
	DOCSTORE_NATIVE=0 $(BIN)/python -m pytest -n 2 --dist worksteal tests/language tests/docstore tests/metamorphic tests/model

test-all: .venv/.made
	$(BIN)/python -m pytest -n 2 --dist worksteal --slow

lint: .venv/.made
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: .venv/.made
	$(BIN)/python -m benchmarks --json benchmarks/results.json --picture docs/benchmarks.svg

bench-large: .venv/.made
	$(BIN)/python -m benchmarks --large

bench-guard: .venv/.made
	$(BIN)/python -m benchmarks --guard benchmarks/baseline.json

stub: .venv/.made
	$(BIN)/python -m query.stub
	$(BIN)/python -m query.reference

clean:
	rm -rf .venv build *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
