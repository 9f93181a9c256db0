# Thin on purpose: each target is one or two lines. Everything is installed into .venv from hashed lists.
PYTHON ?= python3
BIN := .venv/$(if $(filter Windows_NT,$(OS)),Scripts,bin)
SOURCES := balancer benchmarks bot sandbox tests vm_balancer
# A browser and an SSH server are installed by the tests' target where that can be done.
# More than cores: a test often waits for a server or a process. Each worker spends six seconds of CPU on its imports.
WORKERS ?= 4

.PHONY: help demo compiled test test-all chaos thorough check fmt lint types lock clean system screenshots pythons image release portable audit bench bench-quick noise docs settings mutants
.DEFAULT_GOAL := help

help: ## these lines
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "%-12s %s\n", $$1, $$2}' Makefile

.venv/ready: pyproject.toml requirements/dev.txt requirements/build.txt requirements/installer.txt
	$(PYTHON) tools/install.py .venv
	@touch $@

system: .venv/ready
	@$(BIN)/python tools/system.py

demo: .venv/ready ## the program between an emulated panel and an emulated chat
	@$(BIN)/vm-balancer demo $(ARGS)

# Programs are started by the dozen: none should have to compile its modules.
PYTEST = PYTHONDONTWRITEBYTECODE= $(BIN)/pytest -n $(WORKERS) --dist worksteal

compiled: system
	@$(BIN)/python -m compileall -q $(filter-out tests,$(SOURCES))

# What every change has to pass: at most four minutes on two idle cores.
test: compiled ## the tests that every change has to pass
	$(PYTEST) -m "not slow" $(ARGS)

# The rest: searches by brute force, browser, terminal, release, processes that are killed at many points.
test-all: compiled ## the rest: the slow tests
	$(PYTEST) -m slow $(ARGS)

thorough: system ## the property tests with all their examples
	THOROUGH=1 $(BIN)/pytest -n $(WORKERS) -m "not e2e" --timeout 1800 $(ARGS)

# Weeks of checks with faults from a seed, then a program killed at many of its waits (CRASH_POINTS=0: at every one).
SEED ?= 1
CYCLES ?= 2000
CRASH_POINTS ?= 50

chaos: system ## weeks of checks with faults from a seed (SEED, CYCLES, CRASH_POINTS)
	$(BIN)/python tests/chaos.py --seed $(SEED) --cycles $(CYCLES)
	CRASH_POINTS=$(CRASH_POINTS) $(BIN)/pytest -q tests/test_crash_walk.py

# Solvers and pictures are for this alone. hbal, the peer, is Debian's package ganeti-htools; without it its rows are left out.
.venv/bench: .venv/ready requirements/bench.txt
	$(BIN)/python -m uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements/bench.txt
	@touch $@

bench: .venv/bench ## the planner beside its peers; half an hour
	$(BIN)/python -m benchmarks $(ARGS)

bench-quick: .venv/bench ## the same, smaller
	$(BIN)/python -m benchmarks --quick $(ARGS)

noise: .venv/ready ## how many messages make a sound in a simulated week; about ten minutes
	$(BIN)/python -m benchmarks.noise $(ARGS)

# The site, into build/docs/html; a warning is an error. Needs Python 3.11 or newer.
.venv/docs: .venv/ready requirements/docs.txt
	$(BIN)/python -m uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements/docs.txt
	@touch $@

docs: .venv/docs ## the site, into build/docs/html
	$(BIN)/python -m sphinx --quiet --fresh-env --fail-on-warning --keep-going -c docs -d build/docs/doctrees . build/docs/html
	@echo "build/docs/html/docs/index.html"

settings: .venv/ready ## config.env.example and docs/configuration.md, from the fields of Settings
	$(BIN)/python tools/settings_docs.py

check: lint types test ## what has to pass before a commit: lint, types, test

fmt: .venv/ready ## formats, and repairs what lint can repair
	$(BIN)/ruff format $(SOURCES) tools && $(BIN)/ruff check --fix $(SOURCES) tools

lint: .venv/ready ## format and lint, without a change
	$(BIN)/ruff format --check $(SOURCES) tools && $(BIN)/ruff check $(SOURCES) tools

types: .venv/ready ## mypy
	$(BIN)/mypy

lock: .venv/ready ## renews the hashed lists of packages
	$(BIN)/python tools/lock.py $(ARGS)

clean: ## removes environments, builds and caches
	rm -rf .venv build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis

screenshots: system ## takes the pictures of docs/images anew
	SCREENSHOTS=docs/images $(BIN)/pytest -q tests/test_e2e_page.py tests/test_chat_walk.py tests/test_room_walk.py

pythons: system ## the tests on every supported Python that is installed
	$(BIN)/python tools/pythons.py $(ARGS)

# Whether a pinned dependency has known weaknesses, where the service that knows can be reached.
build/audit/ready: .venv/ready requirements/audit.txt
	$(BIN)/python -m uv venv --quiet --allow-existing build/audit
	$(BIN)/python -m uv pip install --quiet --python build/audit/bin/python --require-hashes -r requirements/audit.txt
	@touch $@

audit: build/audit/ready ## known weaknesses of the pinned dependencies
	build/audit/bin/python tools/audit.py

# Builds the container image and tries it, without an engine where there is none.
image: .venv/ready ## builds the container image and tries it
	$(BIN)/python tools/image.py $(ARGS)

release: .venv/ready ## everything that is published, into dist/
	$(BIN)/python tools/release.py

portable: release ## installs and starts the portable archive
	rm -rf build/portable && mkdir -p build/portable && tar -xzf dist/vm-balancer-*-portable.tar.gz -C build/portable
	build/portable/vm-balancer-portable/run.sh --version

mutants: .venv/ready ## how many small changes of the rules the tests notice; half an hour
	$(BIN)/python tools/mutants.py $(ARGS)
