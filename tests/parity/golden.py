"""What the parity tests of both BigGANs share: networks with BigGAN-PyTorch's weights, and its numbers beside theirs.

The arrays of a golden file are named G0/ and D0/ (weights and buffers), G1/ and D1/ (those that a training pass moved),
gradG/ and gradD/ (gradients of a hinge step), loss/, eval/ and train/ (outputs), z, y, x and yr (inputs). Images are
NCHW.
"""

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from sagan_tf.interop import biggan_pytorch
from sagan_tf.layers.variable_names import named_variables
from sagan_tf.models.discriminator import Discriminator
from sagan_tf.models.generator import Generator
from sagan_tf.objectives.losses import LOSSES
from tests.closeness import LAYER, NETWORK, assert_close


def read(file):
    with np.load(Path(__file__).parent / file) as arrays:
        return {name: arrays[name] for name in arrays.files}


class Net:
    """One of our networks, "G" or "D", its variables, and their golden values."""

    def __init__(self, letter, spec, golden):
        self.letter, self.spec, self.golden = letter, spec, golden
        self.network = (Generator if letter == "G" else Discriminator)(spec, seed=None)
        self.variables = named_variables(self.network)
        shapes = {name: tuple(v.shape) for name, v in self.variables.items()}
        self.matches = biggan_pytorch.matches(spec, shapes)

    def reset(self):
        for name, variable in self.variables.items():
            variable.assign(self.expected("0/", name))
        return self.network

    def has(self, kind, name):
        return self.key(kind, name) in self.golden

    def key(self, kind, name):
        """kind: "0/", "1/" or "grad"."""
        prefix = f"grad{self.letter}/" if kind == "grad" else self.letter + kind
        return prefix + self.matches[name].name

    def expected(self, kind, name):
        values = self.matches[name].convert(self.golden[self.key(kind, name)])
        return values.reshape(self.variables[name].shape)

    def check_moved(self, batch):
        """u and moving statistics after a training pass of so many images."""
        moved = [name for name in self.variables if self.has("1/", name)]
        assert len(moved) == sum(not v.trainable for v in self.variables.values())
        for name in moved:
            value, expected = self.variables[name].numpy(), self.expected("1/", name)
            if name.endswith("moving_variance"):
                expected = self._biased(name, expected, batch)
            assert_close(value, expected, relative=NETWORK, name=name)

    def _biased(self, name, after, batch):
        """torch keeps the unbiased variance n / (n - 1); ours is the biased one. n = batch * height * width."""
        before = self.expected("0/", name)
        n = batch * self._side(name) ** 2
        return 0.9 * before + (after - 0.9 * before) * (n - 1) / n

    def _side(self, name):
        """The side of the map that a norm of G takes: half of a block's norms lie before its upsampling."""
        sizes = (4, *self.spec.generator_sizes)
        if name.startswith("final"):
            return sizes[-1]
        _, block, norm, *_ = name.split(".")
        halves = {"basic": 1, "bottleneck": 2}[self.spec.block]
        return sizes[int(block) + (int(norm.removeprefix("norm_")) > halves)]

    def check_gradients(self, gradients):
        for name, gradient in gradients.items():
            gradient, expected = tf.convert_to_tensor(gradient).numpy(), self.expected("grad", name)
            # a bias before a batch norm has gradient 0 but for rounding, hence the absolute part
            assert_close(gradient, expected, relative=NETWORK, floor=0.1, name=name)

    def gradients_of(self, loss):
        """The loss and the gradients of all weights, which are those that the golden file has."""
        variables = {name: v for name, v in self.variables.items() if v.trainable}
        with tf.GradientTape() as tape:
            value = loss()
        gradients = tape.gradient(value, variables)
        assert {self.matches[n].name for n in gradients} == {
            name.partition("/")[2] for name in self.golden if name.startswith(f"grad{self.letter}/")
        }
        return value, gradients


