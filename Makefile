# `make` shows the verbs.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help demo test lint types scan baseline fix bench chaos fuzz audit deploy-check revision lock screenshots test-cockroach clean

help: ## Show the verbs
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-16s %s\n", $$1, $$2}'

$(STAMP): pyproject.toml requirements.lock
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.12 ...")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --require-hashes --requirement requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	touch $@

demo: $(STAMP) ## Set up, then watch an invented company's apps: no account needed
	$(BIN)/connectors demo --once

# Tests wait for processes and databases as often as they compute, hence three workers even on two cores; work is stolen
# from the end of another's list, so that a file's tests, and what they share, mostly stay with one.
test: $(STAMP) ## Set up, then run every test
	$(BIN)/python -m pytest --numprocesses 3 --dist worksteal --quiet

lint: $(STAMP) ## Look for mistakes of style
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(STAMP) ## Check the types
	$(BIN)/mypy

SCAN = $(BIN)/connectors scan . --tracked --no-progress

scan: $(STAMP) ## Look for secrets and personal data in what git tracks
	$(SCAN) --baseline .connectors-baseline.json

baseline: $(STAMP) ## Let what `make scan` finds now stand from now on
	$(SCAN) --write-baseline .connectors-baseline.json

fix: $(STAMP) ## Repair what can be repaired by itself
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(STAMP) ## Measure, each figure beside its baseline (minutes; never part of the tests)
	$(BIN)/python -m bench

chaos: $(STAMP) ## Break things on purpose and report how it recovers
	$(BIN)/python -m pytest tests/chaos --quiet --show-capture=no -o addopts="--import-mode=importlib" $(options)

fuzz: $(STAMP) ## Throw mutated bytes at every parser of outside input: make fuzz [seconds=60] for each; keeps what breaks one
	CONNECTORS_FUZZ=$(or $(seconds),20) $(BIN)/python -m pytest tests/fuzz --timeout 0 --quiet

audit: $(STAMP) ## Look the locked dependencies up among known vulnerabilities
	$(BIN)/python scripts/audit.py

deploy-check: $(STAMP) ## Render the chart, hold it to Kubernetes' schema, lint the Dockerfile, read the Terraform module
	$(BIN)/python scripts/check_deploy.py

test-cockroach: $(STAMP) ## Run the whole suite on the cluster that CONNECTORS_TEST_DATABASE_URL names: cockroachdb://root@host:26257/scratch
	test -n "$$CONNECTORS_TEST_DATABASE_URL"
	$(BIN)/python -m pytest --quiet

revision: $(STAMP) ## Write a migration for changed tables: make revision m="why"
	$(BIN)/python scripts/new_revision.py $(m)

screenshots: $(STAMP) ## Take the pictures of the dashboard for the docs
	$(BIN)/python scripts/screenshots.py

lock: ## Resolve the dependencies again, with hashes
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-header \
		--all-extras pyproject.toml --output-file requirements.lock

clean: ## Remove what make made
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis
