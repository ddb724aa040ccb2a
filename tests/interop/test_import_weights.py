"""Published formats become runs from which the other verbs work; what doesn't fit leaves nothing behind."""

import dataclasses
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf

from sagan_tf import experiment, import_weights
from sagan_tf.interop import tfhub_biggan, weight_files
from sagan_tf.interop.tensor_files import WeightsError
from sagan_tf.layers.variable_names import named_variables
from sagan_tf.models.families import biggan
from sagan_tf.models.generator import Generator
from sagan_tf.models.transfer import TransferError
from sagan_tf.runs import resumption, weights_import
from sagan_tf.runs.lock import LockedError, TrainingLock
from sagan_tf.runs.origin import find_origin
from sagan_tf.runs.run_directory import RunDirectory, RunError
from sagan_tf.runs.trained import TrainedModel
from sagan_tf.training.workers import Workers
from tests.closeness import NETWORK, assert_close
from tests.interop.torch_form import write_sequential, write_zip

GOLDEN = Path(__file__).parents[1] / "parity" / "biggan32_ch8.npz"
GIN = """
include "gin/data/procedural.gin"
train.spec = @families.biggan()
families.biggan.resolution = 32
families.biggan.width = 8
families.biggan.discriminator_width = 16
families.biggan.z_dim = 32
families.biggan.shared_dim = 16
families.biggan.attention_d = ()
families.biggan.initializer = "normal"
families.biggan.final_norm_epsilon = 1e-5
families.biggan.spectral_norm_epsilon = 1e-6
train.average = @MovingAverage()
"""


@pytest.fixture(scope="module")
def golden():
    with np.load(GOLDEN) as file:
        return {name: file[name] for name in file.files}


@pytest.fixture
def run(tmp_path, golden):
    """Imports G and D from .npz files, after `change` to G's arrays; returns the exit code and the run's folder."""

    def call(change=lambda arrays: None, bindings=(), discriminator=True):
        (tmp_path / "run.gin").write_text(GIN)
        for net in "GD":
            arrays = {n.removeprefix(f"{net}0/"): a for n, a in golden.items() if n.startswith(f"{net}0/")}
            if net == "G":
                change(arrays)
            np.savez(tmp_path / f"{net}.npz", **arrays)
        flags = [f"--{k}={v}" for k, v in {
            "format": "biggan_pytorch", "generator": tmp_path / "G.npz", "discriminator": tmp_path / "D.npz",
            "gin_file": tmp_path / "run.gin", "run_dir": tmp_path / "run"}.items()]  # fmt: skip
        flags = flags if discriminator else [flag for flag in flags if "--discriminator" not in flag]
        return import_weights.main([*flags, *(f"--gin_bindings={b}" for b in bindings)]), tmp_path / "run"

    return call


def test_biggan_pytorch_becomes_a_run_that_draws_the_same_images(run, golden):
    code, path = run()
    assert code == 0
    model = TrainedModel(path)
    assert (model.step, model.averaged) == (0, True)
    images = model.generator(golden["z"], golden["y"].astype(np.int32)).numpy()
    assert_close(images.transpose(0, 3, 1, 2), golden["eval/G(z,y)"], relative=NETWORK)
    raw = TrainedModel(path, average=False).generator
    np.testing.assert_array_equal(raw(golden["z"], golden["y"].astype(np.int32)), images)


def test_an_import_without_a_discriminator_says_so_to_the_training_that_starts_from_it(run, tmp_path):
    _, path = run(discriminator=False)
    imported = RunDirectory(path)
    assert imported.facts()["imported"]["discriminator"] is None
    loaded = experiment.load([str(tmp_path / "run.gin")], [])
    examples = loaded.value.data.open(32)
    assert resumption.admit(imported, loaded, examples).fresh_discriminator
    workers, new = Workers(tf.distribute.get_strategy()), RunDirectory(tmp_path / "new")
    origin = find_origin(new, loaded.value, path, workers=workers)
    assert not origin.has_discriminator and origin.step == 0
    assert resumption.admit(new, loaded, examples, origin=origin).fresh_discriminator
    frozen = dataclasses.replace(loaded.value, freeze_discriminator=1)
    with pytest.raises(TransferError, match="must be 0 if the discriminator starts from new weights"):
        find_origin(new, frozen, path, workers=workers)


