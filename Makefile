# Everything is done through this file, by people and by CI alike. `make help` lists the targets.
#
# All that is needed is Python >= 3.11 with venv and pip. What is installed comes from the lock files, as wheels with
# known hashes, into .venv here; nothing that happens to be on the machine is used. Where packages come from is pip's
# own configuration and stays as it is.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
CONFIG ?= holdfast.toml

# The environment may not change what is imported or where things are installed.
unexport PYTHONPATH PYTHONHOME PYTHONSTARTUP PYTHONUSERBASE PYTHONDONTWRITEBYTECODE PYTHONOPTIMIZE PYTHONWARNINGS
unexport PIP_TARGET PIP_PREFIX PIP_ROOT PIP_CONSTRAINT PIP_REQUIREMENT PIP_EDITABLE PIP_NO_BINARY PIP_REQUIRE_VIRTUALENV
unexport PYTEST_ADDOPTS PYTEST_PLUGINS MYPYPATH
export PYTHONNOUSERSITE := 1
export PIP_USER := no
export PIP_DISABLE_PIP_VERSION_CHECK := 1

# Wheels only: nothing is compiled. Bytecode is made when a module is first imported: far fewer are than are installed.
INSTALL := $(BIN)/python -m pip install -qq --no-compile --require-hashes --only-binary :all:

# What was installed, and is not looked at again until the file it came from changes.
LOCKED  := $(VENV)/.locked
RUNTIME := $(VENV)/.runtime
DEV     := $(VENV)/.dev

# The web page's libraries, from tools/client/package-lock.json by npm, and with them what checks the page (tools/client/vendor.py).
CLIENT     := src/holdfast/web/static/vendor/.made
CLIENT_DEV := tools/client/node_modules/.made

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup demo run quick test campaign check lint types client contracts tidy proofs bench fast torture lock clean

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 20

setup: $(DEV) $(CLIENT_DEV) ## make .venv with everything for working on Holdfast

demo: $(RUNTIME) $(CLIENT) ## watch strategies trade on a made-up market, offline
	@$(BIN)/holdfast demo $(ARGS)

run: $(RUNTIME) $(CLIENT) ## trade as CONFIG says (holdfast.toml)
	@$(BIN)/holdfast run -c $(CONFIG) $(ARGS)

NOT_QUICK := $(addprefix --ignore=tests/,contract crash monitor process torture world unit/tools) \
  $(addprefix --ignore=tests/scenario/,alpaca page web zerodha test_first_strategy.py test_recheck_limits.py) \
  $(addprefix --ignore=tests/unit/,alerting/test_courier.py sim/alpaca/faults sim/alpaca/market)

quick: $(DEV) ## run the tests that need no process, no server and no real data, and ask nothing of the tools (aim: 90 seconds)
	HOLDFAST_TESTS=quick $(BIN)/python -m pytest -n 2 -q $(NOT_QUICK) $(ARGS)

# Most of the tests' time is waiting for programs and their clocks, so there are more workers than processors; who has nothing left
# to do takes over from the others.
WORKERS := 4

test: $(DEV) $(CLIENT_DEV) ## run the tests (aim: 8 minutes on two idle cores; ARGS="-k name" for some of them)
	HOLDFAST_TESTS=test $(BIN)/python -m pytest -n $(WORKERS) --dist worksteal $(ARGS)

campaign: $(DEV) ## run the long proofs, for an hour, and go on where that was broken off (ARGS="--slice 1/4", ARGS=--list)
	$(BIN)/python -m tools.campaign $(ARGS)

check: lint types client contracts tidy proofs ## style, types, architecture, sizes, proofs (make -k check goes on after a failure)

lint: $(DEV)
	$(BIN)/ruff check
	$(BIN)/ruff format --check

types: $(DEV)
	$(BIN)/mypy

client: $(CLIENT_DEV)
	$(BIN)/python -m tools.client.types

contracts: $(DEV)
	$(BIN)/lint-imports --no-logo