def inputs_of(golden):
    """z, y, images and their labels, as our networks take them."""
    images = golden["x"].transpose(0, 2, 3, 1)
    return golden["z"], golden["y"].astype(np.int32), images, golden["yr"].astype(np.int32)


def on_their_side(monkeypatch, near_the_kink):
    """Moves inputs of ReLU by 1e-5 to the side of zero that they had in torch, where rounding would decide.

    near_the_kink: for each shape of an input, places in it and their sides.
    """
    relu = tf.nn.relu

    def sided(x):
        shift = np.zeros(x.shape, np.float32)
        for place, side in near_the_kink.get(tuple(x.shape), {}).items():
            shift.flat[place] = 1e-5 * side
        return relu(x + shift)

    monkeypatch.setattr(tf.nn, "relu", sided)


class BigGANPyTorchParity:
    """The tests of both BigGANs with BigGAN-PyTorch's weights. A subclass in a test file fills in the attributes.

    relative: the bound of outputs. batch: images per pass. fakes_first: whether D's batch was the fakes and then the
    real images, or the reverse. near_the_kink: see `on_their_side`.
    """

    spec, file, relative, batch, fakes_first, near_the_kink = None, "", 0.0, 0, False, {}

    @pytest.fixture(scope="class")
    @classmethod
    def golden(cls):
        return read(cls.file)

    @pytest.fixture(scope="class")
    @classmethod
    def g(cls, golden):
        return Net("G", cls.spec, golden)

    @pytest.fixture(scope="class")
    @classmethod
    def d(cls, golden):
        return Net("D", cls.spec, golden)

    @pytest.fixture(scope="class")
    @classmethod
    def inputs(cls, golden):
        return inputs_of(golden)

    @pytest.fixture
    def torchs_sides(self, monkeypatch):
        on_their_side(monkeypatch, self.near_the_kink)

    @pytest.mark.parametrize("training", [False, True])
    def test_outputs(self, g, d, inputs, golden, training):
        z, y, x, y_real = inputs
        mode = "train" if training else "eval"
        images = g.reset()(z, y, training=training).numpy().transpose(0, 3, 1, 2)
        assert_close(images, golden[f"{mode}/G(z,y)"], relative=self.relative)
        logits = d.reset()(x, y_real, training=training).logits
        assert_close(logits, golden[f"{mode}/D(x,yr)"][:, 0], relative=self.relative)

    def test_u_and_moving_statistics_after_a_training_pass(self, g, d, inputs):
        z, y, x, y_real = inputs
        g.reset()(z, y, training=True)
        d.reset()(x, y_real, training=True)
        g.check_moved(batch=self.batch)
        d.check_moved(batch=self.batch)

    def test_loss_and_every_gradient_of_the_discriminator_step(self, g, d, inputs, golden, torchs_sides):
        z, y, x, y_real = inputs
        fake, network = g.reset()(z, y, training=True), d.reset()
        order = slice(None, None, -1 if self.fakes_first else 1)

        def loss():
            images, labels = tf.concat([x, fake][order], 0), tf.concat([y_real, y][order], 0)
            logits = network(images, labels, training=True).logits
            return LOSSES["hinge"].discriminator(*[logits[: self.batch], logits[self.batch :]][order])

        value, gradients = d.gradients_of(loss)
        assert_close(value, golden["loss/D"], relative=LAYER)
        d.check_gradients(gradients)

    def test_loss_and_every_gradient_of_the_generator_step(self, g, d, inputs, golden, torchs_sides):
        z, y, _, _ = inputs
        generator, discriminator = g.reset(), d.reset()

        def loss():
            return LOSSES["hinge"].generator(discriminator(generator(z, y, training=True), y, training=True).logits)

        value, gradients = g.gradients_of(loss)
        assert_close(value, golden["loss/G"], relative=LAYER)
        g.check_gradients(gradients)
