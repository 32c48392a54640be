VENV := .venv
BIN := $(VENV)/bin
# The first interpreter that is new enough; set PYTHON to choose another.
PYTHON ?= $(firstword $(foreach name,python3 python3.13 python3.12 python3.11 python,\
	$(if $(shell $(name) -c 'import sys; (3, 11) <= sys.version_info[:2] < (3, 14) and print("yes")' 2>/dev/null),$(name))))
UV := $(shell command -v uv 2>/dev/null)
ifdef UV
PIP := $(UV) pip install --quiet --python $(BIN)/python
else
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
endif
COMPILE := uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-strip-extras --no-annotate \
	--no-header --no-emit-index-url --no-emit-find-links
export KEDRO_DISABLE_TELEMETRY := 1
# the theme's advertisement of another program
export NO_MKDOCS_2_WARNING := 1

.PHONY: help install run test lint format bench docs viz lock clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(VENV)/installed ## create .venv and install what running needs

$(VENV)/installed: requirements.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "No Python 3.11, 3.12 or 3.13 found. Install one, or name it: make install PYTHON=/path/to/python3" >&2; exit 1; }
ifdef UV
	$(UV) venv --quiet --clear --no-python-downloads --python "$(PYTHON)" $(VENV)
else
	$(PYTHON) -m venv --clear $(VENV)
endif
	$(PIP) --require-hashes -r requirements.lock
	$(PIP) --no-deps --no-build-isolation --editable .
	@touch $@

dev: $(VENV)/developed ## add what testing, linting, notebooks, kedro-viz and the documentation need

$(VENV)/developed: requirements-dev.lock $(VENV)/installed
	$(PIP) --require-hashes -r requirements-dev.lock
	@touch $@

run: install ## run everything on the generated sample cells
	$(BIN)/kedro run

test: dev ## run all tests, with coverage
	$(BIN)/pytest --cov --numprocesses=2 --dist=loadgroup

lint: dev ## check style, types and import contracts
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

format: dev ## let ruff rewrite the code
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

bench: dev ## measure speed and memory beside other libraries (minutes); writes bench.json
	$(BIN)/python benchmarks/run.py --out bench.json

docs: dev ## build the documentation into site/
	$(BIN)/mkdocs build --strict

# %s is the address of the server, once it is up; with every dataset shown, the first screen could not be read.
viz: dev ## open the pipelines in kedro-viz
	BROWSER="env BROWSER='$(BROWSER)' $(BIN)/python -m webbrowser %s?types=nodes" $(BIN)/kedro viz run

# Extras stay in the files: without them, plain pip takes the newest release of a package that another one wants with
# an extra, and then finds no hash for it.
lock: ## resolve pyproject.toml into the lock files (needs uv)
	$(COMPILE) --all-extras --group test --group lint --group docs --group build --output-file requirements-dev.lock pyproject.toml
	$(COMPILE) --constraints requirements-dev.lock --extra cnn --group build --output-file requirements.lock pyproject.toml

clean: ## remove what tools leave behind, and .venv
	rm -rf $(VENV) site dist build .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .coverage .hypothesis