tidy: $(DEV)
	$(BIN)/python -m tools.tidy

proofs: $(DEV)
	$(BIN)/python -m tools.fault_matrix
	$(BIN)/python -m tools.fault_table
	$(BIN)/python -m tools.order_table
	$(BIN)/python -m tools.campaign --check

bench: $(RUNTIME) ## measure; prints a report (ARGS="name ..." for some of the benches)
	$(BIN)/python -m bench $(ARGS)

fast: $(RUNTIME) ## build the compiled form as a second wheel, into .venv-fast (ARGS=--check compares its records with pure Python's)
	$(BIN)/python -m tools.fast $(ARGS)

torture: $(RUNTIME) ## kill engines and count what was lost (ARGS="--db postgres --kills 500")
	@$(BIN)/holdfast torture $(ARGS)

# A change of a lock file makes a new .venv, so that it never holds what is not in them.
$(LOCKED): requirements.lock requirements-dev.lock requirements-specs.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "Holdfast needs Python 3.11 or newer; '$(PYTHON)' is: $$($(PYTHON) --version 2>&1)." >&2; \
	  echo "Name a newer one: make $(MAKECMDGOALS) PYTHON=/path/to/python3.11" >&2; exit 1; }
	@echo "Making $(VENV) (once; it takes about half a minute)"
	@$(PYTHON) -m venv --clear $(VENV) || { \
	  echo "'$(PYTHON) -m venv' failed; on Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }
	@$(INSTALL) -r requirements.lock
	@touch $@

# Most changes of pyproject.toml are rules for the checks; what it says of the package itself is installed again, and nothing else.
$(RUNTIME): $(LOCKED) pyproject.toml
	@$(BIN)/python -m pip install -qq --no-deps --no-build-isolation --editable .
	@touch $@

$(DEV): $(LOCKED) | $(RUNTIME)
	@echo "Adding the tools for tests and checks to $(VENV)"
	@$(INSTALL) -r requirements-dev.lock
	@$(INSTALL) --no-deps --target $(VENV)/specs -r requirements-specs.lock
	@touch $@

# A page without its libraries says how to get them, so nothing stops for want of a network.
$(CLIENT): tools/client/package-lock.json tools/client/vendor.py | $(RUNTIME)
	@echo "Fetching the web page's libraries (once; it takes a few seconds)"
	@$(BIN)/python -m tools.client.vendor --optional

$(CLIENT_DEV): tools/client/package-lock.json tools/client/vendor.py | $(RUNTIME)
	@echo "Fetching the web page's libraries and what checks them"
	@$(BIN)/python -m tools.client.vendor --dev

# All locks hold for every platform and Python that pyproject.toml allows. Pins stay unless ARGS=--upgrade is given.
COMPILE := $(VENV)/lock/bin/uv pip compile --quiet --universal --python-version 3.11 --no-build --generate-hashes --no-header
LOCK := $(COMPILE) --all-extras pyproject.toml --group build

lock: ## resolve the dependencies of pyproject.toml anew into the lock files (ARGS=--upgrade for the newest)
	$(PYTHON) -m venv $(VENV)/lock
	$(VENV)/lock/bin/python -m pip install --quiet --only-binary :all: uv==0.13.8
	$(LOCK) $(ARGS) --output-file requirements.lock
	$(LOCK) $(ARGS) --group dev --constraint requirements.lock --output-file requirements-dev.lock
	$(COMPILE) $(ARGS) --group specs --no-deps --output-file requirements-specs.lock
	$(COMPILE) $(ARGS) --group fast --constraint requirements-dev.lock --output-file requirements-fast.lock
	$(COMPILE) $(ARGS) --group node --no-deps --output-file tools/client/node.lock

clean: ## remove .venv and every cache
	rm -rf $(VENV) .venv-fast build dist src/holdfast/web/static/vendor tools/client/node_modules .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find src tests tools bench -name __pycache__ -prune -exec rm -rf {} +
