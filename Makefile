# The commands of this project; each sets up what it needs first.
SHELL := /bin/sh
PY := .venv/bin/python
# How many tests run at a time
WORKERS ?= 2
# Node of the virtual environment where the machine has none
export PATH := $(CURDIR)/.venv/node/bin:$(PATH)
.DEFAULT_GOAL := help
.PHONY: help setup setup-test run test test-long check bench screenshots lock coverage conformance

help: ## what there is
	@echo "make run          set up, start, print the address (HUB_PORT=8000 DICOM_PORT=11112 DATA_DIR=var DEMO=1)"
	@echo "make test         set up what tests need, then the tests"
	@echo "make test-long    the tests that take minutes"
	@echo "make check        style, types, the walls between the parts"
	@echo "make bench        the figures of docs/bench.md; ONLY=<prefix> runs a part"
	@echo "make screenshots  pictures of every page into docs/screenshots"
	@echo "make coverage     which test proves which clause, into docs/coverage.md"
	@echo "make conformance  the node's settings and conformance statement, from its code, into docs"
	@echo "make lock         requirements.lock and requirements-lab.lock anew from pyproject.toml"
	@echo "make setup        only the set-up"

setup:
	@sh hub_config/setup.sh run

setup-test:
	@sh hub_config/setup.sh test

run: setup
	@exec $(PY) -m hub_config run

test: setup-test
	$(PY) -m ruff check --quiet .
	.venv/bin/lint-imports --no-cache
	$(PY) -m pytest -q -m "not long" -n $(WORKERS) --dist loadscope --durations 25
	npm test --silent

test-long: setup-test
	$(PY) -m pytest -q -m long --timeout 1800

check: setup-test
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy
	.venv/bin/lint-imports
	npm run --silent typecheck
	npm run --silent lint

bench:
	@sh hub_config/setup.sh bench
	$(PY) -m bench $(ONLY)

screenshots: setup-test
	$(PY) -m docs.screenshots

coverage: setup-test
	$(PY) -m docs.coverage

conformance: setup-test
	$(PY) -m docs.conformance
	$(PY) -m docs.node

lock: setup-test
	.venv/bin/uv pip compile pyproject.toml --extra test --generate-hashes --no-emit-index-url --no-header --python-version 3.11 -o requirements.lock
	.venv/bin/uv pip compile --group pyproject.toml:lab --generate-hashes --no-emit-index-url --no-header --python-version 3.11 -o requirements-lab.lock
