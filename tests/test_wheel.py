"""The wheel alone, in an environment without the checkout: its command in an empty folder, its layers in a model."""

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

import sagan_tf

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
SMALL = ["sagan.width=4", "sagan.discriminator_width=8", "ProceduralSource.n_examples=64", "train.batch_size=8"]
# A model of one's own with the three layers, and what reads it in another process.
TEN_LINES = """
import numpy as np, tensorflow as tf
from sagan_tf.layers import ConditionalBatchNorm, SelfAttention, SpectralNorm
K = tf.keras
x, y = K.Input((16, 16, 3)), K.Input((), dtype="int32")
h = K.layers.ReLU()(ConditionalBatchNorm(n_classes=5)(SpectralNorm(K.layers.Conv2D(16, 3, padding="same"))(x), y))
h = K.layers.GlobalAveragePooling2D()(SelfAttention()(h))
model = K.Model([x, y], SpectralNorm(K.layers.Dense(1))(h))
model.compile(optimizer="adam", loss="mse")
a = [np.random.rand(8, 16, 16, 3).astype("f4"), np.arange(8, dtype="i4") % 5]
model.fit(a, np.ones((8, 1)), verbose=0)
model.save("model.keras")
np.savez("answers.npz", x=a[0], y=a[1], answers=model.predict(a, verbose=0))
"""
READ = """
import numpy as np, tensorflow as tf, sagan_tf.layers
kept = np.load("answers.npz")
found = tf.keras.models.load_model("model.keras").predict([kept["x"], kept["y"]], verbose=0)
np.testing.assert_allclose(found, kept["answers"], rtol=1e-5, atol=1e-6)
print("equal by", tf.keras.__name__, sagan_tf.__file__)
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel, built from a copy of what git tracks and what is new: the build leaves its traces there."""
    copy, out = tmp_path_factory.mktemp("source") / "sagan_tf", tmp_path_factory.mktemp("wheel")
    copy.mkdir()
    for name in ("sagan_tf", "gin"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("setup.py", "pyproject.toml", "README.md", "LICENSE", "MANIFEST.in"):
        shutil.copy(ROOT / name, copy / name)
    command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--no-deps",
        "--no-build-isolation",
        f"--wheel-dir={out}",
        str(copy),
    ]
    subprocess.run(command, check=True, capture_output=True)
    return next(out.glob("*.whl"))


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    """Runs a program of an environment that has the wheel, and beside it this environment's other packages.

    A .pth file adds these without reading their own .pth files, through which a checkout may be installed.
    """
    home = tmp_path_factory.mktemp("clean")
    venv.create(home, symlinks=True)
    packages = Path(sysconfig.get_path("purelib", vars={"base": str(home), "platbase": str(home)}))
    install = ["--no-deps", "--no-index", f"--target={packages}", str(wheel)]
    subprocess.run([sys.executable, "-m", "pip", "install", *install], check=True, capture_output=True)
    (packages / "others.pth").write_text(sysconfig.get_path("purelib"))
    empty = tmp_path_factory.mktemp("empty")
    script = home / "bin" / "sagan_tf"
    script.write_text(f"#!{home / 'bin' / 'python'}\nfrom sagan_tf.__main__ import main\nmain()\n")
    script.chmod(0o755)

    def run(program, *arguments, **environment):
        keep = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "TF_USE_LEGACY_KERAS", "SAGAN_TF_CACHE")}
        return subprocess.run(
            [home / "bin" / program, *arguments], cwd=empty, env=keep | environment, capture_output=True, text=True
        )

    return run


def test_it_says_what_it_is_and_holds_what_it_needs(wheel):
    with zipfile.ZipFile(wheel) as file:
        names = set(file.namelist())
        (about,) = (name for name in names if name.endswith(".dist-info/METADATA"))
        (scripts,) = (name for name in names if name.endswith(".dist-info/entry_points.txt"))
        metadata, entry_points = file.read(about).decode(), file.read(scripts).decode()
    head, text = metadata.split("\n\n", 1)
    assert f"Version: {sagan_tf.__version__}\n" in head and "Classifier: Typing :: Typed" in head
    assert head.count("Classifier: ") > 10 and "Keywords: " in head and "Requires-Python: >=3.10" in head
    assert "sagan_tf = sagan_tf.__main__:main" in entry_points
    gin = {str(path.relative_to(ROOT)) for path in (ROOT / "gin").rglob("*.gin")}
    assert {f"sagan_tf/shipped/{name}" for name in gin} <= names and "sagan_tf/py.typed" in names
    assert "](" not in text.replace("](http", "") and "![" not in text, "an index knows no other file"
    assert not [name for name in names if name.startswith(("tests/", "benchmarks/"))]


def test_its_command_trains_and_draws_in_an_empty_folder(installed):
    assert installed("sagan_tf", "--version").stdout == f"sagan_tf {sagan_tf.__version__}\n"
    bindings = [f"--gin_bindings={binding}" for binding in SMALL]
    trained = installed(
        "sagan_tf", "train", "--gin_file=gin/quickstart.gin", *bindings, "--run_dir=RUN", "--stop_after=3"
    )
    assert trained.returncode == 0, trained.stderr
    assert "to go on:" in trained.stdout and "step-00000003.png" in trained.stdout
    drawn = installed("sagan_tf", "sample", "--run_dir=RUN", "--num=10", "--out=sheet.png")
    assert drawn.returncode == 0 and drawn.stdout == "sheet.png\n", drawn.stderr


def test_what_a_paper_s_configuration_needs_is_said_in_one_screen(installed):
    missing = installed("python", "-m", "sagan_tf.train", "--gin_file=gin/sagan_128.gin")
    assert missing.returncode == 2 and missing.stderr.startswith(
        "error: --run_dir must be given: a new or empty folder, or"
    )
    told = installed("sagan_tf", "train", "--gin_file=gin/sagan_128.gin", "--run_dir=PAPER", "--data_dir=nowhere")
    assert told.returncode == 2 and "imagenet2012" in told.stderr and told.stderr.count("\n") <= 24


@pytest.mark.parametrize("legacy", ["0", "1"])
def test_its_layers_are_saved_in_a_model_of_ones_own(installed, legacy):
    for program in (TEN_LINES, READ):
        done = installed("python", "-c", program, TF_USE_LEGACY_KERAS=legacy)
        assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.startswith("equal by tf_keras") == (legacy == "1") and str(ROOT) not in done.stdout
