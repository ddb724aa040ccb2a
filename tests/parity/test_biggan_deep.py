"""BigGAN-deep with the weights of two other implementations against what they computed.

biggan_deep32_ch16.npz was made with BigGAN-PyTorch's classes, biggan_deep_hf32_ch16.npz with the classes of Hugging
Face's pytorch-pretrained-BigGAN, both in torch from random weights: 32 px, width 16, batch 3, 7 classes, z and
embedding of 12 entries, attention with gamma 0.6. Images are NCHW.
"""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from sagan_tf.interop import huggingface_biggan
from sagan_tf.interop.tensor_files import WeightsError
from sagan_tf.layers.variable_names import named_variables
from sagan_tf.models.families import biggan_deep
from sagan_tf.models.generator import Generator
from sagan_tf.models.inference import bake
from tests.closeness import LAYER, assert_close
from tests.parity.golden import BigGANPyTorchParity, Net, read

SPEC = biggan_deep(
    32,
    width=16,
    z_dim=12,
    shared_dim=12,
    condition_order="embedding_z",
    wide_rgb=False,
    final_norm_epsilon=1e-5,  # theirs for the last norm, whatever is asked for
    spectral_norm_epsilon=1e-6,
    initializer="normal",
).with_classes(7)


# Inputs of ReLU, by shape and place, that lie so near its kink (8e-6) that rounding decides: the sides by which the
# gradients are torch's.
NEAR_THE_KINK = {
    (6, 32, 32, 64): {13835: 1, 63300: -1, 91509: -1, 280421: -1, 291833: -1},
    (6, 32, 32, 16): {14980: -1, 51091: -1, 89870: -1, 97917: 1, 27335: -1, 95134: 1, 32450: 1, 50936: 1, 62588: -1,
                      72765: 1, 75053: -1},
    (6, 16, 16, 16): {23114: -1, 5730: 1, 6206: -1, 12104: -1, 13820: -1, 4219: -1, 6462: -1, 22624: -1, 1499: -1,
                      9150: 1, 12836: 1},
    (6, 16, 16, 64): {65614: 1},
    (6, 8, 8, 64): {1174: 1, 17043: -1},
    (6, 8, 8, 16): {2514: 1, 3795: -1, 3948: 1},
    (3, 16, 16, 16): {10739: -1, 5730: 1, 6206: -1, 12104: -1, 4219: -1, 6462: -1, 1499: -1, 9150: 1},
    (3, 16, 16, 64): {16176: -1, 26802: 1},
    (3, 32, 32, 16): {31751: -1, 14980: -1, 27335: -1, 32450: 1},
    (3, 32, 32, 64): {40730: -1, 66266: -1, 13835: 1, 63300: -1, 91509: -1},
    (3, 8, 8, 64): {1174: 1},
    (3, 8, 8, 16): {2514: 1},
}  # fmt: skip


class TestBigGANDeep(BigGANPyTorchParity):
    spec, file, relative, batch, near_the_kink = SPEC, "biggan_deep32_ch16.npz", LAYER, 3, NEAR_THE_KINK
    fakes_first = True

    def test_the_order_of_the_condition_is_that_of_the_kernels_rows(self, golden, inputs):
        z, y, *_ = inputs
        other = Net("G", dataclasses.replace(SPEC, condition_order="z_embedding"), golden)
        assert_close(other.reset()(z, y).numpy().transpose(0, 3, 1, 2), golden["eval/G(z,y)"], relative=LAYER)


class HuggingFace:
    """The golden generator of Hugging Face: its description, state and numbers, and ours with its weights."""

    def __init__(self):
        golden = read("biggan_deep_hf32_ch16.npz")
        self.config = {name.removeprefix("config/"): a for name, a in golden.items() if name.startswith("config/")}
        self.config["num_classes"] = self.config.pop("n_classes")
        self.state = {name.removeprefix("state/"): a for name, a in golden.items() if name.startswith("state/")}
        self.z, self.y = golden["z"], golden["y"].astype(np.int32)
        self.images = {t: golden[f"out/truncation_{t}"].transpose(0, 2, 3, 1) for t in ("0.4", "0.5", "1.0")}
        self.spec = huggingface_biggan.spec_of(self.config)
        self.generator = Generator(self.spec, seed=None)
        self.variables = named_variables(self.generator)
        self.shapes = {name: tuple(v.shape) for name, v in self.variables.items()}

    def values(self, state=None, **options):
        return huggingface_biggan.convert(state or self.state, self.spec, self.shapes, "golden", **options)