def cut_one(arrays):
    arrays["blocks.1.0.conv1.weight"] = arrays["blocks.1.0.conv1.weight"][:8]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (cut_one, "blocks.1.0.conv1.weight: has shape (8, 32, 3, 3), (32, 32, 3, 3) is needed"),
        (lambda a: a.pop("shared.weight"), "shared.weight: missing, (10, 16) is needed"),
        (lambda a: a.update(new=np.zeros(3)), "new: extra, (3,)"),
        (lambda a: a.update({"linear.bias": np.full(512, np.nan, np.float32)}), "NaN or infinity in linear.bias"),
    ],
)
def test_what_does_not_fit_is_named_and_nothing_is_written(run, capsys, change, message):
    code, path = run(change)
    assert code == 2 and message in capsys.readouterr().err and not path.exists()


def test_a_module_may_lie_in_a_folder_with_brackets(tmp_path):
    prefix = tmp_path / "module [1]" / "variables" / "variables"
    prefix.parent.mkdir(parents=True)
    tf.train.Checkpoint(x=tf.Variable([1.0, 2.0])).write(str(prefix))
    stored = tfhub_biggan.StoredVariables(tmp_path / "module [1]")
    (name,) = (name for name in stored.shapes if name.startswith("x/"))
    assert stored.shapes[name] == (2,) and stored.read(name).tolist() == [1.0, 2.0]


def test_of_several_checkpoints_the_newest_is_read_or_none(tmp_path):
    folder = tmp_path / "saved [1]"
    manager = tf.train.CheckpointManager(tf.train.Checkpoint(x=tf.Variable(1.0)), str(folder), max_to_keep=None)
    for step in (9, 10):
        manager.save(step)
    assert tfhub_biggan._prefix(folder) == str(folder / "ckpt-10")
    (folder / "checkpoint").unlink()
    with pytest.raises(WeightsError, match=r"one checkpoint, .* received .* with ckpt-10, ckpt-9"):
        tfhub_biggan.StoredVariables(folder)
    for path in folder.glob("ckpt-9.*"):
        path.unlink()
    assert tfhub_biggan.has_variables(folder) and not tfhub_biggan.has_variables(tmp_path)


def test_names_that_are_not_the_datas_are_said_and_kept(tmp_path, capsys):
    names = ("a", "b")
    settings = experiment.load(["gin/quickstart.gin"], []).value
    examples = weights_import.examples_of(settings, names, "G.npz")
    assert examples.class_names == names
    assert "so that the run keeps only the names of the classes. " in capsys.readouterr().err


def test_an_import_leaves_alone_what_another_one_has_written_in_the_meantime(tmp_path):
    run, first = RunDirectory(tmp_path / "run"), {"generator.a": tf.Variable([1.0])}
    admission = SimpleNamespace(record=lambda: (run.path / "run.json").write_text("{}"))
    weights_import._write(run, admission, first, None)
    with pytest.raises(RunError, match="another process has written a run in the meantime"):
        weights_import._write(run, admission, {"generator.a": tf.Variable([2.0])}, None)
    with TrainingLock(tmp_path / "other"), pytest.raises(LockedError):
        weights_import._write(RunDirectory(tmp_path / "other"), admission, first, None)
    assert run.checkpoints().load(("generator",))[1]["generator.a"] == [1.0]
    assert sorted(path.name for path in run.path.iterdir()) == ["checkpoints", "run.json"]
    with pytest.raises(ZeroDivisionError):
        weights_import._write(RunDirectory(tmp_path / "new"), SimpleNamespace(record=lambda: 1 / 0), first, None)
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("write", [write_zip, write_sequential])
def test_a_pth_file_is_read_without_torch(tmp_path, golden, write):
    state = {n.removeprefix("G0/"): a for n, a in golden.items() if n.startswith("G0/")}
    found = weight_files.read(write(tmp_path / "G.pth", state))
    assert list(found) == list(state)
    np.testing.assert_array_equal(found["linear.weight"], golden["G0/linear.weight"])


SPEC = biggan(128, width=8, initializer="normal").with_classes(10)


