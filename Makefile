# Lingocast: `make demo` demonstrates it, `make test` runs the tests. Needs Python >= 3.11 and make.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.ONESHELL:
.SHELLFLAGS := -euo pipefail -c

PYTHON ?= $(shell command -v python3 2>/dev/null || echo python3)
VENV := .venv
# A relative path: this folder's own path may contain spaces. Tools run as modules, because the first
# line of an installed script is an absolute path.
PY := $(VENV)/bin/python
STAGE ?= dev
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)
# Node also trusts the machine's certificates, for example of a company's TLS proxy.
export NODE_USE_SYSTEM_CA := 1
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help
help: ## Show this list
	@awk 'BEGIN {FS = ":.*## "} /^[a-z0-9-]+:.*## / {printf "  make %-20s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# --- set-up -------------------------------------------------------------------------------------

.PHONY: setup setup-dev
setup: $(VENV)/.installed node_modules/.installed ## Install the dependencies into .venv and node_modules
setup-dev: setup $(VENV)/.installed-dev ## Install the tools of tests and checks too

$(VENV)/bin/pip:
	@scripts/make-venv "$(PYTHON)" "$(VENV)"

$(VENV)/.installed: requirements.txt constraints.txt lambda/requirements.txt | $(VENV)/bin/pip
	@echo "==> Installing Python packages into $(VENV) (about a minute the first time)"
	$(PY) -m pip install --quiet --requirement requirements.txt
	touch $@

$(VENV)/.installed-dev: requirements-dev.txt $(VENV)/.installed
	@echo "==> Installing test and check tools into $(VENV)"
	$(PY) -m pip install --quiet --requirement requirements-dev.txt
	touch $@

node_modules/.installed: package.json package-lock.json .npmrc $(VENV)/.installed
	@echo "==> Installing Node packages into node_modules"
	npm ci --loglevel=error
	touch $@

# --- run ----------------------------------------------------------------------------------------

.PHONY: demo run
demo: setup ## Speech from one speaker to listeners in three languages; WAV=FILE for your own
	@$(PY) -m demo $(if $(WAV),"$(WAV)")

run: setup ## Serve the stack on this machine until Ctrl-C
	@exec $(PY) -m local

.PHONY: smoke
smoke: setup ## Smoke-test a running stack, local or deployed: URL=wss://… TOKEN=…
	@LINGOCAST_TOKEN="$${TOKEN:-$${LINGOCAST_TOKEN:-}}" \
	  $(PY) -m cli smoke $(if $(URL),--url "$(URL)") $(ARGS)

# --- check --------------------------------------------------------------------------------------

.PHONY: test unit e2e lint types format
test: setup-dev ## Every test: unit, integration, infrastructure, end to end
	@echo "==> Running the tests"
	$(PY) -m pytest --numprocesses=logical $(ARGS)

unit: setup-dev ## The fast tests alone
	@$(PY) -m pytest tests/unit $(ARGS)

e2e: setup-dev ## The end-to-end tests on local stacks alone
	@$(PY) -m pytest tests/e2e $(ARGS)

.PHONY: conformance
conformance: setup-dev ## Check API Gateway's behaviour; URL=wss://... on AWS; STRICT_URL=, TOKEN=, SLOW=1
	@CONFORMANCE_LISTING=1 CONFORMANCE_URL="$(URL)" CONFORMANCE_STRICT_URL="$(STRICT_URL)" \
	CONFORMANCE_TOKEN="$(TOKEN)" CONFORMANCE_SLOW="$(SLOW)" \
	$(PY) -m pytest tests/conformance --quiet --no-header $(ARGS)

.PHONY: soak
soak: setup-dev ## Half an hour of a session with faults: memory, counters; ARGS="--minutes 30 --listeners 300"
	@$(PY) -m benchmarks.soak $(ARGS)

lint: setup-dev ## Style (ruff)
	@$(PY) -m ruff check .
	$(PY) -m ruff format --check .

types: setup-dev ## Types (mypy, strict)
	@$(PY) -m mypy .

format: setup-dev ## Format the code (ruff)
	@$(PY) -m ruff check --fix .
	$(PY) -m ruff format .

.PHONY: openapi
openapi: setup ## Regenerate docs/http/openapi.json from the table of routes
	@$(PY) -m infrastructure.api.openapi

# --- deploy -------------------------------------------------------------------------------------

.PHONY: synth template-check bootstrap diff deploy outputs user token destroy
synth: setup ## Write the CloudFormation template to cdk.out
	@CDK_CONTEXT_JSON='{"stage": "$(STAGE)", "aws:cdk:bundling-stacks": []}' $(PY) app.py

template-check: setup-dev ## Check both stages' templates: the CDK's validator, cdk-nag, cfn-lint
	@for stage in dev prod; do
	  echo "==> $$stage"
	  CDK_OUTDIR=cdk.out/check-$$stage CDK_VALIDATION=true \
	    CDK_CONTEXT_JSON="{\"stage\": \"$$stage\", \"nag\": true, \"aws:cdk:bundling-stacks\": []}" \
	    $(PY) app.py
	  $(PY) $(VENV)/bin/cfn-lint --non-zero-exit-code informational cdk.out/check-$$stage/*.template.json
	done

# ARGS goes to the CDK: ARGS="--context alarmEmail=ops@example.org", see docs/operations.md.
CDK = node_modules/.bin/cdk $(1) --app "$(PY) app.py" --context stage=$(STAGE) $(ARGS)
OUTPUTS = outputs-$(STAGE).json

bootstrap: setup ## Prepare an AWS account and Region for deployments, once
	@$(call CDK,bootstrap)

diff: setup ## Show the changes of a deployment; STAGE=dev
	@$(call CDK,diff)

deploy: setup ## Deploy to AWS with your credentials; STAGE=dev
	@$(PY) -m infrastructure.commands.deploy --stage $(STAGE) -- $(ARGS)
	echo "==> $(OUTPUTS)"
	cat $(OUTPUTS)

outputs: setup ## Regenerate outputs-STAGE.json from the deployed stack; STAGE=dev
	@$(PY) -m infrastructure.commands.outputs --stage $(STAGE) > $(OUTPUTS).new
	mv $(OUTPUTS).new $(OUTPUTS)
	cat $(OUTPUTS)

user: setup ## Create a user: EMAIL=…, GROUP=speakers|interpreters|operators, MFA=1; STAGE=dev
	@$(PY) -m infrastructure.commands.users create --stage $(STAGE) --email "$(EMAIL)" --group "$(GROUP)" $(if $(MFA),--mfa)

token: setup ## Print an access token: EMAIL=…; FILE=… keeps it renewable for 30 days; STAGE=dev
	@$(PY) -m infrastructure.commands.users token --stage $(STAGE) --email "$(EMAIL)" $(if $(FILE),--file "$(FILE)")

destroy: setup ## Remove the deployed stack; STAGE=dev
	@$(call CDK,destroy)

.PHONY: conformance-deploy conformance-destroy
conformance-deploy: setup ## Deploy the probe for make conformance URL=...
	@node_modules/.bin/cdk deploy --all --app "$(PY) -m conformance.app" $(ARGS)

conformance-destroy: setup ## Remove the deployed probe
	@node_modules/.bin/cdk destroy --all --app "$(PY) -m conformance.app" $(ARGS)

.PHONY: clean
clean: ## Remove everything installed or generated
	@rm -rf $(VENV) node_modules cdk.out .local demo-output .pytest_cache .mypy_cache .ruff_cache .hypothesis
