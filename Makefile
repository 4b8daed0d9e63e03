# The two main targets are `make run` and `make test`. `make` without a target lists all.
SHELL := /bin/sh
PYTHON ?= python3
PORT ?= 8000
BIN := .venv/bin
PIP_OPTIONS := --quiet --disable-pip-version-check --require-hashes
LOCK := $(BIN)/uv pip compile --quiet --system-certs --universal --python-version 3.11 \
  --generate-hashes --no-emit-index-url --custom-compile-command "make lock"
.DEFAULT_GOAL := help

# After an upgrade of Python the one in .venv may be gone: then .venv is made anew.
ifneq ($(wildcard .venv/python),)
  ifneq ($(shell $(BIN)/python -c 'print("runs")' 2>/dev/null),runs)
    $(info The Python of .venv does not run any more: making .venv anew.)
    $(shell rm -rf .venv)
  endif
endif

.PHONY: help run test model chaos bench upgrade check format lock clean

help: ## List the targets
	@sed -n 's/^\([a-z]*\):.*## /\1	/p' Makefile | expand -t 10

run: .venv/run ## Start everything (PORT=8000); Ctrl-C stops it
	@exec $(BIN)/python manage.py up --port $(PORT)

test: .venv/test ## The whole check: format, lint, types, contracts, all tests on both databases
	@.ci/system_parts
	@$(MAKE) --no-print-directory check
	$(BIN)/python -m tests.run

model: .venv/test ## Run 100,000 virtual seconds of random load and faults (about 20 minutes)
	MODEL_SECONDS=25000 MODEL_SEEDS="7 8 9 10" MODEL_EXAMPLES=300 \
	  $(BIN)/python -m pytest -q -n 2 -rP --show-capture=stdout tests/model

chaos: .venv/test ## Half an hour of kills, outages, set clocks, a full disk and a faulty vendor
	$(BIN)/python -m tests.chaos --seconds 600
	$(BIN)/python -m tests.chaos --seconds 600 --database postgres
	$(BIN)/python -m tests.chaos --without-redis 360
	$(BIN)/python -m tests.chaos --kill-parts 10

upgrade: .venv/test ## Upgrade an installation of commit 80774f3 with 100,000 devices, on both databases
	$(BIN)/python -m tests.upgrade --database sqlite
	$(BIN)/python -m tests.upgrade --database postgresql

bench: .venv/test ## Measure, and write docs/benchmarks.md
	$(BIN)/python -m tests.bench

check: .venv/test ## Format, lint, types, import contracts and Django's own checks
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/djlint --check --lint templates
	$(BIN)/mypy .
	$(BIN)/lint-imports
	$(BIN)/python -m tests.checks

format: .venv/test ## Format the code and the templates
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	-$(BIN)/djlint --reformat --quiet templates

lock: .venv/test ## Write the lock files after a change of requirements*.txt
	$(LOCK) requirements-dev.txt -o requirements-dev.lock
	$(LOCK) requirements.txt -c requirements-dev.lock -o requirements.lock

clean: ## Remove the environment (never the data of an installation)
	rm -rf .venv

.venv/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Python 3.11 or newer is needed; say PYTHON=/path/to/python3."; exit 1; }
	@$(PYTHON) -m venv .venv \
	  || { echo "Python's venv module is missing (Debian: apt install python3-venv)."; exit 1; }
	@touch $@

.venv/run: requirements.lock .venv/python
	@echo "Installing the requirements …"
	@$(BIN)/python -m pip install $(PIP_OPTIONS) -r requirements.lock
	@touch $@

.venv/test: requirements-dev.lock .venv/python
	@echo "Installing the requirements and the test tools …"
	@$(BIN)/python -m pip install $(PIP_OPTIONS) -r requirements-dev.lock
	@touch $@ .venv/run
