# GNU make 4.3 or newer, bash. `make` alone lists what there is.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.ONESHELL:
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

# Bytecode is compiled at installation: `import prefect` takes half the time with it.
unexport PYTHONDONTWRITEBYTECODE
# Of another environment or another program; here they would only confuse.
unexport PYTHONHOME PYTHONPATH PIP_TARGET PIP_PREFIX PIP_USER VIRTUAL_ENV
export DO_NOT_TRACK := 1
export PREFECT_SERVER_ANALYTICS_ENABLED := false
# Debian keeps haproxy where the PATH of an ordinary user does not lead.
export PATH := $(PATH):/usr/sbin:/sbin

PYTHON ?=
PYTHONS := $(or $(PYTHON),python3.13 python3.12 python3.11 python3)
ARGS ?=
IN_VENV := .venv/bin

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z.-]+:.*## / {printf "  %-11s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

.PHONY: .venv
.venv: .venv/.project ## Make the virtual environment from requirements.lock (PYTHON=… chooses one)

.venv/bin/python:
	@chosen="" unusable=""
	for python in $(PYTHONS); do
	  # A name on PATH may be a version manager's stand-in that starts nothing: run it.
	  version=$$("$$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null) || continue
	  "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || continue
	  if "$$python" -c 'import ensurepip, venv' 2>/dev/null; then chosen=$$python; break; fi
	  unusable=$$version
	done
	if [[ -z $$chosen && -n $$unusable ]]; then
	  echo "Python $$unusable has no ensurepip, so it cannot make a virtual environment." >&2
	  echo "On Debian or Ubuntu, as root: apt-get install python$$unusable-venv" >&2
	  exit 1
	elif [[ -z $$chosen ]]; then
	  echo "No Python 3.11 or newer found (looked for: $(PYTHONS))." >&2
	  echo "Install one, or name it: make .venv PYTHON=…" >&2
	  exit 1
	fi
	echo "making .venv with $$chosen ($$("$$chosen" --version))"
	"$$chosen" -m venv --clear .venv

.venv/.dependencies: requirements.lock .venv/bin/python
	@echo "installing what requirements.lock names"
	# The lock is whole: left to look for dependencies, pip takes newer ones than are locked, and refuses.
	$(IN_VENV)/python -m pip install -qq --disable-pip-version-check --no-deps --require-hashes -r requirements.lock
	$(IN_VENV)/python -m pip check -qq
	touch $@

.venv/.project: pyproject.toml .venv/.dependencies
	@$(IN_VENV)/python -m pip install -qq --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@

.PHONY: lock
lock: ## Write requirements.lock anew from pyproject.toml (needs uv on PATH)
	@command -v uv >/dev/null || { echo "uv is not on PATH; it resolves for every platform at once." >&2; exit 1; }
	uv pip compile --universal --generate-hashes --no-emit-index-url --no-header \
	  --python-version 3.11 pyproject.toml --extra sandbox --group dev -o requirements.lock $(ARGS)

.PHONY: demo
demo: .venv/.project ## Rehearse an evening on the sandbox, start to end
	@$(IN_VENV)/python -m deployments.demo $(ARGS)

.PHONY: demo-backup
demo-backup: .venv/.project ## Back up documents to a real Swift, lose them, restore, compare
	@$(IN_VENV)/python -m deployments.demo_backup $(ARGS)

.PHONY: demo-cost
demo-cost: .venv/.project ## Rehearse a school year, price it, and tell what it saved
	@$(IN_VENV)/python -m deployments.demo_cost $(ARGS)

.PHONY: up
up: .venv/.project ## Start sandbox, Prefect server and worker, with everything deployed
	@$(IN_VENV)/python -m deployments.stack up $(ARGS)

.PHONY: down
down: .venv/.project ## Stop what `up` started
	@$(IN_VENV)/python -m deployments.stack down $(ARGS)

.PHONY: sandbox
sandbox: .venv/.project ## Run the sandbox cloud alone, in the foreground
	@$(IN_VENV)/springtide sandbox $(ARGS)

.PHONY: check
check: .venv/.project ## Format, lint, types and import contracts
	@$(IN_VENV)/ruff format --check .
	$(IN_VENV)/ruff check .
	$(IN_VENV)/mypy
	$(IN_VENV)/lint-imports --no-logo

.PHONY: test
test: .venv/.project ## Run the tests that need Python only
	@$(IN_VENV)/python -m pytest -n 4 --dist loadfile -m "not real and not chromium and not haproxy" $(ARGS)

# A whole OpenStack takes two cores by itself: beside other tests its surges run out of time.
ON_THE_TEST_BED := tests/contracts tests/real/lifecycle

.PHONY: test-real
test-real: .venv/.project haproxy real-packages ## Run the tests on real services; installs them (Debian, as root)
	@CI=true $(IN_VENV)/python -m pytest -n 3 --dist loadfile -m "haproxy or chromium or real" \
	  $(addprefix --ignore=,$(ON_THE_TEST_BED)) $(ARGS)
	@CI=true $(IN_VENV)/python -m pytest -m real $(ON_THE_TEST_BED) $(ARGS)

.PHONY: testbed-up
testbed-up: .venv/.project real-packages ## Start a real OpenStack of two regions on loopback (Debian, as root)
	@$(IN_VENV)/python -m tests.real.openstack up $(ARGS)

.PHONY: testbed-down
testbed-down: .venv/.project ## End it; its folder may then be deleted
	@$(IN_VENV)/python -m tests.real.openstack down

.PHONY: haproxy
haproxy: ## Install HAProxy where it is missing (Debian, as root)
	@command -v haproxy >/dev/null || tests/real/install.sh haproxy

.PHONY: openssh
openssh: ## Install OpenSSH's client, which verifies approvals, where it is missing (Debian, as root)
	@command -v ssh-keygen >/dev/null || tests/real/install.sh openssh-client

.PHONY: chromium
chromium: ## Install Chromium where it is missing (Debian, as root)
	@command -v chromium >/dev/null || tests/real/install.sh chromium fonts-dejavu-core

.PHONY: real-packages
real-packages: haproxy openssh chromium
	@tests/real/install.sh $$(grep -v '^#' tests/real/packages.txt)

.PHONY: bench
bench: .venv/.project ## Measure how long an opening and a closing take
	@$(IN_VENV)/python -m tests.bench $(ARGS)

.PHONY: bench-backup
bench-backup: .venv/.project ## Measure backups beside restic and others on a real Swift
	@$(IN_VENV)/python -m tests.bench.backup $(ARGS)

.PHONY: bench-vcenter
bench-vcenter: .venv/.project real-packages ## Measure one look at 1,000 virtual machines (Debian, as root)
	@$(IN_VENV)/python -m tests.bench.vcenter

.PHONY: bench-real
bench-real: export SPRINGTIDE_SURGE_SERVERS := 300
bench-real: .venv/.project real-packages ## Measure a surge of 300 on the real services (Debian, as root)
	@CI=true $(IN_VENV)/python -m pytest --durations=1 tests/real/lifecycle/test_emergency_surge.py $(ARGS)

.PHONY: bench-peers
bench-peers: export SPRINGTIDE_TESTBED_HEAT := 1
bench-peers: .venv/.project real-packages ## Measure beside other tools on the real services (Debian, as root; hours)
	@tests/real/install.sh heat-api heat-engine
	$(IN_VENV)/python -m tests.real.openstack up
	$(IN_VENV)/python -m tests.bench.peers $(ARGS)

.PHONY: clean
clean: ## Remove the environment and every cache (what `up` stored in .springtide stays)
	@rm -rf .venv .hypothesis .mypy_cache .pytest_cache .ruff_cache .import_linter_cache dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
