# Everything this project does, by name. Needs make and Python 3.11 or 3.12, nothing else.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
SHELL := /bin/sh

VENV ?= .venv
ENV ?= dev
ARGS ?=
BIN := $(VENV)/bin
READY := $(VENV)/.ready
UNFINISHED := $(VENV)/.unfinished
# Size of the finished environment, and seconds between two lines that say how far it is.
SIZE := 2900
BEAT ?= 10
# What Kedro-Viz shows first: one pipeline fits a screen, all of them do not.
PIPELINE ?= training
# Where a run keeps its data and its records, as the configuration says.
DATA := $(abspath $(or $(BOATHOUSE_DATA),data))
STORE := $(or $(MLFLOW_TRACKING_URI),sqlite:///$(DATA)/mlflow.db)

# The same settings on every machine: dates in UTC, no telemetry, no window for a plot.
export TZ := UTC
export DO_NOT_TRACK := 1
export MLFLOW_DISABLE_TELEMETRY := true
export MPLBACKEND := Agg
# Threads of OpenMP that wait sleep: spinning makes a fit beside other load ten times slower.
export OMP_WAIT_POLICY := PASSIVE
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# Without compiled bytecode each start takes seconds longer.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help
help: ## List what can be made
	@echo "make TARGET [ENV=dev|staging|prod] [ARGS='…']"
	@echo
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  \1|\2/p' $(firstword $(MAKEFILE_LIST)) | awk -F'|' '{ printf "%-12s %s\n", $$1, $$2 }'

.PHONY: venv
venv: $(READY) ## Build the environment in .venv, once for each requirements.lock

# The stamp is written last, so an interrupted build is started over and never taken for a whole one.
$(READY): requirements.lock pyproject.toml
	@set -eu; \
	if [ -n "$(PYTHON)" ]; then candidates="$(PYTHON)"; else candidates="python3.11 python3.12 python3 python"; fi; \
	found=; \
	for candidate in $$candidates; do \
	  if "$$candidate" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 13))' >/dev/null 2>&1; then \
	    found=$$candidate; break; \
	  fi; \
	done; \
	if [ -z "$$found" ]; then \
	  echo "Python 3.11 or 3.12 is needed; tried: $$candidates." >&2; \
	  echo "Install one of them, or name it: make $(MAKECMDGOALS) PYTHON=/path/to/python3.11" >&2; \
	  exit 1; \
	fi; \
	if [ -e "$(UNFINISHED)" ]; then rm -rf "$(VENV)"; fi; \
	rm -f "$(READY)"; mkdir -p "$(VENV)"; touch "$(UNFINISHED)"; \
	echo "Building $(VENV) with $$("$$found" --version), once: $$(grep -c == requirements.lock) packages, $(SIZE) MB on disk, two to five minutes."; \
	(while sleep $(BEAT) >/dev/null 2>&1 && kill -0 $$$$ 2>/dev/null; do \
	  echo "  … $$(du -sm "$(VENV)" 2>/dev/null | cut -f1) of $(SIZE) MB"; \
	done) & beat=$$!; \
	trap 'kill $$beat 2>/dev/null || true' EXIT; trap 'exit 130' INT TERM; \
	"$$found" -m venv "$(VENV)"; \
	echo "  1/3 fetching and installing the packages"; \
	"$(BIN)/python" -m pip install --quiet --no-deps --no-compile -r requirements.lock; \
	echo "  2/3 installing the project"; \
	"$(BIN)/python" -m pip install --quiet --no-deps --no-build-isolation -e .; \
	echo "  3/3 compiling, so that every command starts faster"; \
	"$(BIN)/python" -m compileall -q -j 0 "$(VENV)/lib" src >/dev/null 2>&1 || true; \
	rm -f "$(UNFINISHED)"; touch "$(READY)"; \
	echo "  $(VENV) is ready."

.PHONY: run
run: venv ## Run the whole flow on the shipped data, from extracts to monitoring
	@$(BIN)/kedro run --env $(ENV) $(ARGS)

.PHONY: viz
viz: venv ## Serve the pipelines, tables and plots in Kedro-Viz, beginning with PIPELINE=training
	@echo "Open http://127.0.0.1:4141/?pid=$(PIPELINE) (another with PIPELINE=…); Ctrl-C ends it."
	@$(BIN)/kedro viz run --env $(ENV) --host 127.0.0.1 --no-browser $(ARGS)

.PHONY: mlflow
mlflow: venv ## Serve the runs and models in the MLflow UI, on this machine only
	@echo "Open http://127.0.0.1:5000/#/models for models, http://127.0.0.1:5000/#/experiments for runs; Ctrl-C ends it."
	@$(BIN)/mlflow ui --host 127.0.0.1 --backend-store-uri "$(STORE)" $(ARGS)

.PHONY: doctor
doctor: venv ## Say which engines can start here, and what is missing
	@$(BIN)/boathouse doctor --env $(ENV) $(ARGS)

.PHONY: jars
jars: venv ## Fetch the jars of classic Spark, so that it starts offline
	@$(BIN)/python -m boathouse.tables.engines.spark

# A worker for each core, four at most; tests/fixtures/parallel.py says which tests share one. ARGS="-n 0": no worker.
PARALLEL := -n auto --maxprocesses 4 --dist loadfile

.PHONY: test
test: venv ## Run the tests; optional parts are listed first, skipped tests last, with the reason
	@$(BIN)/python -m tests.fixtures.needs
	@$(BIN)/python -m pytest -q -rs $(PARALLEL) $(ARGS)

.PHONY: slowest
slowest: venv ## Run the tests and list the slowest twenty
	@$(BIN)/python -m pytest -q -rs --durations=20 --durations-min=0.1 $(PARALLEL) $(ARGS)

.PHONY: check
check: venv ## Check style, types, layers, spelling and conventions
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/codespell
	$(BIN)/python -m pytest -q tests/conventions tests/architecture

.PHONY: format
format: venv ## Format the code and make the safe corrections
	$(BIN)/ruff check --fix-only --quiet .
	$(BIN)/ruff format .

.PHONY: bench
bench: venv ## Measure each benchmark beside its reference
	@for benchmark in $$(grep -l 'Usage: ``python benchmarks/' benchmarks/*.py); do \
	  echo "== $$benchmark"; $(BIN)/python "$$benchmark" || exit 1; \
	done

.PHONY: package
package: venv ## Build the wheel and the packaged configuration in dist/
	@$(BIN)/boathouse package

.PHONY: lock
lock: venv ## Resolve pyproject.toml again and write requirements.lock
	@$(BIN)/python scripts/lock.py

.PHONY: clean
clean: ## Remove what builds and tests leave behind; tables and models stay
	rm -rf build dist spark-warehouse metastore_db derby.log .pytest_cache .mypy_cache .ruff_cache .hypothesis .viz
	find src tests benchmarks scripts -name __pycache__ -type d -prune -exec rm -rf {} +

.PHONY: reset
reset: ## Remove tables, models, runs, reports, request logs and tokens of all environments; the extracts stay
	rm -rf "$(DATA)/lakehouse" "$(DATA)/lakehouse_anchors" "$(DATA)/reports" "$(DATA)/mlartifacts" "$(DATA)"/mlflow.db* "$(DATA)"/online_*.db* \
	  "$(DATA)/endpoint_log" "$(DATA)"/tokens_*
