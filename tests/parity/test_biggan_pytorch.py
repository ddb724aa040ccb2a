"""Our networks with BigGAN-PyTorch's weights against what BigGAN-PyTorch computed.

biggan32_ch8.npz was made with BigGAN-PyTorch's classes in torch 2.13 from random weights: 32 px, width 8, batch 4, 10
classes, shared embedding 16, hierarchical z in chunks of 8, attention in G with gamma 0.7. Images are NCHW.
"""

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from sagan_tf.interop import biggan_pytorch
from sagan_tf.layers.variable_names import named_variables
from sagan_tf.models.discriminator import Discriminator
from sagan_tf.models.generator import Generator
from sagan_tf.models.spec import GANSpec
from sagan_tf.objectives.losses import LOSSES
from tests.closeness import LAYER, NETWORK, assert_close

SPEC = GANSpec(
    resolution=32,
    generator_ladder=(4, 4, 4, 4),
    discriminator_ladder=(4, 4, 4, 4),
    pools=2,
    width=8,
    n_classes=10,
    z_dim=32,
    conditioning="shared",
    shared_dim=16,
    hierarchical=True,
    attention_g=(16,),
    norm_decay=0.9,
    final_norm_decay=0.9,
    norm_epsilon=1e-4,
    final_norm_epsilon=1e-5,  # theirs for the last norm, whatever is asked for
    spectral_norm_epsilon=1e-6,
)


class Net:
    """One of our networks, its variables, and their golden values under a prefix ("G0/", "gradG/", ...)."""

    def __init__(self, network, prefix, golden):
        self.network, self.prefix, self.golden = network, prefix, golden
        self.variables = named_variables(network)
        shapes = {name: tuple(v.shape) for name, v in self.variables.items()}
        self.matches = biggan_pytorch.matches(SPEC, shapes)

    def reset(self):
        for name, variable in self.variables.items():
            variable.assign(self.expected(self.prefix, name))
        return self.network

    def has(self, prefix, name):
        return prefix + self.matches[name].name in self.golden

    def expected(self, prefix, name):
        match = self.matches[name]
        return match.convert(self.golden[prefix + match.name]).reshape(self.variables[name].shape)


@pytest.fixture(scope="module")
def golden():
    with np.load(Path(__file__).parent / "biggan32_ch8.npz") as file:
        return {name: file[name] for name in file.files}


@pytest.fixture(scope="module")
def g(golden):
    return Net(Generator(SPEC), "G0/", golden)


@pytest.fixture(scope="module")
def d(golden):
    return Net(Discriminator(SPEC), "D0/", golden)


@pytest.fixture(scope="module")
def inputs(golden):
    images = golden["x"].transpose(0, 2, 3, 1)
    return golden["z"], golden["y"].astype(np.int32), images, golden["yr"].astype(np.int32)


@pytest.mark.parametrize("training", [False, True])
def test_outputs(g, d, inputs, golden, training):
    z, y, x, y_real = inputs
    mode = "train" if training else "eval"
    images = g.reset()(z, y, training=training).numpy().transpose(0, 3, 1, 2)
    assert_close(images, golden[f"{mode}/G(z,y)"], relative=NETWORK)
    logits = d.reset()(x, y_real, training=training).logits
    assert_close(logits, golden[f"{mode}/D(x,yr)"][:, 0], relative=NETWORK)


def test_u_and_moving_statistics_after_a_training_pass(g, d, inputs):
    z, y, x, y_real = inputs
    g.reset()(z, y, training=True)
    d.reset()(x, y_real, training=True)
    for net, after in ((g, "G1/"), (d, "D1/")):
        moved = [name for name in net.variables if net.has(after, name)]
        assert len(moved) == sum(not v.trainable for v in net.variables.values())
        for name in moved:
            value, expected = net.variables[name].numpy(), net.expected(after, name)
            if name.endswith("moving_variance"):
                expected = biased(net, name, expected)
            assert_close(value, expected, relative=NETWORK, name=name)


