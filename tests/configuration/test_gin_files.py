"""How gin files are read and combined: encodings, includes, and what a later line may override."""

import codecs
import dataclasses
import json
import subprocess
import sys

import numpy as np
import pytest

from sagan_tf import experiment
from sagan_tf.configuration import gin_config
from sagan_tf.configuration.as_bindings import literal
from sagan_tf.data.procedural.procedural import ProceduralSource
from sagan_tf.models import families
from sagan_tf.training.optimizers import TwoTimescaleAdam

BASE = "include 'gin/quickstart.gin'\nSIZE = 8\ntrain.batch_size = %SIZE\n"


def test_a_file_may_override_what_it_includes(tmp_path):
    base, mine = tmp_path / "base.gin", tmp_path / "mine.gin"
    base.write_text(BASE)
    mine.write_text(f"include {str(base)!r}\ntrain.batch_size = 4\ntrain.average = None\n")
    loaded = experiment.load([str(mine)], [])
    assert (loaded.value.batch_size, loaded.value.average) == (4, None)
    assert "SIZE" not in loaded.text and "MovingAverage" not in loaded.text
    mine.write_text(f"include {str(base)!r}\nMovingAverge/train.seed = 3\n")
    with pytest.raises(gin_config.ConfigError, match="nothing uses the scope 'MovingAverge'"):
        experiment.load([str(mine)], [])


def test_a_binding_may_override_an_earlier_binding():
    bindings = ["train.augmentation=@DiffAugment()", "DiffAugment.transformations=('cutout',)"]
    loaded = experiment.load(["gin/quickstart.gin"], [*bindings, "train.augmentation=None"])
    assert loaded.value.augmentation is None and "DiffAugment" not in loaded.text
    with pytest.raises(gin_config.ConfigError, match="DiffAugment is not part of this configuration"):
        experiment.load(["gin/quickstart.gin"], bindings[1:])


@pytest.mark.parametrize(
    ("bindings", "message"),
    [
        (["a=%b", "b=%a", "train.seed=%a"], r"must not refer to itself; received a=%b, b=%a\. Give a a value\.$"),
        (["a=(1, %a)", "train.seed=%a"], r"must not refer to itself; received a=%a\."),
        (["train.seed=%gin.REQUIRED"], r"^train\.seed must be given a value; received train\.seed=%gin\.REQUIRED\."),
        (["a=%gin.REQUIRED", "train.seed=%a"], r"^train\.seed must be given a value; received a=%gin\.REQUIRED\."),
        (
            ["train.augmentation=@DiffAugment()", "DiffAugment.transformations=(%gin.REQUIRED,)"],
            r"^DiffAugment\.transformations must be given a value; received .*=%gin\.REQUIRED\.",
        ),
        (["TwoTimescaleAdam.g_learning_rate='nan'"], r"must be a finite number; received .*='nan'\.$"),
        (["Objective.r1=1e999"], r"^Objective\.r1 must be a finite number; received Objective\.r1=inf\.$"),
        (["SIZE=1" + "0" * 400, "Objective.r1=%SIZE"], r"^Objective\.r1 must be a finite number; received"),
    ],
)
def test_what_has_no_value_is_refused(bindings, message):
    with pytest.raises(gin_config.ConfigError, match=message):
        experiment.load(["gin/quickstart.gin"], bindings)


def test_a_file_that_includes_itself_is_refused(tmp_path):
    first, second = tmp_path / "first.gin", tmp_path / "second.gin"
    first.write_text(f"include {str(second)!r}\n")
    second.write_text(f"train.seed = 1\ninclude {str(first)!r}\n")
    with pytest.raises(
        gin_config.ConfigError, match=r"second\.gin, line 2: a gin file must not include itself"
    ) as error:
        experiment.load([str(first)], [])
    assert "\n" not in str(error.value)
    second.write_text("include 'gin/quickstart.gin'\n")
    assert experiment.load([str(first), str(second)], []).value.seed == 0  # read twice, but not within itself


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("# Vögel\n".encode("latin-1"), r"must be text in UTF-8; received \S+/base\.gin \("),
        (b"train.seed =\n", r"^base\.gin, line 1: train\.seed must be given a value; .* Write train\.seed=VALUE\.$"),
        (b"train.seed\n", r"must be made of NAME=VALUE; received \S+/base\.gin\.$"),
        (b"include 'none.gin'\n", r"received none\.gin, read from \S+/base\.gin\.$"),
    ],
)
def test_an_error_in_an_included_file_names_that_file(tmp_path, content, message):
    (tmp_path / "base.gin").write_bytes(content)
    (tmp_path / "mine.gin").write_text(f"include {str(tmp_path / 'base.gin')!r}\ntrain.seed = 3\n")
    with pytest.raises(gin_config.ConfigError, match=message):
        experiment.load([str(tmp_path / "mine.gin")], [])


@pytest.mark.parametrize(
    ("text", "names", "them"),
    [("", "train.spec and train.data", "them"), ("train.data = @ProceduralSource()\n", "train.spec", "it")],
)
def test_an_incomplete_configuration_says_what_is_missing(tmp_path, text, names, them):
    (tmp_path / "some.gin").write_text(text)
    with pytest.raises(
        gin_config.ConfigError, match=rf"^{names} must be given a value; .* without {them}\. Bind {them}"
    ):
        experiment.load([str(tmp_path / "some.gin")], [])


def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path):
    file = tmp_path / "of_an_editor.gin"
    file.write_bytes(codecs.BOM_UTF8 + b"include 'gin/quickstart.gin'\r\ntrain.seed = 3\r\n")
    assert experiment.load([str(file)], []).value.seed == 3


LOADS = """
import json, locale, sys
from pathlib import Path
from sagan_tf import experiment
assert locale.getpreferredencoding(False).lower() not in ("utf-8", "utf8")
print(json.dumps(experiment.load_saved(Path(sys.argv[1])).value.data.path))
"""


def test_a_saved_run_is_read_in_any_locale(tmp_path):
    path = "/data/Vögel und 'Käfer' \"猫\" \\ " + "with a long name " * 9 + "\u2028 # ="
    bindings = ["train.data=@ImageFolder()", f"ImageFolder.path={path!r}"]
    gin_config.save(tmp_path, experiment.load(["gin/quickstart.gin"], bindings))
    variables = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONPATH": ":".join(sys.path)}
    command = [sys.executable, "-c", LOADS, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, env=variables, text=True, check=True)
    assert json.loads(done.stdout) == path


def test_values_of_numpy_are_recorded_like_pythons():
    rate = np.logspace(-4, -3, 3)[1]
    described = experiment.Experiment(
        spec=families.sagan(32, attention=(16,)),
        data=ProceduralSource(),
        optimizer=TwoTimescaleAdam(g_learning_rate=rate),
    )
    loaded = experiment.in_code(described)
    assert loaded.value == described and f"g_learning_rate = {float(rate)}\n" in loaded.text + "\n"
    with pytest.raises(gin_config.ConfigError, match=r"g_learning_rate must be a finite number; received .*=inf"):
        optimizer = TwoTimescaleAdam(g_learning_rate=float("inf"))
        experiment.in_code(dataclasses.replace(described, optimizer=optimizer))
    assert literal((0.5, np.str_("a"), True, None, (8,))) == "(0.5, 'a', True, None, (8,))"
