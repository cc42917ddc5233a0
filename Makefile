# Everything runs in ./.venv, which the first target makes. Needs Python 3.11 or newer, git and make.

PYTHON ?= python3
VENV := .venv
READY := $(VENV)/.ready
DOCS_READY := $(VENV)/.ready-docs
RUN := $(VENV)/bin/python
FLOORS := .venv-floors/bin/python
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help demo watch compare bench test slow faults floors lint format docs zoo clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo 'ARGS="KEY VALUE ..." is handed on to demo, watch, compare, bench, zoo (--check), and as options of pytest to test, slow, faults, floors.'

demo: $(READY) ## train and test PGT on LongCook, the embedded data set
	$(RUN) tools/run_net.py --cfg configs/LongCook/SLOWONLY_EXACT.yaml $(ARGS)

# Whether coffee was ground or tea steeped before decides what pouring milk makes, and a short clip cannot know.
CLIP = $(firstword $(wildcard runs/compare/slowonly_clip/model.safetensors runs/longcook_clip/model.safetensors))
LATTE = $(shell grep -m 1 c008 data/longcook/Charades_v1_test.csv | cut -d , -f 1)

watch: $(READY) ## after demo: a film of what its network and one of short clips say, which is trained if need be (minutes)
	test -f runs/longcook_exact/model.safetensors || { echo "there is no run of make demo yet; right would be make demo first"; exit 1; }
	$(if $(CLIP),,$(RUN) tools/run_net.py --cfg configs/LongCook/SLOWONLY_CLIP.yaml $(ARGS))
	$(RUN) tools/watch.py data/longcook/videos/$(LATTE).mp4 --out runs/watch.mp4 \
		--classes "Grind coffee beans,Pour milk,Make latte,Make milk tea,Make hot chocolate,Make berry milk" \
		--weights "short clips=$(or $(CLIP),runs/longcook_clip)" "with a memory, by PGT=runs/longcook_exact"

compare: $(READY) ## train with and without PGT, five ways, three seeds each; quicker: ARGS="--seeds 1"
	$(RUN) tools/compare.py $(ARGS)

# Runs that tests stop are forked, which hangs now and then behind tests that left threads: they have a process of their own.
STOPPED := tests/engine/test_stopping.py

bench: $(READY) ## measure time and memory of training, beside two yardsticks (half an hour); quicker: ARGS="--only x3d", "--quick"
	$(RUN) benchmarks/training.py $(ARGS)

test: $(READY) ## run the tests
	OMP_NUM_THREADS=1 $(RUN) -m pytest -m 'not slow and not faults' $(STOPPED) $(ARGS) || test $$? -eq 5
	OMP_NUM_THREADS=1 $(RUN) -m pytest -n 2 --dist loadfile -m 'not slow and not faults' --ignore $(STOPPED) $(ARGS)

slow: $(READY) ## run the tests that take long
	OMP_NUM_THREADS=1 $(RUN) -m pytest -n 2 --dist loadfile -m 'slow and not faults' $(ARGS)

faults: $(READY) ## break things by the hundred (configs, files, disks, processes) and count what survives: docs/RELIABILITY.md
	OMP_NUM_THREADS=1 $(RUN) -m pytest -s -m faults tests/faults $(ARGS)

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
	NO_MKDOCS_2_WARNING=1 $(RUN) -m mkdocs build --strict $(ARGS)

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
