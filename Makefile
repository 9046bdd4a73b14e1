# Two commands do everything on a fresh machine: `make run` and `make test`. `make` alone lists the others.
SHELL := /bin/bash
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
WORKERS ?= 2
# The tests that need no database: pure rules, in seconds.
FAST := $(wildcard tests/test_domain_*.py tests/test_mapping*.py tests/test_settings.py \
	tests/test_tokens*.py tests/test_issuer*.py)

.DEFAULT_GOAL := help
.PHONY: help run test check fast format lint types contracts test-15 bench golden sdl migration graphiql forget clean

help: ## list the commands
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

run: $(VENV)/.runtime graphiql ## serve the demo bank on 127.0.0.1:8000 (HOST, PORT, DATA_HOME, DATABASE_URL)
	@exec $(BIN)/python -m api run $(if $(SCALE),--scale $(SCALE)) $(if $(CLIENTS),--clients $(CLIENTS))

test: $(VENV)/.dev graphiql ## run the whole suite on its own throw-away server (or on DATABASE_URL's)
	$(BIN)/python -m pytest -q -n $(WORKERS) --dist loadscope --no-loadscope-reorder $(TESTS)

check: format lint types contracts fast test-15 test ## all that CI runs

fast: $(VENV)/.dev ## run the tests that need no database
	$(BIN)/python -m pytest -q $(FAST)

format: $(VENV)/.dev
	$(BIN)/ruff format --check .

lint: $(VENV)/.dev
	$(BIN)/ruff check .

types: $(VENV)/.dev
	$(BIN)/mypy

contracts: $(VENV)/.dev
	$(BIN)/lint-imports

test-15: $(VENV)/.dev graphiql ## run the whole suite on Debian's PostgreSQL 15, where it is installed
	.ci/with-postgres-15 $(BIN)/python -m pytest -q -n $(WORKERS) --dist loadscope --no-loadscope-reorder $(TESTS)

bench: $(VENV)/.runtime bench/postgraphile/node_modules/.package-lock.json ## measure beside the peers, write bench/RESULTS.md (OPTIONS="--quick")
	$(BIN)/python -m bench $(OPTIONS)

golden: $(VENV)/.dev ## write the statements of the sample operations anew (tests/golden): read the diff
	WRITE_GOLDEN=1 $(BIN)/python -m pytest -q tests/test_compiled_golden.py

sdl: $(VENV)/.runtime ## write schema/schema.graphql anew
	$(BIN)/python -m api sdl

migration: $(VENV)/.runtime ## write a migration from what changed in tenants/tables: make migration m="what it does"
	$(BIN)/python -m api migration "$(m)"

graphiql: $(VENV)/.runtime
	@$(BIN)/python -m api.graphiql.install

forget: $(VENV)/.runtime ## delete the embedded bank of this checkout, after asking
	@$(BIN)/python -m api forget

clean: ## remove what was built; the embedded bank stays (make forget deletes it)
	rm -rf $(VENV) .tools api/graphiql/assets .mypy_cache .ruff_cache .import_linter_cache .hypothesis

bench/postgraphile/node_modules/.package-lock.json: bench/postgraphile/package-lock.json
	@command -v npm >/dev/null || { echo "npm is needed for PostGraphile: on Debian, apt-get install npm"; exit 1; }
	cd bench/postgraphile && npm ci --no-audit --no-fund --loglevel=error
	@touch $@

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed; name it: make PYTHON=/path/to/python3.11"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); echo "on Debian: apt-get install python3-venv"; exit 1; }

$(VENV)/.runtime: requirements.lock | $(VENV)/bin/python
	$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements.lock
	@touch $@

$(VENV)/.dev: requirements-dev.lock | $(VENV)/.runtime
	$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@touch $@
