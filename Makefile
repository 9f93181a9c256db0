# Thin on purpose: each target is one or two lines. Everything is installed into .venv from hashed lists.
PYTHON ?= python3
BIN := .venv/bin
SOURCES := balancer bot sandbox tests vm_balancer.py
# A browser and an SSH server are installed by the tests' target where that can be done.
WORKERS ?= 2

.PHONY: help demo test check fmt lint types lock clean system screenshots
.DEFAULT_GOAL := help

help:
	@echo "make demo | test | check | fmt | lint | types | lock | clean"

.venv/ready: pyproject.toml requirements/dev.txt requirements/installer.txt
	$(PYTHON) tools/install.py .venv
	@touch $@

system: .venv/ready
	@$(BIN)/python tools/system.py

demo: .venv/ready
	@$(BIN)/vm-balancer demo $(ARGS)

test: system
	$(BIN)/pytest -n $(WORKERS) $(ARGS)

check: lint types test

fmt: .venv/ready
	$(BIN)/ruff format $(SOURCES) tools && $(BIN)/ruff check --fix $(SOURCES) tools

lint: .venv/ready
	$(BIN)/ruff format --check $(SOURCES) tools && $(BIN)/ruff check $(SOURCES) tools

types: .venv/ready
	$(BIN)/mypy

lock: .venv/ready
	$(BIN)/python tools/lock.py

clean:
	rm -rf .venv build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis

screenshots: system
	SCREENSHOTS=docs/images $(BIN)/pytest -q tests/test_e2e_page.py
