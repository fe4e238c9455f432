# Every chore is one command. `make demo` and `make test` need nothing but Debian, make and Python ≥ 3.11.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
PEOPLE ?= 60000
MINUTES ?= 10
# Tests run side by side, a file of tests in one process.
JOBS ?= $(shell nproc)

.DEFAULT_GOAL := help
.PHONY: help demo test go-check serve fuzz check format bench bench-quick bench-report docs schemas lock clean

help: ## list the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed; found: $$($(PYTHON) --version)"; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || { \
	  if [ "$$(id -u)" = 0 ]; then apt-get update -qq && apt-get install -y -qq python3-venv; \
	  else echo "Install the package python3-venv first (apt-get install python3-venv)."; exit 1; fi; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing the pinned dependencies into $(VENV) (once, about a minute) …"
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements.lock
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

demo: $(READY) ## the whole chain on a made-up town and the FEBRL files (PEOPLE=60000)
	@$(BIN)/lsi-match demo --people $(PEOPLE)

test: $(READY) ## all tests
	@command -v softhsm2-util >/dev/null || { \
	  if [ "$$(id -u)" = 0 ]; then { apt-get update -qq && apt-get install -y -qq softhsm2; } >/dev/null 2>&1 || true; \
	  else echo "For the tests of keys in hardware, install softhsm2 (apt-get install softhsm2); they are skipped now."; fi; }
	@{ command -v age && command -v jq && command -v xxd && { command -v initdb || ls /usr/lib/postgresql/*/bin/initdb; }; } >/dev/null 2>&1 || { \
	  if [ "$$(id -u)" = 0 ]; then { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq age jq xxd postgresql; } >/dev/null 2>&1 || true; \
	  else echo "For the tests with other tools, install age, jq, xxd and postgresql (apt-get install age jq xxd postgresql); they are skipped now."; fi; }
	@command -v sshd >/dev/null || test -x /usr/sbin/sshd || { \
	  if [ "$$(id -u)" = 0 ]; then { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq openssh-server; } >/dev/null 2>&1 || true; \
	  else echo "For the tests of delivery over SFTP, install openssh-server (apt-get install openssh-server); they are skipped now."; fi; }
	@$(BIN)/pytest -n $(JOBS) --dist loadfile $(ARGS)

go-check: $(READY) ## checkpoints and proofs of the log, checked by Go's sumdb/note and sumdb/tlog from Debian
	@{ command -v go && test -d /usr/share/gocode/src/golang.org/x/mod/sumdb; } >/dev/null || { \
	  if [ "$$(id -u)" = 0 ]; then apt-get update -qq && apt-get install -y -qq golang-go golang-golang-x-mod-dev; \
	  else echo "Install golang-go and golang-golang-x-mod-dev first (apt-get install golang-go golang-golang-x-mod-dev)."; exit 1; fi; }
	@$(BIN)/pytest -q tests/trust/test_go.py

serve: $(READY) ## run the projects of a matching site by themselves (SITE=/srv/lsi/site)
	@test -n "$(SITE)" || { echo "Say which site: make serve SITE=/srv/lsi/site"; exit 2; }
	@$(BIN)/lsi-match site serve $(SITE)

fuzz: $(READY) ## ten minutes of random criteria, looking for one that slips through (MINUTES=10)
	@$(BIN)/python -m tests.fuzz_criteria --minutes $(MINUTES)

check: $(READY) ## formatter, linter, types, import rules, schema drift
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python -m lsi_match.schemas --check schemas

format: $(READY) ## put the code in its standard form
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

bench: $(READY) ## speed and memory at full size, as ratios of a baseline in the same run
	@$(BIN)/python -m benchmarks

bench-quick: $(READY) ## the same at small sizes, in minutes
	@$(BIN)/python -m benchmarks --quick

bench-report: ## the last results as a table
	@$(BIN)/python -m benchmarks --report

docs: $(READY) ## the documentation as HTML in docs/_build
	@$(BIN)/sphinx-build --quiet --fail-on-warning docs docs/_build
	@echo "Open docs/_build/README.html"

schemas: $(READY) ## write the JSON Schemas of every exchanged document
	@$(BIN)/python -m lsi_match.schemas schemas

lock: $(READY) ## pin the dependencies again, with hashes
	@$(BIN)/uv pip compile pyproject.toml --all-extras --universal --python-version 3.11 --generate-hashes \
	  --no-annotate --no-header --quiet --upgrade -o requirements.lock

clean: ## remove what the commands made
	@rm -rf $(VENV) demo-out build dist benchmarks/out .pytest_cache .mypy_cache .ruff_cache .hypothesis
