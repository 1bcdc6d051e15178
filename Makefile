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
# Where a run keeps its data, as the configuration says; the path may have spaces, so no function that splits words.
GIVEN := $(if $(filter environment%,$(origin BOATHOUSE_DATA)),$(value BOATHOUSE_DATA),$(BOATHOUSE_DATA))
START := <start>
DATA := $(subst $(START),,$(subst $(START)~/,$(HOME)/,$(START)$(if $(GIVEN),$(GIVEN),data)))
DATA := $(if $(filter /%,$(firstword $(DATA))),$(DATA),$(CURDIR)/$(DATA))
# As it stands between double quotes in a shell.
BACKQUOTE := `
QUOTE := "
HASH := \#
DATA := $(subst \,\\,$(DATA))
DATA := $(subst $(BACKQUOTE),\$(BACKQUOTE),$(subst $(QUOTE),\$(QUOTE),$(subst $$,\$$,$(DATA))))
define LINE_BREAK


endef
ifneq ($(findstring $(LINE_BREAK),$(DATA)),)
$(error BOATHOUSE_DATA has a line break; name a folder without one)
endif
# A path that make takes apart, or that a program's first line cannot hold.
ifneq ($(strip $(word 2,$(VENV)) $(foreach sign,: % $(HASH) ; ' " $$ \ &,$(findstring $(sign),$(VENV)))),)
$(error VENV is '$(VENV)'; allowed: a path without spaces and signs such as : % ; and quotes. A checkout may have spaces: leave VENV out)
endif

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
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1|\2/p' $(firstword $(MAKEFILE_LIST)) | awk -F'|' '{ printf "%-18s %s\n", $$1, $$2 }'

.PHONY: venv
venv: $(READY) ## Build the environment in .venv, once for each requirements.lock

# The stamp is written last, so an interrupted build is started over and never taken for a whole one.
$(READY): requirements.lock pyproject.toml
	$(if $(findstring :,$(CURDIR)),$(error The path of this checkout has a ':', at which PATH is split: rename the folder))
	@set -eu; \
	if [ -L "$(VENV)" ] && [ -e "$(READY)" ]; then \
	  echo "$(VENV) is a link to an environment that others use as well: it stays as it is, though requirements.lock or pyproject.toml is newer." >&2; \
	  exit 0; \
	fi; \
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

.PHONY: demo
demo: venv ## Play the shipped book month by month, with what was known then
	@$(BIN)/boathouse replay --env $(ENV) --from 2005-04 --to 2005-10 $(ARGS)

.PHONY: viz
viz: venv ## Serve the pipelines, tables and plots in Kedro-Viz, beginning with PIPELINE=training
	@echo "Open http://127.0.0.1:4141/?pid=$(PIPELINE) (another with PIPELINE=…); Ctrl-C ends it."
	@$(BIN)/kedro viz run --env $(ENV) --host 127.0.0.1 --no-browser $(ARGS)

.PHONY: mlflow
mlflow: venv ## Serve the runs and models in the MLflow UI, on this machine only
	@echo "Open http://127.0.0.1:5000/#/models for models, http://127.0.0.1:5000/#/experiments for runs; Ctrl-C ends it."
	@store=$$($(BIN)/python -m boathouse.environment) && \
	  exec $(BIN)/mlflow ui --host 127.0.0.1 --backend-store-uri "$$store" $(ARGS)

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
	@$(BIN)/python -m pytest -q -rs $(PARALLEL) --junitxml=dist/tests.xml $(ARGS)

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
lock: venv ## Resolve pyproject.toml again and write requirements.lock and the platform's constraints
	@$(BIN)/python scripts/lock.py
	@$(BIN)/python scripts/platform_constraints.py

# What a pull request has to pass, in this order; the workflows of both CI systems have the same steps.
PR_STEPS := parts check capabilities bundle-check wheel rehearse test report
# Where it is deployed to: staging or prod, or dev by hand.
TARGET ?= staging
# Begins the names of the schemas of an integration run; without one it is made from the time.
PREFIX ?=
# Release that is checked, deployed or published, such as v1.2.0; by default the tag of this commit.
TAG ?=
# Further bundles that are deployed with it, folders of bundles/ such as monitors.
BUNDLES ?=
# Read by recipes as variables of the shell: a name from outside is never part of a command.
export TARGET PREFIX TAG BUNDLES

.PHONY: pr
pr: venv ## Check what a pull request has to pass, in the order of its workflow, no test skipped
	@for step in $(PR_STEPS); do \
	  echo "== make $$step"; BOATHOUSE_NO_SKIPS=1 $(MAKE) --no-print-directory $$step || exit 1; \
	done

.PHONY: parts
parts: jars ## Fetch the jars of classic Spark and of Kafka, for tests that skip nothing
	@$(BIN)/python tests/fixtures/kafka_broker.py >/dev/null

.PHONY: capabilities
capabilities: venv ## Check that the page of capabilities and the links of all pages are true
	$(BIN)/python -m pytest -q -n 0 tests/repository/test_docs.py

.PHONY: bundle-check
bundle-check: venv ## Check the bundle for dev, staging and prod, without a workspace
	@for target in dev staging prod; do $(BIN)/boathouse bundle check --target $$target || exit 1; done

.PHONY: wheel
wheel: venv ## Build wheel, configuration archive and constraints in an empty dist/release/
	@rm -rf dist/release && $(BIN)/boathouse package --out dist/release

.PHONY: rehearse
rehearse: venv ## Run the jobs of TARGET=staging in a workspace on this machine
	@$(BIN)/boathouse bundle rehearse --target "$$TARGET" $(if $(filter staging,$(TARGET)),--calls docs/databricks.md)

.PHONY: report
report: venv ## Run the flow apart and write its metrics, drift and test results to dist/report/
	@$(BIN)/python scripts/pull_request_report.py --run dist/report

.PHONY: integration
integration: venv ## Run all pipelines in schemas that begin with PREFIX, and drop them
	@$(BIN)/python scripts/integration.py run --env staging --schema-prefix "$$PREFIX" --report dist/integration.md

.PHONY: integration-here
integration-here: venv ## The same on this machine, on the shipped data
	@$(BIN)/python scripts/integration.py run --here --env staging --schema-prefix "$$PREFIX" --report dist/integration.md

.PHONY: integration-clean
integration-clean: venv ## Drop what failed integration runs left in staging for more than three days
	@$(BIN)/python scripts/integration.py clean --env staging --days 3

.PHONY: cli
cli: ## Fetch the platform's command line into .cache/, if its checksum is the pinned one
	@python3 scripts/platform_cli.py

.PHONY: deploy
deploy: venv cli ## Deploy the bundle to TARGET=staging or prod, as the identity of the pipeline
	@rm -f dist/*.whl; PATH="$(CURDIR)/$(BIN):$(CURDIR)/.cache/databricks:$$PATH"; \
	for folder in "" $$BUNDLES; do \
	  (cd "$(CURDIR)/$${folder:+bundles/$$folder}" && databricks bundle deploy --target "$$TARGET") || exit 1; \
	done

.PHONY: smoke
smoke: venv ## Check in TARGET=staging or prod that what was deployed starts, scores and serves
	@$(BIN)/python scripts/smoke_test.py --target "$$TARGET" --report dist/smoke.md

.PHONY: rollback
rollback: ## Deploy to TARGET the release before TAG again, in a folder and an environment of its own
	@python3 scripts/previous_release.py --tag "$$TAG" --out dist/previous
	@$(MAKE) --no-print-directory -C dist/previous deploy smoke TAG=

.PHONY: release
release: venv wheel ## Write notes and checksums of TAG beside its wheel, if it may be released
	@$(BIN)/python scripts/release_files.py write --tag "$$TAG" --folder dist/release

.PHONY: release-verify
release-verify: venv ## Check the files of TAG in dist/release/ against their checksums and this commit
	@rm -rf dist/built && $(BIN)/boathouse package --out dist/built
	@$(BIN)/python scripts/release_files.py verify --tag "$$TAG" --folder dist/release --built dist/built

.PHONY: dependencies
dependencies: venv ## Say which pins are old, yanked or no longer maintained; asks the package index
	@$(BIN)/python scripts/dependency_report.py --report dist/dependencies.md

.PHONY: protection
protection: venv ## Check on GitHub that branches and environments are protected as .github/protection.yml says
	@$(BIN)/python scripts/protection.py

.PHONY: clean
clean: ## Remove what builds and tests leave behind; tables and models stay
	rm -rf build dist spark-warehouse metastore_db derby.log .pytest_cache .mypy_cache .ruff_cache .hypothesis .viz
	find src tests benchmarks scripts -name __pycache__ -type d -prune -exec rm -rf {} +

.PHONY: reset
reset: ## Remove tables, models, runs, reports, request logs and tokens of all environments; the extracts stay
	rm -rf "$(DATA)/lakehouse" "$(DATA)/lakehouse_anchors" "$(DATA)/reports" "$(DATA)/mlartifacts" "$(DATA)"/mlflow.db* "$(DATA)"/online_*.db* \
	  "$(DATA)/endpoint_log" "$(DATA)"/tokens_*
