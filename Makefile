# make run, make demo, make test: everything else is under `make help`.
VENV ?= .venv
BIN := $(VENV)/bin
export VENV PYTHON

.DEFAULT_GOAL := help
.PHONY: help run demo install dev test check format api bench fuzz crash long lock clean

help: ## Show the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: install ## Start the daemon in the foreground (CONFIG=file.yaml to configure it, ARGS for more options)
	@exec $(BIN)/fixbridge run $(if $(CONFIG),--config $(CONFIG)) $(ARGS)

demo: install ## Trade against the running daemon over FIX and watch (ARGS="--orders 20")
	@exec $(BIN)/fixbridge demo $(if $(CONFIG),--config $(CONFIG)) $(ARGS)

install: ## Make the virtual environment for running
	@requirements/install run

dev: ## Make the virtual environment for developing
	@requirements/install dev

test: dev ## Run the tests in parallel, with coverage
	$(BIN)/pytest -n $(JOBS) --cov --cov-report=term:skip-covered $(ARGS)

check: dev ## Format, lint, types, import contracts
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	@requirements/check

format: dev ## Format and sort imports
	$(BIN)/ruff check --fix-only --quiet .
	$(BIN)/ruff format .

bench: dev ## Measure, a table each (BENCH="codec journal" for some of them)
	@for each in $(BENCH); do echo "== $$each"; PYTHONPATH=. $(BIN)/python bench/$$each.py || exit 1; done

fuzz: dev ## Feed codec and framer a million mutated messages
	$(BIN)/pytest -m long -n $(JOBS) --timeout 0 tests/fixspec $(ARGS)

crash: dev ## Kill a real daemon at every crash point and at random moments, KILLS times (500)
	CRASH_KILLS=$(or $(KILLS),500) $(BIN)/pytest -m "crash or not crash" -n $(JOBS) --timeout 0 tests/crash tests/bridge/journal/test_crash.py $(ARGS)

long: dev ## The tests that take longer than a developer waits
	$(BIN)/pytest -m long -n $(JOBS) --timeout 0 $(ARGS)

api: dev ## Write docs/openapi.json and docs/asyncapi.yaml anew, after a change of what they describe
	$(BIN)/python -m bridge.outputs.http.openapi > docs/openapi.json
	$(BIN)/python -m bridge.outputs.http.asyncapi > docs/asyncapi.yaml

lock: dev ## Choose the newest versions that fit pyproject.toml and write them down with their hashes
	$(COMPILE) --extra broker --group build -o requirements/run.txt
	$(COMPILE) --all-extras --group dev -o requirements/dev.txt

clean: ## Remove what was built; data directories stay
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage* htmlcov
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

JOBS ?= 2
BENCH ?= $(basename $(notdir $(shell grep -l __main__ bench/*.py)))
COMPILE := $(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header $(if $(UPGRADE),--upgrade) pyproject.toml
