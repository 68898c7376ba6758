# Everyday commands of developers; `make` lists them.

.PHONY: help serve test check bench

help:
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /	/'

.venv: uv.lock pyproject.toml
	python3 -m venv .venv
	.venv/bin/pip install -q uv
	.venv/bin/uv sync --locked -q
	@touch .venv

serve: .venv ## run the service on http://127.0.0.1:8000, with an embedded Postgres
	.venv/bin/passgate serve

test: .venv ## run all tests; one of them: make test TEST=tests/test_settings.py
	.venv/bin/pytest $(TEST)

check: .venv ## run the linters and the type checker, as .ci/run does
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/lint-imports

bench: .venv ## measure how fast it is; needs Debian's wrk
	.venv/bin/python -m tests.benchmarks
