# A newcomer needs `make demo` and `make test`: both do the set-up themselves, with nothing but Python 3.11 and make.

PYTHON ?= python3
SEEDS ?= 20
WORKERS ?= 2
VENV := .venv
BIN := $(VENV)/bin
BUF := $(BIN)/buf

.DEFAULT_GOAL := help
.PHONY: help setup demo check format test sim bench bench-resolver bench-claims proto proto-baseline proto-check lock clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(VENV)/.installed ## build .venv from the hashed lock and install dansync into it

demo: setup ## a small two-province tree as real processes, links cut and restored, a table at the end
	$(BIN)/dansync demo

test: check $(VENV)/.cipher ## what CI runs: the checks, then every test except the marked long ones
	$(BIN)/python -m pytest -n $(WORKERS) -m "not soak and not bench"

check: setup ## style, types, import contracts, wire rules
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(MAKE) --no-print-directory proto-check

format: setup ## let ruff format and repair what it can
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

sim: setup ## the simulator over many seeds: make sim SEEDS=500
	$(BIN)/python -m pytest tests/simulation -m soak -n $(WORKERS) --seeds $(SEEDS)

bench: setup ## measure against raw SQLite in the same run
	$(BIN)/python -m bench

bench-resolver: setup $(VENV)/.linkage ## how well records are linked: synthetic provinces with their truth, FEBRL4 beside splink
	$(BIN)/python -m bench.resolver

bench-claims: setup ## the case desk of a province: claims a second, answers, memory; --persons 1500000 by hand
	$(BIN)/python -m bench.claims

proto: setup ## regenerate the protobuf code beside the .proto files
	$(BIN)/python proto/generate.py

# The baseline is committed, so a breaking change is refused without network and in a shallow clone. It also has to be
# up to date, or a message could be added, released and then broken with nothing to compare to. The image holds no source
# positions: comments do not change it.
proto-check: setup
	$(BUF) lint proto
	@test -f proto/baseline.binpb || \
		{ echo "proto/baseline.binpb is missing: run 'make proto-baseline' and commit it" >&2; exit 1; }
	$(BUF) breaking proto --against proto/baseline.binpb
	@$(BUF) build proto --exclude-source-info -o $(VENV)/image.binpb
	@cmp -s $(VENV)/image.binpb proto/baseline.binpb || \
		{ echo "proto/ has additions that the baseline lacks: run 'make proto-baseline' and commit it" >&2; exit 1; }
	$(BIN)/python proto/generate.py --check

proto-baseline: setup ## take additions to the wire into the baseline; a breaking change is refused
	@if test -f proto/baseline.binpb; then $(BUF) breaking proto --against proto/baseline.binpb; \
		else echo "no baseline yet: taking the present files as the first one"; fi
	$(BUF) build proto --exclude-source-info -o proto/baseline.binpb

# The locks carry hashes and no address of any registry: whoever installs decides where from. pip itself is locked too
# (--allow-unsafe), because --require-hashes accepts nothing without a pin and pip-tools depends on it.
PIP_COMPILE = CUSTOM_COMPILE_COMMAND="make lock" $(BIN)/python -m piptools compile --quiet --generate-hashes \
	--allow-unsafe --strip-extras --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --no-emit-options \
	$(LOCK_FLAGS)

lock: setup ## compile requirements/*.txt again; LOCK_FLAGS=--upgrade takes newer versions
	$(PIP_COMPILE) --extra dev --extra synth --output-file requirements/dev.txt pyproject.toml
	$(PIP_COMPILE) --constraint requirements/dev.txt --output-file requirements/runtime.txt pyproject.toml
	$(PIP_COMPILE) --output-file requirements/windows.txt requirements/windows.in
	$(PIP_COMPILE) --output-file requirements/cipher.txt requirements/cipher.in
	$(PIP_COMPILE) --output-file requirements/linkage.txt requirements/linkage.in

clean: ## remove .venv and every cache
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis build dist

# Two stamps: a change of pyproject.toml (a new console script, a tool's setting) does not download everything again.
# A change of the lock starts from an empty environment, so that no package of an older lock hides a missing one.
$(VENV)/.locked: requirements/dev.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "$(PYTHON) is older than 3.11: name a newer one, as in 'make PYTHON=python3.11 setup'" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' || \
		{ echo "$(PYTHON) comes without venv: install it (Debian, Ubuntu: apt install python3-venv)" >&2; exit 1; }
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements/dev.txt
	@touch $@

# SQLite with encryption has the import name of the plain one, so it lies in a folder of its own; tests of encrypted
# stores put that folder in front.
$(VENV)/.cipher: $(VENV)/.locked requirements/cipher.txt
	rm -rf $(VENV)/cipher
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes \
		--target $(VENV)/cipher --requirement requirements/cipher.txt
	@touch $@

# What the resolver is measured beside (pandas, DuckDB): in a folder that only the benchmark looks into.
$(VENV)/.linkage: $(VENV)/.locked requirements/linkage.txt
	rm -rf $(VENV)/linkage
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes \
		--target $(VENV)/linkage --requirement requirements/linkage.txt
	@touch $@

$(VENV)/.installed: $(VENV)/.locked pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@
