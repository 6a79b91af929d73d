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

.PHONY: help
help:
	@sed -n 's/^\([a-z][a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | awk -F '\t' '{printf "  make %-12s %s\n", $$1, $$2}'

# ---------------------------------------------------------------- set-up

# uv installs the rest: its own lock is the only one that pip reads. A stamp holds when that was done last.
.venv/ready: requirements/bootstrap.txt requirements/dev.txt
	@echo "setting up .venv …"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed, this is " + sys.version)'
	@$(PYTHON) -m venv --clear .venv
	@.venv/bin/python -m pip install --quiet --require-hashes --requirement requirements/bootstrap.txt
	@uv pip sync --quiet --no-config --require-hashes --python .venv requirements/dev.txt
	@touch $@

# The emulator and SAM CLI each pin a botocore of their own: one virtual environment each.
$(VENVS)/%/ready: requirements/%.txt .venv/ready
	@echo "setting up $(@D) …"
	@uv venv --quiet --no-config --clear --python .venv/bin/python $(@D)
	@uv pip sync --quiet --no-config --require-hashes --python $(@D) $<
	@touch $@

.PHONY: lock
lock: .venv/ready ## Lock every dependency again, to the newest versions allowed
	cd layers/shared && $(call compile,requirements)
	cd requirements && $(foreach name,bootstrap emulator sam dev,$(call compile,$(name)) &&) true
compile = uv pip compile --quiet --no-config --universal --python-version 3.11 --generate-hashes --upgrade \
  --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" $(1).in --output-file $(1).txt
