# Every target uses the environment in .venv, and makes it where it is missing.
SHELL := /bin/bash
.SHELLFLAGS := -o pipefail -c
.DEFAULT_GOAL := help

VENV := .venv
BIN := $(VENV)/bin
PYTHON ?= python3
STAMP := $(VENV)/.setup-done
PIP := $(BIN)/python -m pip install --disable-pip-version-check
# One line of progress instead of a thousand; pip's errors still come through.
COUNT := awk '/^(Collecting|Obtaining)/ {printf "\r  %d fetched", ++n; fflush()} /^(Installing|Building)/ {printf ", installing"; fflush()} END {print ""}'
# Kernels and servers start by the hundred here: compile each module once, whatever the caller's shell wants.
unexport PYTHONDONTWRITEBYTECODE
COMPILED := click jupyter_core msgspec platformdirs rich typing_extensions.py
PARALLEL := --numprocesses 2 --dist loadfile
FRONT := $(shell git ls-files labextension 2>/dev/null)

.PHONY: help setup demo lab test test-fast check format bench build lock clean

help: ## Show this help
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  \033[36m%-10s\033[0m %s\n", $$1, $$2}'

setup: $(STAMP) ## Make .venv with everything the demo, the lab and the tests need

$(STAMP): requirements/dev.txt requirements/torch.txt pyproject.toml $(FRONT)
	@command -v node >/dev/null || { echo "error: Node.js (>= 20) is not on the PATH; install it, then run make again" >&2; exit 2; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing the pinned packages into $(VENV), a minute or two:"
	@$(PIP) --no-deps --no-compile --requirement requirements/dev.txt | $(COUNT)
	@$(PIP) --no-compile --requirement requirements/torch.txt | $(COUNT)
	@echo "Building the JupyterLab extension, about a minute:"
	@rm -rf jupyter_mlops/labextension
	@PATH="$(abspath $(BIN)):$$PATH" $(PIP) --no-deps --no-build-isolation --editable . | $(COUNT)
	@# What every command imports is compiled here: where Python may not write bytecode, each would do it anew.
	@$(BIN)/python -m compileall -q jupyter_mlops $(addprefix $(VENV)/lib/python3*/site-packages/,$(COMPILED))
	@touch $@

demo: setup ## From the example notebook to a gated, served, monitored model
	@$(BIN)/python example_notebooks/demo.py

lab: setup ## Open JupyterLab on the example notebooks
	cd example_notebooks && ../$(BIN)/jupyter lab

test: setup ## Run every check and every test
	@bash tests/debian-packages.sh
	$(MAKE) --no-print-directory check
	cd labextension && npm run --silent lint && npm test --silent
	$(BIN)/python -m pytest $(PARALLEL) --ignore tests/e2e
	@# In processes of their own: the browser's driver wants no event loop of an earlier test around.
	$(BIN)/python -m pytest $(PARALLEL) tests/e2e

test-fast: setup ## Run the tests that start no kernel, server or browser
	$(BIN)/python -m pytest -m "not slow" $(PARALLEL)

check: setup ## Lint, types, layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check --quiet .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

format: setup ## Format and mend what the linter can
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: setup ## Run the benchmarks: ours and the peer, with the ratio
	@for file in benchmarks/*.py; do echo "== $$file"; $(BIN)/python $$file || exit 1; done

build: setup ## Build the sdist and the wheel
	$(BIN)/python -m build --no-isolation

lock: ## Pin the development environment anew
	test -x $(BIN)/uv || $(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-header --no-emit-index-url --no-emit-find-links --no-annotate \
	  --extra lab --extra ploomber --extra postgres --extra ray --extra s3 --group dev pyproject.toml --output-file requirements/dev.txt

clean: ## Remove what was built and the environment
	rm -rf $(VENV) build dist labextension/node_modules labextension/lib jupyter_mlops/labextension
