# Two commands do all the set-up: `make quickstart` trains and draws, `make test` runs the tests, all but those marked slow
# (`pytest -m slow` runs these).
PYTHON ?= python3
RUN_DIR ?= runs/quickstart
VENV := .venv/bin/python

.PHONY: quickstart test test-legacy-keras test-tpu-stack lint

.venv/.cpu: setup.py
	test -x $(VENV) || $(PYTHON) -m venv .venv
	$(VENV) -m pip install --quiet --editable '.[cpu]'
	touch $@

.venv/.test: setup.py
	test -x $(VENV) || $(PYTHON) -m venv .venv
	$(VENV) -m pip install --quiet --editable '.[test]'
	touch $@ .venv/.cpu

quickstart: .venv/.cpu
	$(VENV) -m sagan_tf.train --gin_file=gin/quickstart.gin --run_dir=$(RUN_DIR)

test: .venv/.test
	$(VENV) -m ruff check .
	$(VENV) -m ruff format --check .
	$(VENV) -m pytest --numprocesses=2 --dist=worksteal

# Without the tests that can't tell the flavors apart: tests/keras_free.py.
test-legacy-keras: .venv/.test
	TF_USE_LEGACY_KERAS=1 $(VENV) -m pytest --numprocesses=2 --dist=worksteal -m 'not keras_free'

# TensorFlow's last pair of versions with TPU wheels, by their CPU wheels, in an environment of its own.
.venv-tpu/.test: setup.py
	test -x .venv-tpu/bin/python || $(PYTHON) -m venv .venv-tpu
	.venv-tpu/bin/python -m pip install --quiet --editable '.[test]' 'tensorflow==2.19.*' 'tf-keras==2.19.*' \
		'tensorflow-metadata<1.18'
	touch $@

test-tpu-stack: .venv-tpu/.test
	TF_USE_LEGACY_KERAS=1 .venv-tpu/bin/python -m pytest --numprocesses=2 --dist=worksteal

lint: .venv/.test
	$(VENV) -m ruff check .
	$(VENV) -m ruff format --check .
