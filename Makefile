# Needs Python 3.11 or newer, make and the package indexes; all else is fetched into .venv.
# Another Python: make PYTHON=python3.12 …

PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
INSTALL := $(PIP) install --quiet --require-hashes
COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --custom-compile-command "make lock" $(LOCK_ARGS)
LOCK_ARGS ?=
AUDIT_ARGS ?=
PYTEST_ARGS ?=
WORKERS ?= 2
# Most tests wait for something; those of one file share what is slow to set up.
AT_ONCE = -n $(WORKERS) --dist loadfile --no-loadscope-reorder
MINUTES ?= 60
BROKERS ?= 1
SOAK_ARGS ?=
# What has a target of its own.
APART := alerts or bench or deploy or faults or image or page or server or showcase or soak
DOCKER ?= docker
COMPOSE ?= $(DOCKER) compose --file deploy/compose/compose.yaml
VERSION = $(shell sed -n 's/^__version__ = "\(.*\)"/\1/p' processor/__init__.py)
HELM := helm.sh/helm/v3/cmd/helm@v3.22.0
BENCH_ARGS ?=
FUZZ_SECONDS ?= 3600
FUZZ_ARGS ?=

.DELETE_ON_ERROR:
.PHONY: help demo test check faults soak alerts-check deploy-check page-check server-check image image-check \
	up load down showcase-check lock audit sbom bench bench-compare bench-growth fuzz wheel parts clean

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 16

demo: .venv/runtime.stamp ## show the processor at work on sample events, nothing else needed
	$(BIN)/processor demo

test: .venv/dev.stamp parts ## run all tests, those on a real Kafka and a real registry included (WORKERS=n files at a time)
	$(BIN)/python -m pytest -m "not ($(APART))" $(AT_ONCE) $(PYTEST_ARGS)

faults: .venv/dev.stamp parts ## run every fault, the long ones included (FAULTS_SEED=n: again)
	$(BIN)/python -m pytest -m "not bench and not soak" tests/faults $(PYTEST_ARGS)

soak: .venv/dev.stamp parts ## mix faults for MINUTES=60, then judge (BROKERS=3, SEED=n: again)
	$(BIN)/python -m tests.soak --minutes $(MINUTES) --brokers $(BROKERS) \
		$(if $(SEED),--seed $(SEED)) $(SOAK_ARGS)

alerts-check: .venv/dev.stamp parts ## try the alert rules and the dashboard, with a real Prometheus too
	$(BIN)/python -m tests.support.prometheus_parts
	$(BIN)/python -m pytest -m alerts tests/deploy $(PYTEST_ARGS)

deploy-check: .venv/deploy.stamp $(BIN)/helm ## lint and render the chart with every switch, for many Kubernetes
	$(BIN)/hadolint Dockerfile
	$(BIN)/python -m pytest -m deploy tests/deploy $(PYTEST_ARGS)

page-check: .venv/dev.stamp ## look at the status page in a headless Chromium
	$(BIN)/python -m pytest -m page tests/deploy $(PYTEST_ARGS)

server-check: .venv/deploy.stamp $(BIN)/helm ## have the API server of KUBECONFIG try all that the chart renders
	$(BIN)/python -m pytest -m server tests/deploy $(PYTEST_ARGS)

image: ## build the image (PYTHON_IMAGE=another base, DOCKER=another command)
	DOCKER_BUILDKIT=1 $(DOCKER) build --tag rokt-cart-processor:$(VERSION) --build-arg VERSION=$(VERSION) \
		--build-arg REVISION=$$(git rev-parse HEAD) \
		$(if $(PYTHON_IMAGE),--build-arg PYTHON_IMAGE=$(PYTHON_IMAGE)) .

image-check: .venv/dev.stamp parts ## build the image and run it on a real Kafka (needs Docker)
	DOCKER=$(DOCKER) $(if $(PYTHON_IMAGE),PYTHON_IMAGE=$(PYTHON_IMAGE)) \
		$(BIN)/python -m pytest -m image tests/deploy $(PYTEST_ARGS)

up: ## run everything on this machine, Prometheus and Grafana included (needs Docker Compose)
	$(COMPOSE) up --build --detach --wait

load: ## give what `make up` has started two minutes of events
	$(COMPOSE) run --rm --no-deps load

down: ## end what `make up` has started, and remove what it kept
	$(COMPOSE) --profile load down --volumes

