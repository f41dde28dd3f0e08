# Everything here works in a fresh clone: the first target that needs it makes the environment.

VENV := .venv
STAMP := $(VENV)/.stamp
BIN := $(VENV)/bin
PYTHON := $(BIN)/python
# Processes of the test run: two for each processor, since tests also wait for servers and processes, and eight at
# the most; PYTEST_ARGS and TESTS narrow it: make test TESTS=tests/jobs
PROCESSORS := $(shell nproc 2>/dev/null || getconf _NPROCESSORS_ONLN 2>/dev/null || echo 1)
WORKERS ?= $(shell test $(PROCESSORS) -lt 4 && expr 2 '*' $(PROCESSORS) || echo 8)
TESTS ?=
PYTEST_ARGS ?=
# Seconds for which each of the longest soak tests goes on
SOAK_SECONDS ?= 240
# Narrows a run of the benchmarks: make bench BENCH_ARGS="drain --repeats 1"
BENCH_ARGS ?=
CODE := django_taskq tests example_project manage.py
STATIC := DJANGO_SETTINGS_MODULE=tests.settings_static PYTHONPATH=.

.DEFAULT_GOAL := help
.PHONY: help demo serve test lint types imports migrations messages pytest screenshots soak bench plots docs format constraints clean

help: ## print the targets
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1|\2/p' $(MAKEFILE_LIST) | \
		while IFS='|' read -r target text; do printf '%-20s %s\n' "$$target" "$$text"; done

$(STAMP): pyproject.toml .ci/constraints.txt .ci/bootstrap.sh
	@sh .ci/bootstrap.sh $(VENV)
	@touch $@

demo: $(STAMP) ## run the example project's demonstration
	@$(PYTHON) -m example_project.demo

serve: $(STAMP) ## serve the example project with its worker
	@$(PYTHON) -m example_project.serve

test: ## lint, types, import contract, missing migrations, then all tests
	@$(MAKE) --no-print-directory lint types imports migrations
	@sh .ci/chromium.sh || true
	@$(MAKE) --no-print-directory pytest

lint: $(STAMP) ## check style and formatting
	@$(BIN)/ruff check $(wildcard $(CODE))
	@$(BIN)/ruff format --check $(wildcard $(CODE))

types: $(STAMP) ## check types
	@$(BIN)/mypy

imports: $(STAMP) ## check that imports go down the layers only
	@$(BIN)/lint-imports --no-logo

migrations: $(STAMP) ## check that no migration is missing
	@$(STATIC) $(PYTHON) -m django makemigrations --check --dry-run django_taskq

messages: $(STAMP) ## find what is marked for translation, compile the catalogues (needs GNU gettext)
	@sh .ci/messages.sh $(CURDIR)/$(BIN)/python

pytest: $(STAMP) ## run the tests alone
	@$(PYTHON) -m pytest -n $(WORKERS) --dist worksteal $(PYTEST_ARGS) $(TESTS)

soak: $(STAMP) ## run the long tests that inject faults
	@SOAK_SECONDS=$(SOAK_SECONDS) $(PYTHON) -m pytest -m soak --timeout 0 $(PYTEST_ARGS) $(TESTS)

bench: $(STAMP) ## measure
	@$(PYTHON) -m tests.benchmarks $(BENCH_ARGS)

plots: $(STAMP) ## measure fairness and limits, draw the plots, fill the tables of docs/fairness.md
	@$(PYTHON) -m tests.benchmarks fairness $(BENCH_ARGS)
	@$(PYTHON) -m tests.benchmarks.plots

docs: $(STAMP) ## build the documentation into docs/_build
	@$(BIN)/sphinx-build --fail-on-warning --keep-going --quiet docs docs/_build/html
	@echo "docs/_build/html/index.html"

screenshots: $(STAMP) ## take the pictures of the guide anew, in Chromium
	@sh .ci/chromium.sh
	@$(PYTHON) -m tests.browser.screenshots

format: $(STAMP) ## format the code and mend what can be mended
	@$(BIN)/ruff check --fix-only $(wildcard $(CODE))
	@$(BIN)/ruff format $(wildcard $(CODE))

constraints: ## write .ci/constraints.txt anew (needs a package index)
	@sh .ci/constraints.sh

clean: ## remove the environments and everything built
	@rm -rf $(VENV) .ci/venvs build dist docs/_build .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	@find $(wildcard $(CODE)) -name __pycache__ -type d -prune -exec rm -rf {} +
