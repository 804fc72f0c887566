# make run and make test do all their own set-up; they need Python >= 3.11 and nothing else.

PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
BIN := .venv/bin

.PHONY: run test test-all check docs bench bench-full gpu-gate gpu-measure peers clean

run: .venv/.run
	$(BIN)/tissue run runs/shrew.toml --overwrite

# several at a time, by the file: most tests wait for the compiler, which works on one core, or for
# other processes; slow ones may need much memory
PYTEST := $(BIN)/python -m pytest -q --dist loadfile --no-loadscope-reorder

# most programs of a test run for less time than they take to compile: they are optimized little, and
# those of slow tests a little more (tests/simulation/test_optimization.py compares both with those
# of a user)
QUICK := --xla_cpu_use_fusion_emitters=false --xla_cpu_parallel_codegen_split_count=1
test: export XLA_FLAGS := $(QUICK) --xla_backend_optimization_level=0
test-all: export XLA_FLAGS := $(QUICK) --xla_backend_optimization_level=1
# threads of XLA: each process has a core of its own at best
test test-all: export NPROC := 1

test: .venv/.test
	$(PYTEST) --numprocesses 3 -m "not slow"

test-all: .venv/.test
	$(PYTEST) --numprocesses 2 -m slow

check: .venv/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# a broken link is an error; needs the network to install MkDocs, and none to build
docs: .venv/.docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet
	@echo build/site/index.html

bench: .venv/.run
	$(BIN)/python benchmarks/all.py

bench-full: .venv/.run
	$(BIN)/python benchmarks/all.py --full

# compiles the GPU path ahead of time; needs no GPU
gpu-gate: .venv-gpu/.gate
	.venv-gpu/bin/python benchmarks/gpu/gate.py

# the predictions of docs/gpu.md, measured in fifteen minutes; installs nothing: tissue runs from
# here, in .venv or in the Python that has its dependencies. make gpu-measure ARGS="--edges 128"
gpu-measure:
	PYTHONPATH="$(CURDIR)$${PYTHONPATH:+:$$PYTHONPATH}" $(if $(wildcard $(BIN)/python),$(BIN)/python,$(PYTHON)) \
		benchmarks/gpu/on_device.py $(ARGS)

# ours beside what else a user could take, each in an environment of its own; make peers ARGS=--quick
PEERS := numba devito pypde pyamg evoxels parosol
peers: .venv/.run $(PEERS:%=.venv-peers/%/.made)
	$(BIN)/python benchmarks/peers/run.py $(ARGS)
	$(BIN)/python benchmarks/mechanics.py $(ARGS)
	$(BIN)/python benchmarks/strength.py $(ARGS)

# one that does not install is left out of the tables by name, with the reason
.venv-peers/%/.made: benchmarks/peers/requirements-%.txt
	rm -rf $(@D)
	$(PYTHON) -m venv $(@D)
	$(@D)/bin/python -m pip install --quiet --disable-pip-version-check -r $< 2>$(@D)/log.txt || \
		{ grep ERROR $(@D)/log.txt || echo "does not install here"; } | tail -n 1 >$(@D)/failed.txt
	@touch $@

.venv/bin/python:
	@test -n "$(PYTHON)" || { echo "tissue needs Python 3.11 or newer; set PYTHON=/path/to/python3"; exit 1; }
	$(PYTHON) -m venv .venv

.venv/.run: .venv/bin/python pyproject.toml constraints.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e .
	@touch $@

.venv/.test: .venv/.run
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[test]"
	@touch $@

.venv/.docs: .venv/.run
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[docs]"
	@touch $@

# what compiles for CUDA, without the libraries that run it
JAX := $(shell sed -n 's/^jax==//p' constraints.txt)
NVCC := 12.9.86
.venv-gpu/.gate: pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "tissue needs Python 3.11 or newer; set PYTHON=/path/to/python3"; exit 1; }
	$(PYTHON) -m venv .venv-gpu
	.venv-gpu/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e .
	.venv-gpu/bin/python -m pip install --quiet --disable-pip-version-check --no-deps \
		jax-cuda12-plugin==$(JAX) jax-cuda12-pjrt==$(JAX) nvidia-cuda-nvcc-cu12==$(NVCC)
	@touch $@

clean:
	rm -rf .venv .venv-gpu .venv-peers runs/out .pytest_cache .mypy_cache .ruff_cache
