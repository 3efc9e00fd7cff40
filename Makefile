# Targets make their own .venv from the locks in requirements/ with the standard library's venv and
# pip; nothing but GNU make and Python 3.11 or later is needed. Say PYTHON=... to choose one.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules
.DEFAULT_GOAL := help

VENV := .venv
BIN := $(VENV)/bin
OUT := out
SEED := 0

# The folder of public data, where it lies beside the project and no other is named.
ifndef VEEDOR_DATA
ifneq ($(wildcard ../shared/data/.),)
export VEEDOR_DATA := $(abspath ../shared/data)
endif
endif

PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
LOCK := uv pip compile pyproject.toml --generate-hashes --no-emit-index-url --universal \
	--python-version 3.11 --custom-compile-command 'make lock' --quiet

# A Python that is new enough; the first of these names that is one.
FIND_PYTHON = for name in $(PYTHON) python3 python3.11 python3.12 python3.13 python3.14; do \
	if "$$name" -c 'import sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	echo "$$name"; exit; fi; done; \
	echo 'Python 3.11 or later, with its venv module, was not found. Install it, or say' \
	'`make PYTHON=/path/to/python3.11`.' >&2; exit 1

.PHONY: help audit drill sheets test targets bench calibrate estimators methods nights late projection \
	flows samples models reading handwriting reserve twins scanned peers docs lock clean

help: ## show this
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

audit: $(VENV)/.core ## audit Bolivia 2019, or its simulated twin where the data cannot be had
	@code=0; $(BIN)/veedor data get bolivia-2019 > /dev/null || code=$$?; \
	if [ $$code = 0 ]; then \
	  $(BIN)/veedor audit bolivia-2019 --seed $(SEED) --out $(OUT)/bolivia-2019; \
	elif [ $$code = 4 ]; then \
	  echo; echo '*** The data of bolivia-2019 cannot be had on this machine.'; \
	  echo '*** What follows is an audit of a SIMULATED election of the same shape. It says'; \
	  echo '*** nothing about any real one.'; echo; \
	  $(BIN)/veedor simulate twin --seed $(SEED) --out $(OUT)/simulated-twin --audit; \
	else exit $$code; fi

drill: $(VENV)/.core ## audit a simulated night shaped like that of Bolivia in 2019, its truth known
	$(BIN)/veedor simulate drill-2019 --seed $(SEED) --out $(OUT)/drill-case
	$(BIN)/veedor audit $(OUT)/drill-case --seed $(SEED) --out $(OUT)/drill

sheets: $(VENV)/.images ## audit simulated scans of sheets, with known facts planted among them
	$(BIN)/veedor simulate sheets-drill --sheets --seed $(SEED) --out $(OUT)/sheets-case
	$(BIN)/veedor audit $(OUT)/sheets-case --seed $(SEED) --out $(OUT)/sheets

test: $(VENV)/.test ## lint, types, contracts between modules, tests
	@failed=; for step in 'ruff check' 'ruff format --check --quiet' mypy lint-imports 'python -m pytest -n auto --dist worksteal'; do \
	  echo "$$step"; $(BIN)/$$step || failed="$$failed, $$step"; done; \
	if [ -n "$$failed" ]; then echo "failed: $${failed#, }" >&2; exit 1; fi

targets: $(VENV)/.core ## compare the audit of Bolivia 2019 with published numbers (needs its data)
	$(BIN)/veedor data get bolivia-2019 > /dev/null
	$(BIN)/veedor audit bolivia-2019 --seed $(SEED) --out $(OUT)/bolivia-2019
	$(BIN)/python targets/compare.py targets/bolivia-2019.toml $(OUT)/bolivia-2019 \
	  --markdown docs/targets.md

bench: $(VENV)/.test ## time the audit beside its peers
	$(BIN)/python -m benchmarks --markdown docs/benchmarks.md

calibrate: $(VENV)/.test ## alarms on simulated elections, honest and altered (about 20 minutes)
	$(BIN)/python -m benchmarks.calibrate --elections 40 --stations 1200 \
	  --markdown docs/calibration.md

estimators: $(VENV)/.test ## time the estimators beside others (with `make peers`, the published ones)
	$(BIN)/python -m benchmarks.estimators --markdown docs/estimators.md

methods: $(VENV)/.core ## compare public claims about Bolivia 2019 with the audit (needs its data)
	$(BIN)/veedor data get bolivia-2019 > /dev/null
	$(BIN)/veedor audit bolivia-2019 --seed $(SEED) --out $(OUT)/bolivia-2019
	$(BIN)/python -m benchmarks.methods --audit $(OUT)/bolivia-2019 --markdown docs/methods.md

