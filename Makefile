# Two commands do all the set-up: `make demo` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
TOOLS := .venv-tools
# What is installed must have the hashes of requirements.hashes; an index that builds its own files: make HASHES=
HASHES ?= 1
# Set NO_SKIPS=1, as CI does, to turn a skipped test into a failure.
NO_SKIPS ?=
# Tests run on two processes of one thread each, which beats one process of two threads.
# What is compiled is kept, whatever the shell says: compiling every test anew is 4 s of each process.
PYTEST := PYTHONDONTWRITEBYTECODE= HF_HUB_OFFLINE=1 OMP_NUM_THREADS=1 LIGHTUNE_NO_SKIPS=$(NO_SKIPS) $(BIN)/python -m pytest -n 2 --dist loadfile

.PHONY: demo test check check-security lint unit full bench soak install lock format clean

demo: install  ## the main job on the embedded model and reviews; its report is runs/demo/report.html
	HF_HUB_OFFLINE=1 $(BIN)/lightune study --model embedded --data embedded --arms majority,tfidf,pretrained,probe,lora \
		--train-size 2000 --max-steps 250 --evaluations 5 --out runs/demo
	@echo
	@echo "The demo trains on 2,000 of the 3,600 embedded training reviews, so that it takes a few minutes."
	@echo "New texts, before and after:"
	HF_HUB_OFFLINE=1 $(BIN)/lightune predict runs/demo --baseline \
		"I expected a disaster and got a delight." \
		"The music is lovely, but the film never gets going." \
		"My brother called it a masterpiece. I looked at my watch for two hours." \
		"Not a dull minute in it, and the ending made me cry."

test: install lint  ## everything
	$(PYTEST)

check: install  ## what should pass before each commit; less than a minute
	$(MAKE) --no-print-directory --jobs 2 --output-sync lint unit

# In an environment of their own, whose packages are not those that are looked at. The service that pip-audit asks must
# be within reach.
check-security: install $(TOOLS)/.installed  ## known holes in the locked packages, and in the code what bandit knows
	$(TOOLS)/bin/bandit --quiet --configfile pyproject.toml --recursive src
	$(TOOLS)/bin/python scripts/audit.py

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# The slowest are named each time, so that one that grew is seen: CONTRIBUTING.md says what belongs here.
unit: install
	$(PYTEST) -m "not full" --durations=5

full: install
	$(PYTEST) -m full

bench: install  ## every benchmark in its short version, and one table; see benchmarks/README.md
	HF_HUB_OFFLINE=1 $(BIN)/python -m benchmarks.all --short

# What hangs is ended: the whole takes less than half of this on 2 idle cores.
soak: install  ## overload, slow sockets, hostile requests, 100,000 requests, 30 ends, and one table; see docs/reliability.md
	HF_HUB_OFFLINE=1 timeout 7200 $(BIN)/python -m soak.all

faults: install  ## what goes wrong with machines, disks, input and artefacts, made to happen; see docs/reliability.md
	HF_HUB_OFFLINE=1 OMP_NUM_THREADS=1 timeout 7200 $(BIN)/python -m faults.all --at-once 2

install: $(INSTALLED)

$(INSTALLED): requirements.lock requirements.hashes pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	test -z "$(HASHES)" || $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements.hashes
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $(INSTALLED)

$(TOOLS)/.installed: requirements.tools
	test -x $(TOOLS)/bin/python || $(PYTHON) -m venv $(TOOLS)
	$(TOOLS)/bin/python -m pip install --quiet --disable-pip-version-check -r requirements.tools
	touch $@

lock: $(TOOLS)/.installed  ## write requirements.lock from what is installed, with its hashes and licences
	sed -n '/^#/p' requirements.lock > requirements.lock.new
	$(BIN)/python -m pip freeze --exclude-editable | sed 's/+cpu//' | LC_ALL=C sort -f >> requirements.lock.new
	mv requirements.lock.new requirements.lock
	sed -n '/^#/p' requirements.hashes > requirements.hashes.new
	sed '/^torch==/d' requirements.lock | $(TOOLS)/bin/uv pip compile --quiet --no-deps --generate-hashes --universal \
		--no-header --no-annotate --no-emit-index-url --python-version 3.11 - >> requirements.hashes.new
	mv requirements.hashes.new requirements.hashes
	$(BIN)/python scripts/licences.py --write

format:
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) $(TOOLS) runs .mypy_cache .ruff_cache .pytest_cache .hypothesis
