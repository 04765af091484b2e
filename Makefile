# The commands of this repository. `make help` lists them.
#
# Every cargo call names the whole workspace: another selection of crates would select other features and compile
# the dependencies a second time.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help up demo test crash crash-short crash-billing crash-billing-short bench lint fmt sqlx openapi openapi-check build setup clean

CARGO ?= cargo
# The queries are checked against store/.sqlx; only `make sqlx` asks a database.
export SQLX_OFFLINE ?= true
# The crates of this repository are compiled through clippy, so that one compilation builds and checks: a `cargo clippy` of
# its own would look through all dependencies once more, for minutes. A release is compiled without it.
export RUSTC_WORKSPACE_WRAPPER ?= clippy-driver
# What incremental compilation saves in a second build, it costs in the first one and on the disk.
export CARGO_INCREMENTAL ?= 0
# The profile of `make bench`. The first time, `release` compiles every dependency once more, optimised (half an hour on
# two cores); `make bench PROFILE=dev` uses what the tests use.
PROFILE ?= release
# Tests at once: end-to-end tests mostly wait, for others too, so there are many more of them than cores.
TEST_THREADS ?= $(shell echo $$(( $$(nproc) * 6 )))
# One scenario of the bench in its full form: `make bench SCENARIO=soak`. Without it, all of them in a bounded one.
SCENARIO ?=

target = $(shell $(CARGO) metadata --no-deps --format-version 1 | python3 -c 'import json, sys; print(json.load(sys.stdin)["target_directory"])')

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

up: setup build ## Start everything (PostgreSQL, Temporal, sandbox, worker, API) and leave it running until Ctrl-C
	@exec $(target)/debug/causeway-sandbox up --with-parent

demo: setup build ## Show the main job in all four directions, with a killed worker in the middle, and a purchase, and check the result
	@exec $(target)/debug/causeway-sandbox demo --with-parent

test: setup lint openapi-check ## Formatting, lints, OpenAPI snapshot, every test, two short crashes
	RUST_TEST_THREADS=$(TEST_THREADS) $(CARGO) test --workspace --no-fail-fast
	@$(MAKE) --no-print-directory crash-short
	@$(MAKE) --no-print-directory crash-billing-short

# bash counts in a variable SECONDS of its own, so this one is written out by make and never read by the shell.
crash: setup build ## Kill every part again and again while people write, and check the destinations; SECONDS= and SEED=
	@exec $(target)/debug/causeway-sandbox crash --with-parent $(if $(SECONDS),--seconds $(SECONDS)) $(if $(SEED),--seed $(SEED))

crash-short: setup build ## The same in about a minute, always with the same seed unless SEED= is given
	@exec $(target)/debug/causeway-sandbox crash --with-parent --name crash-short --seconds 35 --messages 500 --pairs 8 \
		--seed $(or $(SEED),20261122)

crash-billing: setup build ## Kill every part again and again while people pay, and check the books; SECONDS= and SEED=
	@exec $(target)/debug/causeway-sandbox crash-billing --with-parent $(if $(SECONDS),--seconds $(SECONDS)) $(if $(SEED),--seed $(SEED))

crash-billing-short: setup build ## The same in about two minutes, always with the same seed unless SEED= is given
	@exec $(target)/debug/causeway-sandbox crash-billing --with-parent --name crash-billing-short --seconds 35 --people 16 \
		--seed $(or $(SEED),20261124)

bench: setup ## Measure throughput, latency and memory beside the ceilings; SCENARIO=name for one in full, PROFILE=dev without optimisation
	$(if $(filter dev,$(PROFILE)),,RUSTC_WORKSPACE_WRAPPER= )$(CARGO) build --workspace --profile $(PROFILE)
	@exec $(target)/$(if $(filter dev,$(PROFILE)),debug,$(PROFILE))/causeway-sandbox bench --with-parent $(if $(SCENARIO),--scenario $(SCENARIO))

lint: ## Check the formatting, and compile everything with clippy, warnings denied
	$(CARGO) fmt --all --check
	@mkdir -p $(target)
	$(CARGO) build --workspace --all-targets 2>&1 | tee $(target)/lint.log
	@if grep -q '^warning' $(target)/lint.log; then echo 'lint: there are warnings' >&2; exit 1; fi

fmt: ## Format the code
	$(CARGO) fmt --all

sqlx: setup ## Write store/.sqlx anew from the queries and migrations, against a private PostgreSQL
	@scripts/sqlx

openapi: build ## Write api/openapi.json anew from the routes
	@$(target)/debug/causeway-api openapi >$(target)/openapi.json
	@mv $(target)/openapi.json api/openapi.json

openapi-check: build ## Check that api/openapi.json is what the routes say
	@$(target)/debug/causeway-api openapi | diff -u api/openapi.json - \
		|| { echo 'api/openapi.json is stale: run make openapi' >&2; exit 1; }

build: ## Compile the workspace
	$(CARGO) build --workspace

setup: ## Install what is missing: PostgreSQL binaries, and Temporal and test clients below .local/
	@scripts/setup

clean: ## Remove everything that was built, installed or stored below target/ and .local/
	@for link in .local/*/postgres; do if [[ -L $$link ]]; then rm -rf -- "$$(readlink "$$link")"; fi; done
	rm -rf .local
	$(CARGO) clean
