# One command a habit, the same here and in CI.
PY := .venv/bin/python
export TOKENIZERS_PARALLELISM := false
# Compiled files are kept, wherever this is set: the tests start many interpreters.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: setup demo test test-all lint bench docs

setup: .venv/.ready

.venv/.ready: pyproject.toml constraints.txt
	python3 -m venv .venv
	$(PY) -m pip install -q --upgrade pip
	$(PY) -m pip install -q -c constraints.txt -e '.[search,drift,vader,crf,test,lint,docs,bench]'
	@touch $@

demo: setup
	.venv/bin/journeyman run recipes/sentiment.yaml

test: setup
	$(PY) -m pytest -n 2 --dist loadfile -m "not long"

test-all: setup
	$(PY) -m pytest -n 2 --dist loadfile

lint: setup
	.venv/bin/ruff check . && .venv/bin/ruff format --check . && .venv/bin/mypy && .venv/bin/lint-imports

bench: setup
	$(PY) -m benchmarks

docs: setup
	$(PY) -m docs.reference && .venv/bin/mkdocs build --strict
