# make demo    builds .venv and conforms the demo film into build/demo/
# make test    runs the tests that pip alone can serve
# make blender builds the add-on's zips and the extension repository into dist/blender/
# make check   everything that must hold before a change goes in

PYTHON ?= $(shell for python in python3.11 python3.12 python3.13 python3.14 python3; do \
  if $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then echo $$python; break; fi; done)
EXTRAS := server,train,mmaudio,adapters,dev
BIN := .venv/bin
DEMO := build/demo
DIST := dist/blender

.DELETE_ON_ERROR:
.PHONY: venv demo blender test test-hosts check format lint types imports stubs stubs-check lock example picture clean

venv: .venv/installed

.venv/installed: pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed: install it, or name it: make PYTHON=/path/to/python"; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --disable-pip-version-check -c constraints.txt -e '.[$(EXTRAS)]'
	touch $@

demo: venv
	$(BIN)/v2a conform examples/demo.otio --picture examples/reference.mp4 --prompts examples/prompts.csv --handles 0 -o $(DEMO)
	@echo "The report is $(DEMO)/report.html, the film with its sound $(DEMO)/preview.mp4."

test: venv
	$(BIN)/python -m pytest -m 'not hosts'

# Blenders are installed as wheels, each into an environment of its own; what cannot be is named, and skipped.
# The wheel of 4.5.15 crashes in one of some twenty runs, in its own code: whoever says nothing is asked once more.
test-hosts: venv
	$(BIN)/python -m tests.hosts.environments
	$(BIN)/python -m pytest -m hosts tests/hosts --reruns 1 --only-rerun 'says nothing to'
	$(BIN)/python -m pytest -m hosts --ignore tests/hosts -n 4 --dist loadgroup  # hundreds that mostly wait

# Blender's add-on as files: the extension (4.2 and newer), the legacy add-on (3.4 to 4.1), and a repository.
blender: venv
	$(BIN)/python integrations/blender/make_zips.py $(DIST)

check: lint types imports stubs-check
	$(MAKE) test
	$(MAKE) test-hosts

format: venv
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lint: venv
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: venv
	$(BIN)/mypy

imports: venv
	$(BIN)/lint-imports

# The tools that make the stubs cannot live beside the newest grpcio-health-checking.
.venv-proto/installed: proto/requirements.txt
	test -x .venv-proto/bin/python || $(PYTHON) -m venv .venv-proto
	.venv-proto/bin/python -m pip install --disable-pip-version-check -r proto/requirements.txt
	touch $@

stubs: .venv-proto/installed
	proto/generate.sh $(abspath .venv-proto/bin/python)

stubs-check: .venv-proto/installed
	rm -rf build/stubs
	proto/generate.sh $(abspath .venv-proto/bin/python) $(abspath build/stubs)
	@diff -r -x '*.proto' -x __init__.py -x py.typed -x __pycache__ build/stubs/v2a_api proto/v2a_api \
	  || { echo "The committed stubs are not those of the .proto files: run make stubs, and commit them."; exit 1; }

# Renews constraints.txt: the newest versions that pyproject.toml allows, in a fresh environment.
lock:
	rm -rf .venv-lock
	$(PYTHON) -m venv .venv-lock
	.venv-lock/bin/python -m pip install --disable-pip-version-check -e '.[$(EXTRAS)]'
	{ grep '^#' constraints.txt; .venv-lock/bin/python -m pip freeze --exclude-editable; } > constraints.new
	mv constraints.new constraints.txt
	rm -rf .venv-lock

# Makes the demo film, its timeline, prompts and true times again.
example: venv
	$(BIN)/python -m examples.make_demo

# Draws the README's picture from the conformed demo.
picture: demo
	$(BIN)/python -m examples.make_picture $(DEMO) docs/images/demo.png

clean:
	rm -rf build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
