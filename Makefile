SHELL := /bin/bash
PYTHON ?= python3
BIN := .venv/bin
STUDY := etude-studies/convergence
INSTALLED := .venv/.installed

# One thread per process: the tests start processes of their own, and results are compared bit by bit.
ONE_THREAD := OMP_NUM_THREADS=1
BOARD = $(ONE_THREAD) $(BIN)/python benchmarks/scoreboard.py
RUNS := etude-studies/scoreboard

.DELETE_ON_ERROR:
.PHONY: help study test test-long lint benchmark scoreboard scoreboard-finder truth images clean

help:  ## say what can be made
	@sed -n 's/^\([a-z-]*\):.*  ## /\1\t/p' $(MAKEFILE_LIST) | expand -t 20

study: $(INSTALLED)  ## what the learning rate does to convergence on handwritten digits, with a report to look at
	$(BIN)/etude run convergence --data digits --out $(STUDY)

test: lint  ## everything that CI checks
	$(ONE_THREAD) $(BIN)/python -m pytest -m "not long" --cov --cov-report=term-missing:skip-covered

test-long: $(INSTALLED)  ## the tests that take minutes: many kills, full disks, long parity runs
	$(ONE_THREAD) $(BIN)/python -m pytest -m long

lint: $(INSTALLED)  ## style, format, types, layers
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

benchmark: $(INSTALLED)  ## speed against the tuned PyTorch loop; wants an idle machine
	$(BIN)/python benchmarks/run.py

scoreboard: $(INSTALLED)  ## how well runs are diagnosed, beside other tools' rules; about an hour on two idle cores
	$(BOARD) --worlds cheap,own --seeds 10 --planted 10 --remedies 2 --keep $(RUNS)
	$(BOARD) --worlds dear --seeds 2 --planted 2 --remedies 1 --keep $(RUNS)
	$(BOARD) --again $(RUNS)

scoreboard-finder: $(INSTALLED)  ## how good the finder's learning rates are, beside other libraries'; a few minutes
	$(ONE_THREAD) $(BIN)/python benchmarks/finder.py

truth: $(INSTALLED)  ## measure the sweeps that the finder is judged by again, and compare them with the stored ones
	$(ONE_THREAD) $(BIN)/python benchmarks/finder.py --truth

images: $(INSTALLED)  ## the README's pictures of the report, made again; needs Chromium
	$(BIN)/python docs/make_images.py

clean:  ## remove the environment and every cache; studies are results, and stay
	rm -rf .venv .coverage .coverage.* htmlcov build dist
	rm -rf .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find benchmarks examples src tests -name __pycache__ -type d -prune -exec rm -rf {} +

# torch comes first and alone, so that a failing download of the one large package is seen at once.
$(INSTALLED): pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet "pip>=25.1"
	$(BIN)/python -m pip install --quiet -c constraints.txt torch==2.13.0
	$(BIN)/python -m pip install --quiet -c constraints.txt -e . --group dev
	touch $@