nights: $(VENV)/.test ## checks of machines on simulated nights: false alarms, what is found (about 25 minutes)
	$(BIN)/python -m benchmarks.nights --markdown docs/nights.md

late: $(VENV)/.test ## late sheets of simulated counts: false alarms, power (over an hour)
	$(BIN)/python -m benchmarks.late --elections 1000 --stations 1200 --markdown docs/late.md

projection: $(VENV)/.test ## how often projections of a partial count hold its end (elex-model by `make peers`)
	VEEDOR_ELEX_PYTHON=$(wildcard .peers/bin/python) $(BIN)/python -m benchmarks.projection --markdown docs/projection.md

flows: $(VENV)/.test ## 50 million connections in 4 GB (a quarter of an hour; Spark by `make peers`)
	$(BIN)/python -m benchmarks.flows --markdown docs/flows.md

samples: $(VENV)/.test ## coverage of samples' limits, and the risk of a wrong outcome (a quarter of an hour)
	$(BIN)/python -m benchmarks.samples --markdown docs/samples.md

models: $(VENV)/.training ## train the reader of digits and the comparer of hands anew (two hours; needs their data)
	nice -n 10 $(BIN)/python -m training.reader --bfloat16
	nice -n 10 $(BIN)/python -m training.writer

reading: $(VENV)/.test ## how well digits and sheets are read, on writers kept apart (half an hour)
	$(BIN)/python -m benchmarks.reading --markdown docs/reading-digits.md

handwriting: $(VENV)/.test ## how well hands are told apart by their digits, on writers kept apart (half an hour)
	$(BIN)/python -m benchmarks.handwriting --runs 8 --markdown docs/handwriting.md

reserve: $(VENV)/.test ## both of these on the writers that were kept to the end (an hour)
	$(BIN)/python -m benchmarks.reading --split reserve --markdown docs/reserve-reading.md
	$(BIN)/python -m benchmarks.handwriting --split reserve --runs 1 --markdown docs/reserve-hands.md

twins: $(VENV)/.test ## re-used images: copies and pieces found, false pairs, time (an hour; a cut run goes on)
	$(BIN)/python -m benchmarks.twins --markdown docs/twins.md

scanned: $(VENV)/.test ## alarms of the checks of scans on simulated elections, and what they find (ten minutes)
	$(BIN)/python -m benchmarks.scanned --honest 6 --drills 4 --markdown docs/scanned.md

peers: ## an environment with the published packages that benchmarks run beside ours
	@python=$$($(FIND_PYTHON)); $$python -m venv --clear .peers
	.peers/bin/python -m pip --disable-pip-version-check --quiet install --require-hashes -r benchmarks/peers.txt

docs: $(VENV)/.docs ## build the documentation; a warning is an error
	$(BIN)/python -m sphinx -W --keep-going -b html docs docs/_build/html

lock: ## write requirements/*.txt anew (needs uv)
	$(LOCK) --group build -o requirements/core.txt
	$(LOCK) --group build --extra images -c requirements/core.txt -o requirements/images.txt
	$(LOCK) --group build --extra test -c requirements/core.txt -o requirements/test.txt
	$(LOCK) --group build --extra docs -c requirements/core.txt -o requirements/docs.txt
	$(subst pyproject.toml,benchmarks/peers.in,$(LOCK)) -o benchmarks/peers.txt

clean: ## remove what the targets made
	rm -rf $(VENV) .peers $(OUT) dist build docs/_build .pytest_cache .mypy_cache .ruff_cache \
	  .hypothesis .import_linter_cache

# One stamp per set of requirements: a second run finds it newer than its lock and does nothing.
$(VENV)/.made:
	@python=$$($(FIND_PYTHON)); echo "making $(VENV) with $$($$python --version)"; \
	$$python -m venv --clear $(VENV)
	@touch $@

$(VENV)/.core: requirements/core.txt pyproject.toml | $(VENV)/.made
	@echo 'installing requirements/core.txt'
	@$(PIP) install --require-hashes -r requirements/core.txt
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

# Without hashes: builds of torch differ by machine, as training/requirements.txt says.
$(VENV)/.training: training/requirements.txt $(VENV)/.test
	@echo 'installing $<'
	@$(PIP) install -r $<
	@touch $@

$(VENV)/.%: requirements/%.txt $(VENV)/.core
	@echo 'installing requirements/$*.txt'
	@$(PIP) install --require-hashes -r requirements/$*.txt
	@touch $@
