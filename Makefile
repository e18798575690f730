.DEFAULT_GOAL := help
.PHONY: help demo demo-workers test check lint types coverage format bench docs constraints clean

VENV := .venv
BIN := $(VENV)/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

# Looked for only when the environment is made: the first Python that is new enough.
PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && break; done)

PORT ?= 8000
PYTEST_WORKERS ?= auto
BENCH ?= benchmarks
PYTEST := $(BIN)/python -m pytest
RUN_TESTS = $(PYTEST) -n $(PYTEST_WORKERS) --dist loadgroup $(PYTEST_ARGS)

help: ## List the targets
	@sed -nE 's/^([a-z-]+):.*## (.*)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20

$(BIN)/pip:
	@test -n "$(PYTHON)" && $(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "Python 3.11 or newer is needed, and $$($(or $(PYTHON),python3) --version 2>&1) is what is here."; \
		echo "Install one, or say where it is: make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)"; exit 1; } >&2
	@$(PYTHON) -m venv --clear $(VENV) || { rm -rf $(VENV); exit 1; }
	@$(INSTALL) pip || { rm -rf $(VENV); exit 1; }

# The demo needs a fraction of what development needs, so it does not wait for the rest.
$(VENV)/.demo: pyproject.toml constraints.txt | $(BIN)/pip
	@echo "Installing what the demo needs into $(VENV) ..."
	@$(INSTALL) --group demo --editable .
	@touch $@

$(VENV)/.dev: pyproject.toml constraints.txt | $(BIN)/pip
	@echo "Installing what development needs into $(VENV) ..."
	@$(INSTALL) --group dev --editable '.[all]'
	@touch $@

demo: $(VENV)/.demo ## Serve the example API with real data on http://127.0.0.1:8000 (PORT=... moves it)
	@$(BIN)/python example/manage.py demo --port $(PORT)

# Celery and its client for Redis are what two workers need besides.
$(VENV)/.workers: $(VENV)/.demo
	@$(INSTALL) --editable '.[celery]'
	@touch $@

demo-workers: $(VENV)/.workers ## Serve the same with Celery: two workers do the jobs (DEMO_BROKER names the Redis)
	@DRF_COMMONS_TRANSFER_RUNNER=celery $(if $(DEMO_BROKER),DEMO_BROKER=$(DEMO_BROKER)) \
		$(BIN)/python example/manage.py demo --port $(PORT) --workers 2

test: $(VENV)/.dev ## Run the test suite (DATABASE_URL chooses the database, SQLite by default)
	@$(RUN_TESTS)

check: lint types coverage ## Run every check: ruff, format, import-linter, mypy, pyright, tests with coverage

lint: $(VENV)/.dev ## Check style, format and imports
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/lint-imports

types: $(VENV)/.dev ## Check types with mypy and pyright, that none is missing, and that the stubs are fresh
	@$(BIN)/mypy
	@$(BIN)/pyright
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/pyright --verifytypes drf_commons --ignoreexternal >$(VENV)/types.txt || \
		{ cat $(VENV)/types.txt; exit 1; }
	@$(BIN)/python example/manage.py generate_types aviation --stubs stubs --check

coverage: $(VENV)/.dev ## Run the test suite and fail where too little of the library is run
	@$(RUN_TESTS) --cov --cov-report=term

format: $(VENV)/.dev ## Format the code
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

bench: $(VENV)/.dev ## Run the benchmarks and their guards (BENCH_SIZE=small is quick, BENCH=benchmarks/bench_bulk.py one file)
	@$(PYTEST) $(BENCH) -p no:randomly --benchmark-quiet --benchmark-autosave \
		--benchmark-storage=benchmarks/results $(PYTEST_ARGS)

docs: $(VENV)/.dev ## Build the documentation into docs/_build/html
	@$(BIN)/sphinx-build -W --keep-going --quiet -b html docs docs/_build/html

constraints: $(VENV)/.dev ## Write the installed versions to constraints.txt
	@$(BIN)/python -m pip list --format freeze --exclude drf-commons > $(VENV)/versions.txt
	@(sed -n '/^#/p' constraints.txt; cat $(VENV)/versions.txt) > $(VENV)/constraints.txt
	@mv $(VENV)/constraints.txt constraints.txt

clean: ## Remove the environment, caches, reports and the demo's database
	@rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache .nox .benchmarks
	@rm -rf .coverage .coverage.* htmlcov benchmarks/results docs/_build example/demo.sqlite3* example/media