@pytest.fixture(scope="module")
def module(tmp_path_factory):
    """A folder with the variables of DeepMind's 128 px module at a smaller width, random; and the arrays."""
    folder = tmp_path_factory.mktemp("biggan-128")
    rng = np.random.default_rng(0)
    shapes = {name: tuple(v.shape) for name, v in named_variables(Generator(SPEC)).items()}
    arrays = {}
    for name, shape in shapes.items():
        stored = (1, 1, 1, *shape) if len(shape) == 1 else shape
        lowest = 0.1 if "moving" in name else -1.0
        arrays[tfhub_biggan.name_there(name)] = rng.uniform(lowest, 1, stored).astype(np.float32)
    for name in [n for n in arrays if n.endswith("accumulated_mean")]:
        arrays[name.replace("accumulated_mean", "accumulation_counter")] = np.float32(4.0)
    arrays["Generator/conv_2d/w"] = np.zeros((3, 3, 8, 3), np.float32)  # not the moving average
    save(folder, {f"module/{name}": array for name, array in arrays.items()})
    return folder, shapes, arrays


def save(folder, arrays):
    variables = {name: tf.Variable(array) for name, array in arrays.items()}
    names = tf.constant(list(variables))
    (folder / "variables").mkdir(exist_ok=True)
    tf.raw_ops.SaveV2(
        prefix=str(folder / "variables" / "variables"),
        tensor_names=names,
        shape_and_slices=[""] * len(variables),
        tensors=[tf.convert_to_tensor(v) for v in variables.values()],
    )


def test_tfhub_names_are_deepminds(module):
    _, _, arrays = module
    for name in (
        "linear/w/ema_b999900",
        "Generator/G_Z/G_linear/w/ema_b999900",
        "Generator/GBlock/conv0/u0",
        "Generator/GBlock_4/conv_sc/b/ema_b999900",
        "Generator/GBlock_2/HyperBN_1/gamma/w/ema_b999900",
        "Generator/GBlock_2/CrossReplicaBN/accumulated_var",
        "Generator/attention/o_conv/w/ema_b999900",
        "Generator/attention/gamma/ema_b999900",
        "Generator/ScaledCrossReplicaBN/gamma/ema_b999900",
        "Generator/ScaledCrossReplicaBNbn/accumulated_mean",
    ):
        assert name in arrays


def test_tfhub_values_are_reordered_and_divided(module):
    folder, shapes, arrays = module
    values = tfhub_biggan.load(folder, SPEC, shapes)
    assert {name: value.shape for name, value in values.items()} == shapes
    there = arrays["Generator/GBlock_1/HyperBN/beta/w/ema_b999900"]
    ours = values["blocks.1.norm_1.bias.layer.kernel"]
    np.testing.assert_array_equal(ours[:128], there[20:])
    np.testing.assert_array_equal(ours[128:], there[:20])
    mean = arrays["Generator/ScaledCrossReplicaBNbn/accumulated_mean"].reshape(-1)
    np.testing.assert_allclose(values["final_norm.statistics.moving_mean"], mean / 4)
    assert values["to_rgb.layer.kernel"].any(), "the moving average is read, not the raw weights"


def test_a_tfhub_module_of_another_size_is_named(module):
    folder, shapes, _ = module
    with pytest.raises(tfhub_biggan.WeightsError, match=r"linear/w/ema_b999900: has shape \(10, 128\), \(7, 128\)"):
        tfhub_biggan.load(folder, SPEC, {**shapes, "shared.kernel": (7, 128)})
    with pytest.raises(tfhub_biggan.WeightsError, match=r"variables/variables\.index"):
        tfhub_biggan.load(folder / "nothing", SPEC, shapes)


def test_a_tfhub_module_becomes_a_run(module, tmp_path):
    folder, _, arrays = module
    gin = tmp_path / "run.gin"
    gin.write_text(
        'include "gin/data/procedural.gin"\ntrain.spec = @families.biggan()\nfamilies.biggan.width = 8\n'
        'families.biggan.initializer = "normal"\ntrain.average = @MovingAverage()\n'
    )
    flags = {"format": "tfhub_biggan", "generator": folder, "gin_file": gin, "run_dir": tmp_path / "run"}
    assert import_weights.main([f"--{name}={value}" for name, value in flags.items()]) == 0
    model = TrainedModel(tmp_path / "run")
    variables = named_variables(model.generator)
    assert model.averaged
    np.testing.assert_array_equal(variables["shared.kernel"].numpy(), arrays["linear/w/ema_b999900"])
    images = model.generator(tf.random.stateless_normal([2, 120], [1, 2]), tf.constant([0, 9])).numpy()
    assert images.shape == (2, 128, 128, 3) and np.isfinite(images).all() and images.std() > 0
