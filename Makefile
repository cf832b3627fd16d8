# Every target does its own set-up: a fresh machine needs Python >= 3.10 and make.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: help compile check test test-differential test-pythons test-image lint types format bench bench-engines bench-guard refresh-matrix clean

help: ## List the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 16

compile: $(VENV)/.installed ## Compile stack.toml against the live indexes into locks/, from nothing
	$(BIN)/stackc compile --upgrade

check: $(VENV)/.installed ## Check that locks/ is current, proved and unedited
	$(BIN)/stackc check

test: $(VENV)/.developed ## Run all tests; no network is needed once this is installed
	$(BIN)/pytest -n auto

test-differential: $(VENV)/.developed ## Put 220 generated and 21 recorded stacks to both engines; count where they differ
	$(BIN)/python tests/compare_engines.py

test-pythons: $(VENV)/.developed ## Compile with every Python >= 3.10 that is found and both engines, and compare the bytes
	$(BIN)/python tests/compare_pythons.py

test-image: $(VENV)/.developed ## Build images for real, good and faulty; needs root, buildah, debootstrap and the network
	STACKC_TEST_IMAGE=1 $(BIN)/pytest --timeout 900 tests/image

lint: $(VENV)/.developed ## Check style and format
	$(BIN)/ruff check
	$(BIN)/ruff format --check

types: $(VENV)/.developed ## Check types
	$(BIN)/mypy

format: $(VENV)/.developed ## Format the code
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

bench: $(VENV)/.developed ## Print the speed beside uv's, and how it grows; records the index pages first, which needs the network
	$(BIN)/python bench/bench.py
	$(BIN)/python bench/growth.py

bench-engines: $(VENV)/.developed ## Print the speed of both engines through the view and alone, without PEP 658; no network
	$(BIN)/python bench/engines.py

bench-guard: $(VENV)/.developed ## Print how long `stackc guard` takes for one file, and for a thousand
	$(BIN)/python bench/guard.py

refresh-matrix: $(VENV)/.installed ## Bring the generated tables of the matrix up to what the default index says now
	$(BIN)/python tools/refresh_matrix.py

clean: ## Remove the environment and all caches of the tools
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis dist build

$(VENV)/.created:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || \
	    { echo "stackc needs Python 3.10 or newer; name one with: make PYTHON=python3.12 ..." >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade 'pip>=26.1'
	@touch $@

$(VENV)/.installed: $(VENV)/.created pyproject.toml
	$(BIN)/python -m pip install --quiet --editable .
	@touch $@

$(VENV)/.developed: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --group dev
	@touch $@
