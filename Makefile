# Every target makes its own virtual environment first, so that each works on a fresh machine.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
PACKAGES := actors definitions metrics

.PHONY: demo test check perf perf-quick perf-peers format clean
.DELETE_ON_ERROR:

$(STAMP): setup.cfg pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev,perf]'
	touch $@

demo: $(STAMP)  ## start an engine and health-check 1,000 local servers with it
	$(BIN)/python docs/examples/demo.py

test: $(STAMP)  ## all tests
	$(BIN)/python -m pytest

check: $(STAMP) .typing  ## formatting, lint, types, and the packages' import contracts
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	MYPYPATH=.typing $(BIN)/mypy -p stretto.definitions -p stretto.metrics -p stretto.actors
	MYPYPATH=.typing:docs/examples:perf $(BIN)/mypy tests
	MYPYPATH=.typing:perf $(BIN)/mypy perf
	$(BIN)/lint-imports

# mypy follows names, not the editable install's import hook: links give it the tree as it is installed.
.typing: Makefile
	mkdir -p .typing/stretto
	for package in $(PACKAGES); do ln -sfn ../../$$package .typing/stretto/$$package; done
	touch .typing

perf: $(STAMP)  ## all benchmarks, and the report under docs/benchmarks/: under 15 minutes
	$(BIN)/python perf/run.py --report

perf-quick: $(STAMP)  ## what the targets are about, in a minute; writes no file
	$(BIN)/python perf/run.py --quick

perf-peers: $(STAMP)  ## the same fan-out in other engines, each in an environment of its own, and the report
	$(BIN)/python perf/compare.py

format: $(STAMP)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean:
	rm -rf $(VENV) .typing .perf build dist ./*.egg-info
