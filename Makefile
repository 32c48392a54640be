VENV := .venv
BIN := $(VENV)/bin
# The first interpreter that is new enough; set PYTHON to choose another.
PYTHON ?= $(firstword $(foreach name,python3 python3.13 python3.12 python3.11 python,\
	$(if $(shell $(name) -c 'import sys; (3, 11) <= sys.version_info[:2] < (3, 14) and print("yes")' 2>/dev/null),$(name))))
UV := $(shell command -v uv 2>/dev/null)
export KEDRO_DISABLE_TELEMETRY := 1
# the theme's advertisement of another program
export NO_MKDOCS_2_WARNING := 1

.PHONY: help install run test lint format bench docs viz lock clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(VENV)/installed ## create .venv and install what the lock file pins

$(VENV)/installed: requirements.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "No Python 3.11, 3.12 or 3.13 found. Install one, or name it: make install PYTHON=/path/to/python3" >&2; exit 1; }
ifdef UV
	$(UV) venv --quiet --clear --no-python-downloads --python "$(PYTHON)" $(VENV)
	$(UV) pip install --quiet --python $(BIN)/python --require-hashes -r requirements.lock
	$(UV) pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
else
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
endif
	@touch $@

run: install ## run everything on the generated sample cells
	$(BIN)/kedro run

test: install ## run all tests, with coverage
	$(BIN)/pytest --cov

lint: install ## check style, types and import contracts
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

format: install ## let ruff rewrite the code
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

bench: install ## measure speed and memory beside other libraries (minutes); writes bench.json
	$(BIN)/python benchmarks/run.py --out bench.json

docs: install ## build the documentation into site/
	$(BIN)/mkdocs build --strict

# %s is the address of the server, once it is up; with every dataset shown, the first screen could not be read.
viz: install ## open the pipelines in kedro-viz
	BROWSER="env BROWSER='$(BROWSER)' $(BIN)/python -m webbrowser %s?types=nodes" $(BIN)/kedro viz run

lock: ## resolve pyproject.toml into requirements.lock (needs uv)
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links \
		--no-header --all-extras --group test --group lint --group docs --group build --output-file requirements.lock pyproject.toml

clean: ## remove what tools leave behind, and .venv
	rm -rf $(VENV) site dist build .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .coverage .hypothesis
