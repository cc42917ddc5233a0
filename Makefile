# Everything runs in ./.venv, which the first target makes. Needs Python 3.11 or newer, git and make.

PYTHON ?= python3
VENV := .venv
READY := $(VENV)/.ready
DOCS_READY := $(VENV)/.ready-docs
RUN := $(VENV)/bin/python
FLOORS := .venv-floors/bin/python
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help demo compare bench test slow floors lint format docs zoo clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo 'ARGS="KEY VALUE ..." is handed on to demo, compare, bench, zoo (--check), and as options of pytest to test, slow, floors.'

demo: $(READY) ## train and test PGT on LongCook, the embedded data set
	$(RUN) tools/run_net.py --cfg configs/LongCook/SLOWONLY_EXACT.yaml $(ARGS)

compare: $(READY) ## train with and without PGT, five ways, three seeds each; quicker: ARGS="--seeds 1"
	$(RUN) tools/compare.py $(ARGS)

# Runs that tests stop are forked, which hangs now and then behind tests that left threads: they have a process of their own.
STOPPED := tests/engine/test_stopping.py

bench: $(READY) ## measure time and memory of training, beside two yardsticks (half an hour); quicker: ARGS="--only x3d", "--quick"
	$(RUN) benchmarks/training.py $(ARGS)

test: $(READY) ## run the tests
	OMP_NUM_THREADS=1 $(RUN) -m pytest -m 'not slow' $(STOPPED) $(ARGS) || test $$? -eq 5
	OMP_NUM_THREADS=1 $(RUN) -m pytest -n 2 --dist loadfile -m 'not slow' --ignore $(STOPPED) $(ARGS)

slow: $(READY) ## run the tests that take long
	OMP_NUM_THREADS=1 $(RUN) -m pytest -n 2 --dist loadfile -m slow $(ARGS)

floors: ## install the lowest versions that are promised into .venv-floors, and run tests of each part with them
	test -x $(FLOORS) || $(PYTHON) -m venv .venv-floors
	$(FLOORS) -m pip install -q -r requirements/floors.txt hypothesis pytest pytest-xdist 'setuptools>=77'
	$(FLOORS) -m pip install -q -e . --no-deps --no-build-isolation
	OMP_NUM_THREADS=1 $(FLOORS) -m pytest -n 2 --dist loadfile -m 'not slow' tests/config tests/datasets tests/models tests/pgt \
		tests/engine tests/runtime tests/reports $(ARGS)

lint: $(READY) ## check style and types
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(RUN) -m mypy

format: $(READY) ## rewrite the files in the common style
	$(RUN) -m ruff check --fix .
	$(RUN) -m ruff format .

docs: $(DOCS_READY) ## build the site of the documentation: site/index.html, which opens from disk
	NO_MKDOCS_2_WARNING=1 $(RUN) -m mkdocs build --strict --quiet $(ARGS)

zoo: $(READY) ## bring MODEL_ZOO.md up to date
	$(RUN) tools/model_zoo.py $(ARGS)

clean: ## remove caches and build files; keeps .venv, data and runs
	rm -rf build dist site .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -path ./$(VENV) -prune -o \( -name __pycache__ -o -name '*.egg-info' \) -type d -prune -exec rm -rf {} +

# The package is installed in place; a change of the pins or of setup.py installs again, anything else does not.
$(READY): requirements/torch.txt requirements/base.txt requirements/dev.txt requirements/clips.txt setup.py pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "$(PYTHON) is `$(PYTHON) --version 2>&1`; needed is Python 3.11 or newer: make PYTHON=/path/to/python3.11"; exit 1; }
	test -x $(RUN) || $(PYTHON) -m venv $(VENV)
	$(RUN) -c 'import torch; assert tuple(map(int, torch.__version__.split(".")[:2])) >= (2, 6)' 2>/dev/null \
		|| $(RUN) -m pip install -r requirements/torch.txt
	$(RUN) -m pip install -r requirements/base.txt -r requirements/dev.txt
	$(RUN) -m pip install -r requirements/clips.txt --no-deps
	$(RUN) -m pip install -e . --no-deps --no-build-isolation
	@touch $@

$(DOCS_READY): $(READY) requirements/docs.txt
	$(RUN) -m pip install -r requirements/docs.txt
	@touch $@
