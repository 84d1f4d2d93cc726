# Everything needs only make and Python 3.11 or later; the rest is set up in .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.DEFAULT_GOAL := help
.PHONY: help demo test test-long check format bench clean

help: ## Show these targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

$(READY): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "hashmatch needs Python 3.11 or later; try: make PYTHON=python3.12")'
	@echo "Setting up $(VENV) (once; this takes a minute)"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $(READY)

demo: $(READY) ## Scan the example pictures against the example list
	@chmod go-rwx fixtures/hashes.txt # hashmatch warns of lists that others can read
	@echo '$$ hashmatch scan fixtures/benign_images --list fixtures/hashes.txt'
	@code=0; $(BIN)/hashmatch scan fixtures/benign_images --list fixtures/hashes.txt || code=$$?; \
	echo "Exit code $$code: 1 is a match, 2 a file not fully examined, 4 a candidate for a human; they add up."; \
	test $$code -eq 5

# Tests that need real time run by themselves, one after another; only they are retried. To import
# all others again would take a while
define run-tests
@code=0; \
$(BIN)/python -m pytest -rfEs -n auto --dist worksteal -m "not timing" || code=$$?; \
$(BIN)/python -m pytest -rfEsR -m timing --reruns 2 $(APPEND) \
  $$(grep -rl --include='*.py' mark.timing tests) || code=$$?; \
exit $$code
endef

# The matrices of tests are small: further threads of NumPy's would only wait for each other
test test-long: export OPENBLAS_NUM_THREADS=1
test: $(READY) ## Run the tests
	$(run-tests)

test-long: export HASHMATCH_LONG_TESTS=1
test-long: $(READY) ## Run the tests with their full counts, which takes an hour
	$(run-tests)

check: $(READY) ## Run all that CI runs: format, lint, types, layers, tests with coverage
	@$(BIN)/ruff format --check
	@$(BIN)/ruff check
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@# Both runs add to one measurement, and the floor is checked once, at the end
	@$(MAKE) --no-print-directory test APPEND=--cov-append \
	  PYTEST_ADDOPTS="$(PYTEST_ADDOPTS) --cov --cov-report= --cov-fail-under=0"
	@$(BIN)/coverage report

format: $(READY) ## Format the code and mend what ruff can mend
	@$(BIN)/ruff format
	@$(BIN)/ruff check --fix

bench: $(READY) ## Run the benchmarks; results go to bench/runs/
	@for program in bench/*.py; do case $$program in bench/record.py) ;; *) $(BIN)/python $$program || exit 1;; esac; done

clean: ## Remove what was set up
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage .coverage.*
