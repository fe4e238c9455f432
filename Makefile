# Every chore is one command. `make demo` and `make test` need nothing but Debian, make and Python ≥ 3.11.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
PEOPLE ?= 60000
MINUTES ?= 10
ROUNDS ?= 500
DAMAGES ?= 10000
# What a checkout installs: everything but the clusters, which have a lock of their own.
EXTRAS = $(shell $(BIN)/python -c "import tomllib; print(*sorted(tomllib.load(open('pyproject.toml', 'rb'))['project']['optional-dependencies'].keys() - {'clusters'}))")
LOCK := $(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes --no-annotate --no-header --quiet
# What the tool for the SBOM may use and does not need: where it is installed, everything that loads Prefect takes twice as long.
UNUSED := rfc3987-syntax lark
PIP = $(BIN)/pip install --disable-pip-version-check --progress-bar off --no-deps
# How far pip is, and all that it says when it fails; not that a configured folder of packages lacks one.
PIP_TOLD := awk '/^status /{status=$$2; next} /^WARNING: Location/{next} {said=said $$0 "\n"} \
  /^(Collecting|Processing) /&&++n%20==1{print "  " n ": " $$2 " …"; fflush()} /^Installing collected/&&!once++{print "  all " n " are here; installing …"; fflush()} \
  END{if (status) printf "%s", said; exit status}'
# Tests run side by side, a file of tests in one process; one more than there are processors, since some tests mostly wait.
JOBS ?= $(shell expr $$(nproc) + 1)

# A process that may keep what it compiled starts sooner, and tests start hundreds.
unexport PYTHONDONTWRITEBYTECODE

# $(call debian,PACKAGES,COMMANDS): Debian packages that a chore needs, for the commands (or files) that tell whether they are
# there. As root they are installed; otherwise it is said what to install, and the call fails.
debian = { export PATH="$$PATH:/usr/sbin:$$(echo /usr/lib/postgresql/*/bin | tr ' ' ':')"; missing=; \
	for one in $(2); do case $$one in /*) test -e $$one;; *) command -v $$one >/dev/null;; esac || missing="$$missing $$one"; done; \
	if [ -z "$$missing" ]; then :; \
	elif [ "$$(id -u)" = 0 ]; then { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq $(1); } >/dev/null 2>&1 || { \
	  echo "Not here:$$missing, and apt-get could not install $(1)."; false; }; \
	else echo "Not here:$$missing. Install what is missing: apt-get install $(1)"; false; fi; }

.DEFAULT_GOAL := help
.PHONY: help install demo test quick mutants wheel-check test-clusters damage go-check serve fuzz soak check format bench bench-quick bench-report docs schemas lock sbom clean

help: ## list the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed; found: $$($(PYTHON) --version)"; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || { \
	  if [ "$$(id -u)" = 0 ]; then apt-get update -qq && apt-get install -y -qq python3-venv; \
	  else echo "Install the package python3-venv first (apt-get install python3-venv)."; exit 1; fi; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing $$(grep -c '^[a-z]' requirements.lock) pinned packages into $(VENV), once; a minute or two …"
	@# What was installed is compiled by all processors at once: pip does it by one.
	@start=$$(date +%s); { $(PIP) --no-compile --require-hashes -r requirements.lock && $(PIP) --no-build-isolation -e .; echo "status $$?"; } 2>&1 | $(PIP_TOLD) && \
	  { $(BIN)/python -m compileall -qq -j 0 $(VENV)/lib || :; } && \
	  echo "Installed in $$(($$(date +%s) - start)) s."
	@touch $@

install: $(READY) ## the program, in .venv (once, about a minute)

demo: $(READY) ## the whole chain on a made-up town and the FEBRL files (PEOPLE=60000)
	@$(BIN)/lsi-match demo --people $(PEOPLE)

test: $(READY) ## all tests
	@$(call debian,softhsm2 age jq xxd postgresql openssh-server chromium libsodium23,softhsm2-util age jq xxd initdb sshd chromium /usr/lib/*/libsodium.so.23) || \
	  echo "Tests that need these are skipped now."
	@$(BIN)/pytest -n $(JOBS) --dist loadfile $(ARGS)

quick: $(READY) ## the tests of what changed since main, but for the slow ones (ARGS="-x")
	@$(BIN)/python -m tests.quick -n $(JOBS) --dist loadfile $(ARGS)

mutants: $(READY) ## changes of the rules (gates, agenda, state, trust root, withholding) that their tests do not see (ARGS=MODULE)
	@$(BIN)/python -m tests.mutants -n $(JOBS) $(ARGS)

damage: $(READY) ## damage a log at random, ten thousand times; every time it has to be found (DAMAGES=10000)
	@LSI_MATCH_DAMAGES=$(DAMAGES) $(BIN)/pytest -q -s tests/log/test_damage.py

soak: $(READY) ## years of three projects, month after month of others with kills at random, and the tests that take minutes (ROUNDS=500)
	@$(BIN)/pytest -q -m soak
	@$(BIN)/python -m tests.soak --rounds $(ROUNDS)

test-clusters: $(READY) ## the runners processes, Dask and Ray, which it installs beside the rest (400 MB)
	@{ $(PIP) --require-hashes -r requirements-clusters.lock; echo "status $$?"; } 2>&1 | $(PIP_TOLD)
	@$(BIN)/pytest tests/chain/test_runners.py $(ARGS)

wheel-check: $(READY) ## from empty environments: what the wheel and the packages of a role can do (installs them)
	@rm -rf build/wheel-check
	@$(BIN)/python -m hatchling build --target wheel --directory build/wheel-check
	@$(BIN)/lsi-match demo --people 4000 --folder build/wheel-check/demo >/dev/null
	@$(BIN)/python tests/wheel_check.py build/wheel-check build/wheel-check/demo build/wheel-check/*.whl

go-check: $(READY) ## checkpoints and proofs of the log, checked by Go's sumdb/note and sumdb/tlog from Debian
	@$(call debian,golang-go golang-golang-x-mod-dev,go /usr/share/gocode/src/golang.org/x/mod/sumdb)
	@$(BIN)/pytest -q tests/log/test_go.py

serve: $(READY) ## run the projects of a matching site by themselves (SITE=/srv/lsi/site)
	@test -n "$(SITE)" || { echo "Say which site: make serve SITE=/srv/lsi/site"; exit 2; }
	@$(BIN)/lsi-match site serve $(SITE)

fuzz: $(READY) ## ten minutes of random criteria, looking for one that slips through; 10,000 sentences and letters read back (MINUTES=10)
	@$(BIN)/python -m tests.fuzz_criteria --minutes $(MINUTES)
	@LSI_MATCH_SENTENCES=10000 $(BIN)/pytest -q tests/criteria/test_sentences.py tests/criteria/test_second_opinion.py tests/partner/test_letter.py

check: $(READY) ## formatter, linter, types, import rules, schemas as the code has them
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python -m lsi_match.cli.schemas --check schemas

format: $(READY) ## put the code in its standard form
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

bench: $(READY) ## speed and memory at full size, as ratios of a baseline in the same run (ARGS="--only log")
	@$(BIN)/python -m benchmarks $(ARGS)

bench-quick: $(READY) ## the same at small sizes, in minutes
	@$(BIN)/python -m benchmarks --quick $(ARGS)

bench-report: $(READY) ## the last results as a table
	@$(BIN)/python -m benchmarks --report

docs: $(READY) ## the documentation as HTML in docs/_build
	@$(BIN)/sphinx-build --quiet --fail-on-warning docs docs/_build
	@echo "Open docs/_build/README.html"

schemas: $(READY) ## write the JSON Schemas of every exchanged document
	@$(BIN)/python -m lsi_match.cli.schemas schemas

lock: $(READY) ## pin the dependencies again, with hashes: of a checkout, and of each role
	@$(LOCK) pyproject.toml $(EXTRAS:%=--extra %) $(UNUSED:%=--no-emit-package %) --upgrade -o requirements.lock
	@echo hatchling | $(LOCK) - -c requirements.lock -o requirements/build.lock
	@$(LOCK) pyproject.toml -c requirements.lock -o requirements/plain.lock
	@$(LOCK) pyproject.toml -c requirements.lock --extra partner -o requirements/partner.lock
	@$(LOCK) pyproject.toml -c requirements.lock --extra desk -o requirements/desk.lock
	@$(LOCK) pyproject.toml -c requirements.lock --extra matcher --extra prefect --extra delivery -o requirements/matcher.lock
	@$(LOCK) pyproject.toml -c requirements.lock --extra matcher --extra prefect --extra clusters --upgrade -o requirements-clusters.lock

sbom: $(READY) ## what a matching site installs, as CycloneDX in build/sbom.cdx.json
	@mkdir -p build
	@$(BIN)/python -W ignore -m cyclonedx_py requirements requirements/matcher.lock --pyproject pyproject.toml \
	  --output-reproducible --of JSON --validate -o build/sbom.cdx.json
	@echo "Written: build/sbom.cdx.json"

clean: ## remove what the commands made
	@rm -rf $(VENV) demo-out build dist benchmarks/out .pytest_cache .mypy_cache .ruff_cache .hypothesis
