# Every target does its own set-up: .venv is made and filled on the first run, and again when setup.cfg or pyproject.toml changes.
#
#   make demo [SECONDS=20]   the daemon and a simulated venue; JSON Lines on stdout until Ctrl-C, or for so many seconds
#   make test [ARGS=...]     the tests; ARGS goes to pytest (JOBS=0 runs them in one process)
#   make check               everything CI does
#   make help                the rest

# The Python that .venv is made with: the first 3.11 or newer of these that can make one.  make test PYTHON=/opt/python3.12/bin/python
PYTHON =
CANDIDATES = python3.13 python3.12 python3.11 python3

ARGS =
SECONDS =

# Processes that share the tests, a file at a time; tests/conftest.py has how many they are where no number is given.
JOBS = auto

VENV = .venv
BIN = $(VENV)/bin
PIP = $(BIN)/python -m pip --quiet --disable-pip-version-check
# A plain editable install puts a finder in front of the import system that hides twisted/plugins; "compat" uses a .pth line.
INSTALL = $(PIP) install --config-settings editable_mode=compat --editable

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test slow soak bench schema schema-check lint format types contracts docs news check clean

help:
	@sed -n -e 's/^#   make/  make/p' Makefile
	@echo '  make slow                the tests that take seconds each, which make test leaves out'
	@echo '  make soak                those that take minutes each'
	@echo '  make bench               the measurements behind the figures in README.md'
	@echo '  make schema              generate ctrader_twisted/wire/schema and each requests.py from protos/'
	@echo '  make lint                ruff, shellcheck, news fragments (make format mends what a machine can)'
	@echo '  make types               mypy, of our own code; ci/typing.sh has what checkers see of ours in other code'
	@echo '  make contracts           who may import whom'
	@echo '  make docs                the site, into docs/_build/html'
	@echo '  make clean               remove .venv and everything built'

# --------------------------------------------------------------------------------------------------------------- to run

# stdout is the daemon's JSON Lines and nothing else: the log goes to stderr, and so does what pip has to say.
demo: $(VENV)/run.stamp
	@exec $(BIN)/twistd --nodaemon --pidfile= --logger=ctrader_twisted.service.stderr_observer \
	  ctrader --config examples/demo.toml $(if $(SECONDS),--seconds $(SECONDS)) $(ARGS)

# Byte code is written once, the tests' own too, and not again in each of the processes that tests start.
PYTEST = PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest

test slow: $(VENV)/test.stamp
	@PYTHONDONTWRITEBYTECODE= $(BIN)/python -m compileall -q ctrader_twisted twisted
	@$(PYTEST) --numprocesses $(JOBS) --dist loadfile $(if $(filter slow,$@),-m "slow and not soak") $(ARGS)

soak: $(VENV)/test.stamp
	@$(PYTEST) -m soak -o faulthandler_timeout=1800 $(ARGS)

bench: $(VENV)/test.stamp
	@set -e; for wire in protobuf json protobuf-websocket; do for program in benchmarks/spots.py benchmarks/requests.py; do \
	  echo "== $$program --wire $$wire"; $(BIN)/python "$$program" --wire "$$wire" $(ARGS); \
	done; done
	@echo "== benchmarks/history.py"; $(BIN)/python benchmarks/history.py $(ARGS)
	@echo "== benchmarks/recording.py"; $(BIN)/python benchmarks/recording.py $(ARGS)

# ------------------------------------------------------------------------------------------------------------ to develop

schema: $(VENV)/dev.stamp
	@$(BIN)/python protos/generate.py

schema-check: $(VENV)/dev.stamp
	@$(BIN)/python protos/generate.py --check

lint: $(VENV)/dev.stamp
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/shellcheck .ci/run ci/*.sh
	@$(BIN)/towncrier build --draft --version next >/dev/null

format: $(VENV)/dev.stamp
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

types: $(VENV)/dev.stamp
	@$(BIN)/mypy

contracts: $(VENV)/dev.stamp
	@$(BIN)/lint-imports

# A warning is an error; links between pages are among what is warned of.
docs: $(VENV)/docs.stamp
	@$(BIN)/sphinx-build --fail-on-warning --keep-going --quiet --jobs auto --builder html docs docs/_build/html $(ARGS)
	@echo 'docs/_build/html/index.html'

news: $(VENV)/dev.stamp
	@$(BIN)/towncrier build --draft --version next

check:
	@bash .ci/run

clean:
	rm -rf $(VENV) build dist docs/_build docs/reference/api docs/reference/messages docs/reference/*.rst *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	rm -f twisted/plugins/dropin.cache
	find ctrader_twisted twisted tests examples benchmarks protos ci -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true

# ------------------------------------------------------------------------------------------------------------- the set-up
# Each stamp is newer than the packages it stands for.  A larger set covers the smaller ones.

$(VENV)/run.stamp: setup.cfg pyproject.toml | $(BIN)/python
	@echo 'Installing into $(VENV) ...' >&2
	@$(INSTALL) '.[cli]' >&2
	@touch $@

$(VENV)/test.stamp: setup.cfg pyproject.toml | $(BIN)/python
	@echo 'Installing into $(VENV) ...' >&2
	@$(INSTALL) '.[test]' >&2
	@touch $(VENV)/run.stamp $@

$(VENV)/dev.stamp: setup.cfg pyproject.toml | $(BIN)/python
	@echo 'Installing into $(VENV) ...' >&2
	@$(INSTALL) '.[dev]' >&2
	@touch $(VENV)/run.stamp $(VENV)/test.stamp $@

$(VENV)/docs.stamp: setup.cfg pyproject.toml | $(BIN)/python
	@echo 'Installing into $(VENV) ...' >&2
	@$(INSTALL) '.[docs]' >&2
	@touch $(VENV)/run.stamp $@

$(BIN)/python:
	@sh ci/venv.sh $(VENV) $(or $(PYTHON),$(CANDIDATES)) >&2
