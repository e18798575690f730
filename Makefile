.DEFAULT_GOAL := help
.PHONY: help demo test check lint format types bench docs constraints clean

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
PYTEST_WORKERS ?= auto

help: ## List the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## (.*)/  make \1\t\2/' | expand -t 20

$(STAMP): pyproject.toml constraints.txt
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt 'pip>=25.1'
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --group dev --editable '.[all]'
	@touch $@

demo: $(STAMP) ## Serve the example API with real data on http://127.0.0.1:8000
	@$(BIN)/python example/manage.py demo

test: $(STAMP) ## Run the test suite (DATABASE_URL chooses the database, SQLite by default)
	@$(BIN)/python -m pytest -n $(PYTEST_WORKERS) $(PYTEST_ARGS)

lint: $(STAMP)
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/lint-imports

types: $(STAMP)
	@$(BIN)/mypy
	@$(BIN)/pyright

check: lint types ## Run every check: ruff, format, import-linter, mypy, pyright, tests with coverage
	@$(BIN)/python -m pytest -n $(PYTEST_WORKERS) --cov --cov-report=term $(PYTEST_ARGS)

format: $(STAMP) ## Format the code
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

bench: $(STAMP) ## Run the benchmarks and their guards
	@$(BIN)/python -m pytest benchmarks --benchmark-only -p no:randomly $(PYTEST_ARGS)

docs: $(STAMP) ## Build the documentation into docs/_build/html
	@$(BIN)/sphinx-build -W --keep-going -b html docs docs/_build/html

constraints: $(STAMP) ## Write the installed versions to constraints.txt
	@$(BIN)/python -m pip list --format freeze --exclude drf-commons --exclude pip > $(VENV)/versions.txt
	@(sed -n '/^#/p' constraints.txt; cat $(VENV)/versions.txt) > $(VENV)/constraints.txt
	@mv $(VENV)/constraints.txt constraints.txt

clean: ## Remove the environment, caches and reports
	@rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis .coverage* htmlcov docs/_build example/demo.sqlite3