@pytest.fixture(scope="module")
def theirs():
    found = HuggingFace()
    for name, value in found.values().items():
        found.variables[name].assign(value)
    return found


def test_hugging_faces_generator_draws_the_same_images_at_each_truncation(theirs):
    assert_close(theirs.generator(theirs.z, theirs.y), theirs.images["1.0"], relative=LAYER)
    sets, thresholds = huggingface_biggan.statistics_sets(theirs.state, theirs.spec, theirs.shapes, "golden")
    assert len(sets) == 51 and thresholds[20] == 0.4 and thresholds[-1] == 1
    baked = bake(theirs.generator, sets, thresholds)
    for truncation, expected in theirs.images.items():
        images = baked(tf.constant(theirs.z), tf.constant(theirs.y), tf.fill([3], float(truncation)))
        assert_close(images, expected, relative=LAYER, name=f"truncation {truncation}")


def test_one_set_of_its_statistics_becomes_the_moving_ones(theirs):
    mean = theirs.values(statistics=20)["blocks.4.norm_3.statistics.moving_mean"]
    # attention is the fifth of their layers, so that our fifth block is their sixth
    np.testing.assert_array_equal(mean, theirs.state["generator.layers.5.bn_2.running_means"][20])


def test_the_published_configurations_are_the_family():
    for resolution, layers in {
        128: ((0, 16, 16), (1, 16, 16), (0, 16, 16), (1, 16, 8), (0, 8, 8), (1, 8, 4), (0, 4, 4), (1, 4, 2),
              (0, 2, 2), (1, 2, 1)),
        256: ((0, 16, 16), (1, 16, 16), (0, 16, 16), (1, 16, 8), (0, 8, 8), (1, 8, 8), (0, 8, 8), (1, 8, 4),
              (0, 4, 4), (1, 4, 2), (0, 2, 2), (1, 2, 1)),
        512: ((0, 16, 16), (1, 16, 16), (0, 16, 16), (1, 16, 8), (0, 8, 8), (1, 8, 8), (0, 8, 8), (1, 8, 4),
              (0, 4, 4), (1, 4, 2), (0, 2, 2), (1, 2, 1), (0, 1, 1), (1, 1, 1)),
    }.items():  # fmt: skip
        config = {"layers": [[bool(up), a, b] for up, a, b in layers], "attention_layer_position": 8, "z_dim": 128,
                  "channel_width": 128, "num_classes": 1000, "eps": 1e-4, "output_dim": resolution}  # fmt: skip
        assert huggingface_biggan.spec_of(config) == biggan_deep(resolution).with_classes(1000)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"eps": None}, "received float"),
        (
            {"layers": [[True, 16, 8], [True, 16, 8]]},
            "blocks whose inputs do not match the outputs of the previous block",
        ),
        ({"output_dim": 64}, "output_dim=64 with layers for 32 pixels"),
        ({"attention_layer_position": 0}, "attention before the first"),
    ],
)
def test_a_configuration_that_contradicts_itself_is_refused(theirs, change, message):
    with pytest.raises(WeightsError, match=message):
        huggingface_biggan.spec_of(theirs.config | change)
    with pytest.raises(WeightsError, match="received no 'eps'"):
        huggingface_biggan.spec_of({name: value for name, value in theirs.config.items() if name != "eps"})


def test_tensors_that_do_not_fit_are_named(theirs):
    kernel = "generator.layers.4.snconv1x1_phi.weight"
    for change, message in (
        ({f"{kernel}_v": np.zeros(63, np.float32)}, r"phi\.weight_v: has shape \(63,\), \(64,\) is needed"),
        ({"generator.gen_z.bias": np.full(4096, np.inf, np.float32)}, "NaN or infinity in generator.gen_z.bias"),
        ({"generator.layers.9.gamma": np.zeros(1)}, r"generator\.layers\.9\.gamma: extra"),
        ({f"{kernel}_u": theirs.state[f"{kernel}_u"][::-1]}, "must be those of a power iteration"),
    ):
        with pytest.raises(WeightsError, match=message):
            theirs.values(theirs.state | change)
    derived = {kernel: np.zeros(3)}  # what torch makes of weight_orig may be in the file too
    assert theirs.values(theirs.state | derived).keys() == theirs.shapes.keys()
