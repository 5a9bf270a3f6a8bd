# Every target makes its own virtual environment first, so that each works on a fresh machine.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# The optional part in C, built where a compiler is.
COMPILED := $(wildcard definitions/data/compiled/*)
# What Stretto itself needs, without the tools of its developers.
RUNTIME := $(VENV)/.runtime
# And what the examples need.
EXAMPLES := $(VENV)/.examples
PACKAGES := actors definitions metrics
# Tests start some 500 processes of Stretto. Each would compile all modules again, and each of pytest's workers all
# tests, where the environment forbids bytecode (an empty value allows it).
export PYTHONDONTWRITEBYTECODE :=
# Half of the tests wait for a process or a disk: two at a time for each core.
WORKERS ?= $(shell echo $$((2 * $$(getconf _NPROCESSORS_ONLN))))

# The interpreters of `make test-all`; one that is not there is left out with a word.
PYTHONS ?= python3.11 python3.12 python3.13

.PHONY: help demo demo-ray example test test-fast test-all check check-style check-types check-imports warm docs perf perf-quick perf-peers format clean
.DELETE_ON_ERROR:

$(STAMP): setup.cfg setup.py pyproject.toml $(COMPILED)
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	touch $@ $(RUNTIME) $(EXAMPLES)

$(RUNTIME): setup.cfg setup.py pyproject.toml $(COMPILED)
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	touch $@

$(EXAMPLES): setup.cfg setup.py pyproject.toml $(COMPILED)
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[examples]'
	touch $@ $(RUNTIME)

help:  ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "%-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(RUNTIME)  ## the same fan-out over an empty context and over 50 MB, killed half way and resumed
	$(BIN)/python docs/examples/demo.py

demo-ray: $(STAMP)  ## a fan-out over two Ray nodes on this machine, one of which is killed half way
	$(BIN)/python docs/examples/demo_ray.py

example: $(EXAMPLES)  ## a job of docs/examples/README.md, with servers of its own: make example JOB=mails
	$(BIN)/python docs/examples/playground.py $(JOB) $(SIZE) $(OPTIONS)

test: $(STAMP)  ## all tests, on all cores
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal

test-fast: $(STAMP)  ## the tests that are over in a minute: no daemons, no campaigns, no long searches
	$(BIN)/python -m pytest -n auto -q -m 'not slow'

test-all:  ## all tests on each CPython of PYTHONS that is installed, each in an environment of its own
	@for python in $(PYTHONS); do \
	    version=$$($$python -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2> /dev/null) || \
	        { echo "$$python is not installed: left out"; continue; }; \
	    $(MAKE) test PYTHON=$$python VENV=.venv-$$version || exit 1; \
	done

check: check-style check-types check-imports  ## formatting, lint, types, import contracts (also with -j2)

check-style: $(STAMP)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/codespell

# One run reads what all have in common once. The scripts of perf/ are named one by one.
SCRIPTS := $(basename $(notdir $(wildcard perf/*.py perf/peers/*.py)))
check-types: $(STAMP) .typing
	MYPYPATH=.typing:docs/examples:perf:perf/peers:. $(BIN)/mypy $(addprefix -p stretto.,$(PACKAGES)) -p tests \
	    $(addprefix -m ,$(SCRIPTS))

check-imports: $(STAMP)
	$(BIN)/lint-imports

# mypy has one core for half a minute. The other one compiles what the tests' processes and workers import.
warm: $(STAMP)
	$(BIN)/python -m compileall -q actors definitions metrics docs/examples perf
	$(BIN)/python -m pytest --collect-only -qq > $(VENV)/.collected || { cat $(VENV)/.collected; exit 1; }

# mypy follows names, not the editable install's import hook: links give it the tree as it is installed.
.typing: Makefile
	mkdir -p .typing/stretto
	for package in $(PACKAGES); do ln -sfn ../../$$package .typing/stretto/$$package; done
	touch .typing

docs: $(STAMP)  ## docs/reference/ from the docstrings, docs/openapi.json from the table of routes
	$(BIN)/python docs/reference/generate.py

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
	rm -rf $(VENV) .venv-* .typing .perf build dist ./*.egg-info
