# `make` alone lists the targets. Every target that needs the environment makes it first, in .venv.
.DEFAULT_GOAL := help
.PHONY: help setup demo ablation plan figures paper page docs verify ui test mutants test-faults lint bench lock clean

PYTHON ?= python3
EXPERIMENT ?= default
ARGS ?=
BIN := .venv/bin
READY := .venv/.ready
PEERS := .venv/.peers

help:  ## list the targets
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo
	@echo "  EXPERIMENT=smoke|default|paper chooses the experiment (conf/experiment); ARGS='...' adds Hydra overrides,"
	@echo "  as in: make ablation EXPERIMENT=smoke ARGS='protocol.updates=500'"

setup: $(READY)  ## make the environment in .venv (every other target does this by itself)

# uv comes first, alone, by its own hashes from the lock: it installs the rest in a quarter of pip's time.
# Bytecode is compiled here (10 s, once), since some systems forbid it later: MLflow starts in half the time
$(READY): pyproject.toml requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' || \
	  { echo "Python 3.11, 3.12 or 3.13 is needed; name one with: make PYTHON=python3.12 ..." >&2; exit 2; }
	@echo "setting up .venv (once; about a minute)"
	@$(PYTHON) -m venv .venv
	@awk '/^[^ ]/ {take = /^uv==/} take' requirements.lock > .venv/uv.lock
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r .venv/uv.lock
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --compile-bytecode --require-hashes -r requirements.lock
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --editable .
	@touch $(READY)

demo: $(READY)  ## the answer in one picture, trained in under 30 seconds: with and without f' on two moons
	@$(BIN)/python -m reports.demo

ablation: $(READY)  ## train a grid, log it in MLflow, export its tables; resumes where it stopped
	@$(BIN)/study experiment=$(EXPERIMENT) $(ARGS)

plan: $(READY)  ## what would be trained, skipped and why, and how long it will take
	@$(BIN)/study experiment=$(EXPERIMENT) dry_run=true $(ARGS)

figures: $(READY)  ## the study's figures and verdicts, and those of EXPERIMENT: PDF, PNG, CSV, Markdown
	@$(BIN)/python -m reports.build $(EXPERIMENT)

paper page: EXPERIMENT := paper
paper: figures  ## the paper (reports/paper/paper.pdf) and the page for the browser, from the results there are
	@$(BIN)/python -m reports.paper $(EXPERIMENT)
	@$(BIN)/python -m reports.page $(EXPERIMENT)

page: $(READY)  ## the page for the browser alone (reports/index.html), from results and tables
	@$(BIN)/python -m reports.page $(EXPERIMENT)

docs: $(READY)  ## the documentation site in build/docs, offline; open build/docs/index.html
	@$(BIN)/sphinx-build -W --keep-going -q -d build/doctrees docs build/docs

verify: $(READY)  ## committed results against this machine's: some cells anew, a verdict each
	@$(BIN)/study verify $(EXPERIMENT) $(ARGS)

ui: $(READY)  ## browse the runs in MLflow on 127.0.0.1
	@$(BIN)/study ui experiment=$(EXPERIMENT) $(ARGS)

test: $(READY)  ## the tests
	@$(BIN)/python -m pytest -n auto $(ARGS)

mutants: $(READY)  ## do the tests notice small faults in the source?
	@$(BIN)/python -m tests.mutants $(ARGS)

test-faults: $(READY)  ## kills, full disks, servers that go away, PostgreSQL: some ten minutes
	@$(BIN)/python -m pytest -n auto -m "long_faults or not long_faults" \
	  tests/faults tests/ablation/test_store.py tests/ablation/test_wheel.py $(ARGS)

lint: $(READY)  ## style, types, and which package imports which
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache

bench: $(PEERS)  ## speed beside JAX, PyTorch, scikit-learn (QUICK=1: two minutes; ARGS=large: 200,000 runs)
	@$(BIN)/python -m benchmarks.run $(if $(QUICK),--quick) $(ARGS)

# outside the lock, by pip: PyTorch's CPU build has another address on every platform. What the lock
# has installed satisfies both, so pip leaves it as it is.
$(PEERS): $(READY)
	@echo "adding PyTorch and JAX to .venv (once, for this target alone)"
	@$(BIN)/python -c "import tomllib; \
	  print(*tomllib.load(open('pyproject.toml', 'rb'))['project']['optional-dependencies']['bench'], sep='\n')" \
	  > .venv/bench.txt
	@$(BIN)/pip install --quiet --disable-pip-version-check --requirement .venv/bench.txt
	@touch $(PEERS)

lock: $(READY)  ## add to requirements.lock what pyproject.toml needs (UPGRADE=1: all versions anew)
	@$(BIN)/uv pip compile --quiet --universal --generate-hashes --no-header --no-annotate $(if $(UPGRADE),--upgrade) \
	  --python-version 3.11 --extra study --extra cluster --extra postgres --extra docs --extra dev pyproject.toml \
	  -o requirements.lock

clean:  ## remove what can be made again (environment, caches, figures); results and the store stay
	@rm -rf .venv build *.egg-info .mypy_cache .pytest_cache .ruff_cache reports/index.html reports/paper/numbers.json
	@find reports/figures -name '*.p[dn][fg]' ! -path '*/default/relative.png' ! -name 'p0[01]_*.png' -delete
	@find study reports tests benchmarks -name __pycache__ -prune -exec rm -rf {} +
