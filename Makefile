.DEFAULT_GOAL := help
SHELL := /bin/bash
bin := .venv/bin

# Settings and keys of .env, if there is one, reach every command that uses data or a vendor.
env := set -a; if [ -f .env ]; then . ./.env; fi; set +a;
need = $(if $(strip $($(1))),,$(error $(1) is missing, for example: make $@ $(2)))

CONF ?= conf_ml_signal_paper.yml

.PHONY: help
help: ## Show this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12
	@echo
	@echo 'Start with: make demo'

.PHONY: setup
setup: ## Install everything from the lock into .venv and build the Hummingbot home
	@tools/setup.sh

.PHONY: demo
demo: setup ## Run the whole loop offline and trade; DATA=a.parquet,b.parquet replays real bars
	@$(bin)/python -m market_sim.demo $(if $(DATA),--data $(DATA))

.PHONY: test
test: setup ## Run the tests; ARGS='-k name' passes options to pytest
	@$(bin)/python -m pytest $(ARGS)

.PHONY: faults
faults: setup ## Run the real bot through every fault, on paper and live: ARGS='--only NAME --mode live'
	@$(bin)/python -m market_sim.trials faults $(ARGS)

.PHONY: kills
kills: setup ## Kill the bot over the life of positions and restart it: ARGS='--points 200 --seed 1'
	@$(bin)/python -m market_sim.trials kills $(ARGS)

MINUTES ?= 60
SEED ?= 1

SOAK ?= data trade
BARS ?= $(wildcard ../shared/market)

.PHONY: soak
soak: setup ## Live bars, then trades, of 100 coins through faults and kills: MINUTES=60 SEED=1 SOAK=data
	$(if $(filter data,$(SOAK)),@$(bin)/python -m market_sim.trials data --minutes $(MINUTES) \
	  --seed $(SEED) $(if $(BARS),--bars $(BARS)) $(ARGS))
	$(if $(filter trade,$(SOAK)),@$(bin)/python -m market_sim.trials soak --minutes $(MINUTES) \
	  --seed $(SEED) $(ARGS))

.PHONY: check
check: setup ## Lint, types, import rules, generated code, compose file, lock
	@tools/check.sh

.PHONY: bench
bench: setup ## Measure and write bench/results.json
	@$(bin)/python -m bench

.PHONY: proto
proto: setup ## Generate the gRPC code from protos/
	@protos/generate.sh

.PHONY: lock
lock: setup ## Pin the dependencies of pyproject.toml again; ARGS='--upgrade-package NAME' moves one
	@tools/lock.sh $(ARGS)

.PHONY: import
import: setup ## Import bars from files: FILES='a.parquet b.csv.gz' [SYMBOL=BTC-USD]
	$(call need,FILES,FILES=bars.parquet)
	@$(env) $(bin)/signal-server import $(FILES) $(if $(SYMBOL),--symbol $(SYMBOL))

.PHONY: backfill
backfill: setup ## Bring history up to date from Polygon: [START=2025-01-01] [END=…] [SYMBOLS=BTC-USD]
	@$(env) $(bin)/signal-server backfill $(if $(START),--start $(START)) $(if $(END),--end $(END)) \
	  $(if $(SYMBOLS),--symbols $(SYMBOLS)) $(ARGS)

PROFILE ?= direction-2h

.PHONY: train
train: setup ## Train and validate a model: PROFILE=direction-2h
	@$(env) $(bin)/signal-server train --profile $(PROFILE)

.PHONY: audit
audit: setup ## Hunt for leaks in a profile's features, labels and training: PROFILE=direction-2h
	@$(env) $(bin)/signal-server audit --profile $(PROFILE) $(ARGS)

.PHONY: models
models: setup ## List the models; ARGS='compare A B', 'promote NAME@VERSION', 'rollback NAME'
	@$(env) $(bin)/signal-server models $(ARGS)

.PHONY: backtest
backtest: setup ## Trade the model's untouched test part: PROFILE=direction-2h
	@$(env) $(bin)/signal-server backtest --profile $(PROFILE)

.PHONY: serve
serve: setup ## Serve signals from live bars over gRPC
	@$(env) exec $(bin)/signal-server serve

.PHONY: trade
trade: setup ## Run Hummingbot in the foreground: CONF=conf_ml_signal_paper.yml
	@$(env) cd .hummingbot && exec ../$(bin)/python -m hummingbot.cli.main start $(CONF) --foreground

.PHONY: trades
trades: setup ## Show the trade log
	@$(env) $(bin)/signal-server trades

.PHONY: positions
positions: setup ## Show what the bots hold; ARGS=--all shows what they held, too
	@$(env) $(bin)/signal-server positions $(ARGS)

.PHONY: control
control: setup ## Show what the bots may do; ARGS="pause --why maintenance" orders it
	@$(env) $(bin)/signal-server control $(if $(ARGS),$(ARGS),show)

.PHONY: clean
clean: ## Remove caches and what was built; data/ and .hummingbot/ stay
	@rm -rf build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	@find . -name __pycache__ -type d -not -path './.venv/*' -not -path './.hummingbot/*' -prune \
	  -exec rm -rf {} +
