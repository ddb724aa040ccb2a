"""Which tests are left out under the other flavor of Keras: only those that can't tell the two apart."""

import pytest

from tests.keras_free import ROOT, is_keras_free

FREE = [
    "figures/test_sheets.py",
    "foundation/test_jsonl.py",
    "data/image_folder/test_layout.py",
    "objectives/test_losses.py",
]
NOT_FREE = [
    "layers/test_spectral_norm.py",
    "training/test_loop.py",  # by its folder's conftest.py
    "end_to_end/test_chaos.py",
    "runs/test_lock.py",
    "data/test_python_reads.py",  # starts a program
    "benchmarks/test_rounds.py",
    "test_sample.py",
]


@pytest.mark.parametrize(("files", "free"), [(FREE, True), (NOT_FREE, False)])
def test_files_that_are_known(files, free):
    assert [file for file in files if is_keras_free(ROOT / "tests" / file) != free] == []


@pytest.mark.parametrize(
    ("line", "free"),
    [
        ("import numpy as np", True),
        ("from sagan_tf.figures import sheets", True),
        ("layer = tf.keras.layers.Dense(1)", False),
        ("from sagan_tf.layers import initializers", False),
        ("def test():\n    from sagan_tf import sample", False),
        ("import subprocess", False),
    ],
)
def test_one_line_decides(line, free, tmp_path):
    file = tmp_path / "test_it.py"
    file.write_text(line)
    assert is_keras_free(file) == free
