"""docs/layers.md: its code runs as it stands, and its table names the public layers."""

import re
from pathlib import Path

import pytest
import tensorflow as tf

import sagan_tf.layers

GUIDE = (Path(__file__).parents[2] / "docs" / "layers.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^```python\n(.*?)^```", GUIDE, re.M | re.S)


@pytest.mark.parametrize("number", range(len(EXAMPLES)))
def test_the_examples_run(number, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    try:
        exec(compile(EXAMPLES[number], f"docs/layers.md, example {number}", "exec"), {})
    finally:
        tf.keras.mixed_precision.set_global_policy("float32")


def test_every_public_name_has_its_row():
    rows = " ".join(re.findall(r"^\| (`.*?) \|", GUIDE.partition("## An example")[0], re.M))
    assert set(re.findall(r"`(\w+)", rows)) == set(sagan_tf.layers.__all__)