def biased(net, name, after):
    """torch keeps the unbiased variance n / (n - 1); ours is the biased one. n = batch * height * width."""
    before = net.expected("G0/", name)
    side = 32 if name.startswith("final") else 4 * 2 ** (int(name.split(".")[1]) + ("norm_2" in name))
    n = 4 * side * side
    return 0.9 * before + (after - 0.9 * before) * (n - 1) / n


def check_gradients(net, prefix, gradients):
    for name, gradient in gradients.items():
        gradient, expected = tf.convert_to_tensor(gradient).numpy(), net.expected(prefix, name)
        # a bias before a batch norm has gradient 0 but for rounding, hence the absolute part
        assert_close(gradient, expected, relative=NETWORK, floor=0.1, name=name)


def gradients_of(net, loss):
    variables = {name: v for name, v in net.variables.items() if v.trainable}
    with tf.GradientTape() as tape:
        value = loss()
    gradients = tape.gradient(value, variables)
    assert {net.matches[n].name for n in gradients} == {
        name.partition("/")[2] for name in net.golden if name.startswith("grad" + net.prefix[0] + "/")
    }
    return value, gradients


# Inputs of ReLU, by shape and place, that lie so near its kink (8e-6) that rounding decides: the sides they had there.
NEAR_THE_KINK = {
    (4, 16, 16, 32): {6390: 1, 15374: 1},
    (4, 32, 32, 32): {130427: 1, 102463: -1, 8261: -1, 117626: 1},
    (8, 16, 16, 32): {24933: -1, 48142: 1, 15473: -1, 15926: 1},
    (8, 32, 32, 32): {64565: 1, 78876: 1, 97378: 1, 101424: -1, 139333: -1, 248698: 1},
}


@pytest.fixture
def on_their_side(monkeypatch):
    """Moves those units by 1e-5, to the side that they had in torch."""
    relu = tf.nn.relu

    def sided(x):
        shift = np.zeros(x.shape, np.float32)
        for place, side in NEAR_THE_KINK.get(tuple(x.shape), {}).items():
            shift.flat[place] = 1e-5 * side
        return relu(x + shift)

    monkeypatch.setattr(tf.nn, "relu", sided)


def test_loss_and_every_gradient_of_the_discriminator_step(g, d, inputs, golden, on_their_side):
    z, y, x, y_real = inputs
    fake, network = g.reset()(z, y, training=True), d.reset()

    def loss():
        logits = network(tf.concat([x, fake], 0), tf.concat([y_real, y], 0), training=True).logits
        return LOSSES["hinge"].discriminator(logits[:4], logits[4:])

    value, gradients = gradients_of(d, loss)
    assert_close(value, golden["loss/D"], relative=LAYER)
    check_gradients(d, "gradD/", gradients)


def test_loss_and_every_gradient_of_the_generator_step(g, d, inputs, golden, on_their_side):
    z, y, _, _ = inputs
    generator, discriminator = g.reset(), d.reset()

    def loss():
        return LOSSES["hinge"].generator(discriminator(generator(z, y, training=True), y, training=True).logits)

    value, gradients = gradients_of(g, loss)
    assert_close(value, golden["loss/G"], relative=LAYER)
    check_gradients(g, "gradG/", gradients)


def test_names_there():
    for ours, theirs in (
        ("blocks.2.norm_1.gain.layer.kernel", "blocks.2.0.bn1.gain.weight"),
        ("blocks.2.norm_1.bias.u", "blocks.2.0.bn1.bias.u0"),
        ("long_range.3.query.layer.kernel", "blocks.3.1.theta.weight"),
        ("long_range.3.gamma", "blocks.3.1.gamma"),
        ("final_norm.gain", "output_layer.0.gain"),
        ("head.embedding.layer.kernel", "embed.weight"),
    ):
        assert biggan_pytorch.name_there(ours) == theirs
