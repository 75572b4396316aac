# setup  environment in .venv          demo   setup + the whole pipeline on the demo data set
# test   lint, types and the tests     check  the same without the slow tests (3 minutes)
# test-all  and those that take minutes each
# study  the paper's comparisons and FuSTAL's on a larger synthetic data set, docs/study*.md (an hour)
# bench  every benchmark beside what it is measured against (45 minutes; some: ONLY=flow,nms)
# deps   code dependencies of each stage, written into dvc.yaml          clean  remove caches
PY ?= python3
export PATH := $(CURDIR)/.venv/bin:$(PATH)

.PHONY: setup demo study test test-all check bench deps clean

setup: .venv/.ok

.venv/.ok: pyproject.toml constraints.txt
	@$(PY) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Python 3.11 or newer is needed, $(PY) is older: make $(MAKECMDGOALS) PY=python3.12"; exit 1; }
	@test -x .venv/bin/pip || $(PY) -m venv .venv \
	  || { rm -rf .venv; echo "no venv module: sudo apt install python3-venv (Debian, Ubuntu), then again"; exit 1; }
	.venv/bin/pip install --quiet -c constraints.txt -e '.[dev]'
	@touch $@

demo: setup
	dvc repro

study: setup
	dvc repro data/study/dvc.yaml $(wildcard fustal/study/dvc.yaml)

test: setup
	ruff check
	ruff format --check
	mypy
	pytest -n 2 --dist loadgroup -m 'not long'

test-all: test
	pytest -m long

check: setup
	ruff check
	ruff format --check
	mypy
	pytest -n 2 --dist loadgroup -m 'not slow and not long'

bench: setup
	.venv/bin/pip install --quiet -c constraints.txt -e '.[bench]'
	python -m benchmarks $(if $(ONLY),--only $(ONLY))

deps: setup
	python -m tests.closure --write

clean:
	rm -rf .pytest_cache .mypy_cache .ruff_cache .hypothesis build *.egg-info .cache
	find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +
