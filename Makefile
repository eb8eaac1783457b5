# The one door to jaxmeta: `make` alone lists what is behind it. A fresh machine needs Python and make.

PYTHON ?= python3
PYTHON_NEEDED := 3.11
VERSION_OF = $(shell $(1) -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null)
VERSION := $(or $(call VERSION_OF,$(PYTHON)),none)
# pyenv may have a version without having switched it on.
ifeq ($(VERSION),none)
override PYTHON := $(firstword $(wildcard $(HOME)/.pyenv/versions/*/bin/$(PYTHON)) $(PYTHON))
VERSION := $(or $(call VERSION_OF,$(PYTHON)),none)
endif
# The Python whose JAX has the GPU, with flax, optax, chex, orbax-checkpoint, cloudpickle and rich:
# the lock's JAX is the CPU's.
GPU_PYTHON ?= python3

# The newest JAX wants Python 3.12, so each version has an environment of its own, and its lock.
VENV := .venv$(if $(filter-out 3.11,$(VERSION)),-$(VERSION))
OF_VERSION := $(if $(filter-out 3.11,$(VERSION)),-3.12).txt
PY := $(VENV)/bin/python
PIP := $(PY) -m pip --disable-pip-version-check -qq
# Compilers for devices that are not here come with the newest JAX only.
FOREIGN := .venv-accelerators
# The oldest JAX that there is support for, to compare bits with.
OLDER := .venv-jax-0.9
LOCKED := install --require-hashes --no-deps --no-build-isolation

# What writes the lock; nothing else needs it.
UV := uv==0.13.9
COMPILE := build/lock/bin/uv pip compile --quiet --universal --fork-strategy fewest \
	--generate-hashes --no-emit-index-url --no-header --no-annotate --python-version
EXTRAS := report drive onnx ray judge parquet tensorboard optuna completion test docs dev
ALL := --upgrade pyproject.toml $(EXTRAS:%=--extra %)

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help venv experiment experiment-poster tutorial test test-quick test-slow repro portable cluster \
	cluster-quick \
	bench bench-engines judge judge-axes judge-steps prior \
	compare hyperparameters learning-to-learn steering steering-data crossroads crossroads-data camvid cartpole gpu accelerators \
	docs pictures check format wheel lock clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-18s %s\n", $$1, $$2 }' Makefile

venv: $(VENV)/.done ## the virtual environment, from the lock; every target makes it first if need be

experiment: $(VENV)/.run ## the poster's experiment on MNIST, small enough for a laptop
	$(PY) -m experiments.mnist --profile quick

experiment-poster: $(VENV)/.run ## the poster's experiment on MNIST at its full size
	$(PY) -m experiments.mnist --profile poster

tutorial: $(VENV)/.run ## the tutorial, run from start to end; ARGS="--seeds 5 --arithmetic portable"
	$(PY) -m experiments.tutorial $(ARGS)

test: venv ## the tests that take seconds
	$(PY) -m pytest -q -n 2 --dist loadfile -m "not slow and not repro and not cluster"

test-quick: venv ## laws, bits, records and portable arithmetic alone: what CI runs on the newest Python and JAX too
	$(PY) -m pytest -q -n 2 --dist loadfile -m "not slow and not repro and not cluster" \
		tests/laws tests/models/test_bits.py tests/record tests/training/test_order.py \
		tests/test_portable.py tests/test_runtime.py tests/test_study.py

test-slow: venv ## the tests that train for minutes
	$(PY) -m pytest -q -m slow

repro: venv ## bit for bit: whole processes run, killed, resumed and compared
	$(PY) -m pytest -q -s -m repro

portable: venv $(OLDER)/.done ## portable arithmetic here: threads, lanes, instruction sets, another JAX; OTHERS="PYTHON.."
	$(PY) -m experiments.portable --others $(OLDER)/bin/python $(OTHERS) \
		--emulated $(wildcard build/arm/python)

# Its tests alone: Ray forks, and JAX, which others start, must not have started.
cluster: venv ## studies on a real Ray and a real Slurm here: machines killed, journals compared
	$(PY) -m pytest -q -s -rs -m cluster tests/cluster

cluster-quick: venv ## a minute of it, in which nothing is killed
	$(PY) -m pytest -q -s -rs "tests/cluster/test_ray.py::test_the_journal_is_that_of_a_laptop[several axes]" \
		tests/cluster/test_slurm.py::test_a_study_from_sbatch_to_its_end

bench: $(VENV)/.bench ## the benchmarks; installs PyTorch to compare with
	$(PY) -m experiments.bench
	$(PY) -m experiments.bench --batch 32
	$(PY) -m experiments.bench --batch 128
	$(PY) -m experiments.bench --network mlp
	$(PY) -m experiments.bench_threads
	$(PY) -m experiments.bench_lanes
	$(PY) -m experiments.bench_host
	$(PY) -m experiments.bench_start

bench-engines: venv ## what an engine costs beside the trainings, and how much the driver can take
	$(PY) -m experiments.bench_engines
	$(PY) -m experiments.bench_driver

judge: venv ## tuners on benchmark tables: the leaderboard, its picture and digest, the ablation; ARGS="--slices 60"
	$(VENV)/bin/jaxmeta judge $(ARGS)
	$(VENV)/bin/jaxmeta judge --split develop --ablation $(ARGS)

judge-axes: venv ## tuners on all hyperparameters of the tables, with and without priors; SLOW=3 for slow rivals
	$(VENV)/bin/jaxmeta judge --axes --studies 12 --slow $(or $(SLOW),0) --slow-trainings 100
	$(VENV)/bin/jaxmeta judge --axes --studies 12 --split develop --ablation
	$(PY) -m experiments.likely

judge-steps: venv ## tuners by training steps, with and without stopping early: make judge-steps DATA=FOLDER
	$(VENV)/bin/jaxmeta judge --deepobs $(DATA) --split develop --ablation --studies 100
	$(VENV)/bin/jaxmeta judge --deepobs $(DATA) --ablation --studies 100
	$(VENV)/bin/jaxmeta judge --deepobs $(DATA) --studies 25

prior: $(VENV)/.run ## the prior that comes with the package, anew from its own small tasks
	$(PY) -m experiments.prior

hyperparameters: $(VENV)/.run ## the poster's rule on batch size, optimiser and dropout, and four axes at once
	$(PY) -m experiments.hyperparameters

learning-to-learn: $(VENV)/.run ## an optimiser that is learned: trained, tuned, and beside hand-designed ones; ARGS=--use-shipped
	$(PY) -m experiments.learning_to_learn $(ARGS)

steering: venv ## the steering car: rates, tuners and a joint study, and the clones driven
	$(PY) -m experiments.steering

steering-data: venv ## drive the data of the steering task again, and say whether they are the same
	$(PY) -m jaxmeta.drive.recording

cartpole: $(VENV)/.run ## a training that is no supervised one: policy gradient on CartPole, tuned
	rm -rf runs/cartpole
	$(VENV)/bin/jaxmeta tune experiments.cartpole:cartpole --tune learning_rate --tune discount \
		--i-max 12 --out runs/cartpole
	$(VENV)/bin/jaxmeta verify runs/cartpole --task experiments.cartpole:cartpole

crossroads: venv ## the crossroads camera: segmentation, depth and both, tuned
	$(PY) -m experiments.crossroads

crossroads-data: venv ## the crossroads' pictures again, from their seeds; says whether they are the same
	$(PY) -m jaxmeta.crossroads

camvid: venv ## segmentation of CamVid, in its folder: make camvid DATA=FOLDER
	$(PY) -m experiments.camvid $(DATA)

compare: venv ## tuners on real trainings, at equal training steps
	$(PY) -m experiments.compare
	$(PY) -m experiments.compare_axes

gpu: ## lanes on a GPU: speed and bits, into experiments/results/gpu.json; see GPU_PYTHON
	$(GPU_PYTHON) -m experiments.gpu $(ARGS)

accelerators: $(FOREIGN)/.done ## Train_N compiled for GPUs and TPUs that are not here; Python 3.12 or newer
	$(FOREIGN)/bin/python -m experiments.accelerators $(ARGS)

docs: venv ## the manual, into build/docs: its code runs, and a warning is an error
	$(PY) -m sphinx -q -W --keep-going -b html docs build/docs

pictures: venv ## the manual's pictures of the page, photographed anew; needs chromium
	$(PY) docs/pictures.py

check: venv ## formatting, lint and types, changing nothing
	$(PY) -m ruff format --check .
	$(PY) -m ruff check .
	PYRIGHT_PYTHON_GLOBAL_NODE=0 PYRIGHT_PYTHON_IGNORE_WARNINGS=1 \
		$(PY) -m pyright --pythonpath $(PY)

format: venv ## rewrite the source as `check` wants it
	$(PY) -m ruff format .
	$(PY) -m ruff check --fix .

wheel: venv ## build the wheel, install it in an environment of its own, and tune, report, verify there
	rm -rf dist build/wheel
	@$(PIP) wheel --no-deps --no-build-isolation --wheel-dir dist .
	@test $$($(PY) -m zipfile --list dist/*.whl | grep -c -e /py.typed -e '/mnist/.*[.]gz' -e '[.]npz' \
		-e '/page/[a-z]*[.][chj]' -e /shipped.json) -eq 12 || { \
		echo "the wheel must hold py.typed, the tasks' six files of data, the page's three, a" \
			"prior and an optimiser, and does not"; exit 1; }
	@$(PY) -m venv build/wheel
	@$(PIP) freeze --exclude jaxmeta > build/wheel/constraints.txt
	@echo "installing the wheel and all it asks for"
	@build/wheel/bin/python -m pip --disable-pip-version-check -qq install --no-compile \
		--constraint build/wheel/constraints.txt "$$(echo dist/*.whl)[report]"
	cd build/wheel && bin/jaxmeta tune spirals --epochs 2 --i-max 3 --out study && \
		bin/jaxmeta report study && bin/jaxmeta verify study

lock: ## write requirements/*.txt anew, with the newest releases that pyproject.toml admits
	$(PYTHON) -m venv --clear build/lock
	build/lock/bin/python -m pip --disable-pip-version-check -qq install $(UV)
	$(COMPILE) 3.11 --upgrade requirements/build.in -o requirements/build.txt
	for python in 3.11 3.12; do \
		suffix=$$(echo -$$python | sed s/-3.11//).txt; \
		$(COMPILE) $$python $(ALL) -o requirements/lock$$suffix && \
		$(COMPILE) $$python pyproject.toml --extra report -c requirements/lock$$suffix \
			-o requirements/run$$suffix || exit; \
	done
	$(COMPILE) 3.11 --upgrade requirements/jax-0.9.in -o requirements/jax-0.9.txt
	$(COMPILE) 3.12 requirements/accelerators.in -c requirements/lock-3.12.txt \
		-o requirements/accelerators.txt

clean: ## remove everything that these targets made
	rm -rf .venv .venv-* build dist .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# What an experiment needs; tests, checks and the judge add theirs.
$(VENV)/.run: requirements/build.txt requirements/run$(OF_VERSION) pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < tuple(map(int, "$(PYTHON_NEEDED)".split("."))))' || { \
		echo "jaxmeta needs Python $(PYTHON_NEEDED) or newer, and '$(PYTHON)' is not:" \
			"name one that is, as in 'make PYTHON=python3.13 $(MAKECMDGOALS)'"; exit 1; }
	@echo "making $(VENV) from requirements/run$(OF_VERSION): a minute or two, 1.2 GB"
	@$(PYTHON) -m venv --clear $(VENV)
	@$(PIP) $(LOCKED) -r requirements/build.txt
	@$(PIP) $(LOCKED) -r requirements/run$(OF_VERSION)
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.done: $(VENV)/.run requirements/lock$(OF_VERSION)
	@echo "adding what tests and checks need, from requirements/lock$(OF_VERSION): 1.3 GB"
	@$(PIP) $(LOCKED) -r requirements/lock$(OF_VERSION)
	@touch $@

$(OLDER)/.done: requirements/build.txt requirements/jax-0.9.txt
	@echo "making $(OLDER): a minute, 0.8 GB"
	@$(PYTHON) -m venv --clear $(OLDER)
	@for file in $^; do \
		$(OLDER)/bin/python -m pip --disable-pip-version-check -qq $(LOCKED) -r $$file || exit 1; \
	done
	@touch $@

$(FOREIGN)/.done: requirements/build.txt requirements/run-3.12.txt requirements/accelerators.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 12))' || { \
		echo "make accelerators needs Python 3.12 or newer, and '$(PYTHON)' is not:" \
			"name one that is, as in 'make PYTHON=python3.13 accelerators'"; exit 1; }
	@echo "making $(FOREIGN): a few minutes, 2.6 GB"
	@$(PYTHON) -m venv --clear $(FOREIGN)
	@for file in $^; do \
		$(FOREIGN)/bin/python -m pip --disable-pip-version-check -qq $(LOCKED) -r $$file || exit 1; \
	done
	@touch $@

# PyTorch is not in the lock: its builds differ from machine to machine, and only bench wants it.
$(VENV)/.bench: $(VENV)/.done
	@echo "installing PyTorch for the benchmarks"
	@$(PIP) install --no-build-isolation --editable '.[bench]'
	@touch $@