showcase-check: .venv/deploy.stamp ## start everything on this machine, look whether all of it works, end it
	COMPOSE="$(COMPOSE)" $(BIN)/python -m pytest -m showcase tests/deploy $(PYTEST_ARGS)

check: .venv/dev.stamp ## lint, types, layering, locks
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python requirements/check.py

bench: .venv/bench.stamp parts ## run the benchmark and print its figures; ten minutes (BENCH_ARGS=--help)
	$(BIN)/python -m tests.benchmarks $(BENCH_ARGS)

bench-compare: .venv/bench.stamp parts ## alternate with another commit, BASE=v1, and print the ratios
	$(BIN)/python -m tests.benchmarks.compare $(or $(BASE),$(error BASE=<commit> is missing)) $(BENCH_ARGS)

bench-growth: .venv/bench.stamp parts ## measure and draw how it grows (BENCH_ARGS="--axis items": one axis)
	$(BIN)/python -m tests.benchmarks.growth $(BENCH_ARGS)
	$(BIN)/python -m tests.benchmarks.capacity

fuzz: .venv/fuzz.stamp ## fuzz schemas, records and replies for FUZZ_SECONDS=3600 (FUZZ_ARGS=records: these alone)
	$(BIN)/python -m tests.fuzz --seconds $(FUZZ_SECONDS) $(FUZZ_ARGS)

lock: .venv/dev.stamp ## fit the locks to pyproject.toml (all anew: LOCK_ARGS=--upgrade)
	$(COMPILE) pyproject.toml --extra otel --group dev --output-file requirements/dev.txt
	$(COMPILE) pyproject.toml -c requirements/dev.txt --output-file requirements/runtime.txt
	$(COMPILE) pyproject.toml --extra otel -c requirements/dev.txt --output-file requirements/image.txt
	$(COMPILE) --group deploy -c requirements/dev.txt --output-file requirements/deploy.txt
	$(COMPILE) --group bench -c requirements/dev.txt --output-file requirements/bench.txt
	$(COMPILE) --group fuzz -c requirements/dev.txt --output-file requirements/fuzz.txt
	$(COMPILE) --group build -c requirements/dev.txt --output-file requirements/build.txt

audit: .venv/dev.stamp ## ask whether anything in the locks is known to be vulnerable (AUDIT_ARGS="-s osv": of OSV)
	$(BIN)/python -m requirements.audit $(AUDIT_ARGS)

sbom: .venv/dev.stamp ## write what the image is made of into dist/, as CycloneDX JSON
	$(BIN)/python -m requirements.sbom dist/sbom.cdx.json

wheel: .venv/runtime.stamp ## build the wheel into dist/
	$(PIP) wheel --quiet --no-deps --no-build-isolation --wheel-dir dist .

parts: .venv/dev.stamp # the jars of Kafka and of the registry, once a version
	$(BIN)/python -m tests.support.java_parts

clean: ## remove what the targets above have made here, .venv included
	rm -rf .venv build dist .fuzz .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find processor requirements tests -name __pycache__ -prune -exec rm -rf {} +

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo 'Python 3.11 or newer is needed: make PYTHON=python3.11 …' >&2; exit 1; }
	$(PYTHON) -m venv .venv

.venv/runtime.stamp: requirements/build.txt requirements/runtime.txt pyproject.toml | $(BIN)/python
	$(INSTALL) -r requirements/build.txt -r requirements/runtime.txt
	$(PIP) install --quiet --no-deps --no-build-isolation --editable .
	touch $@

.venv/dev.stamp: .venv/runtime.stamp requirements/dev.txt
	$(INSTALL) -r requirements/dev.txt
	touch $@

.venv/bench.stamp: .venv/dev.stamp requirements/bench.txt
	$(INSTALL) -r requirements/bench.txt
	touch $@

.venv/fuzz.stamp: .venv/dev.stamp requirements/fuzz.txt
	$(INSTALL) -r requirements/fuzz.txt
	touch $@

.venv/deploy.stamp: .venv/dev.stamp requirements/deploy.txt
	$(INSTALL) -r requirements/deploy.txt
	touch $@

$(BIN)/helm: | $(BIN)/python
	@helm=$$(command -v helm) && ln -s "$$helm" $@ || command -v go >/dev/null \
		|| { echo 'The chart cannot be checked: install helm, or Go to build it with.' >&2; exit 1; }
	@test -e $@ || GOBIN=$(CURDIR)/$(BIN) go install $(HELM)
