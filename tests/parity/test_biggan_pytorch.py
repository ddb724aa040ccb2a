"""Our networks with BigGAN-PyTorch's weights against what BigGAN-PyTorch computed.

biggan32_ch8.npz was made with BigGAN-PyTorch's classes in torch 2.13 from random weights: 32 px, width 8, batch 4, 10
classes, shared embedding 16, hierarchical z in chunks of 8, attention in G with gamma 0.7. Images are NCHW.
"""

import pytest
import tensorflow as tf

from sagan_tf.interop import biggan_pytorch
from sagan_tf.models.spec import GANSpec
from sagan_tf.objectives.losses import LOSSES
from tests.closeness import LAYER, NETWORK, assert_close
from tests.parity.golden import Net, inputs_of, on_their_side, read

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


@pytest.fixture(scope="module")
def golden():
    return read("biggan32_ch8.npz")


@pytest.fixture(scope="module")
def g(golden):
    return Net("G", SPEC, golden)


@pytest.fixture(scope="module")
def d(golden):
    return Net("D", SPEC, golden)


@pytest.fixture(scope="module")
def inputs(golden):
    return inputs_of(golden)


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
    g.check_moved(batch=4)
    d.check_moved(batch=4)


# Inputs of ReLU, by shape and place, that lie so near its kink (8e-6) that rounding decides: the sides they had there.
NEAR_THE_KINK = {
    (4, 16, 16, 32): {6390: 1, 15374: 1},
    (4, 32, 32, 32): {130427: 1, 102463: -1, 8261: -1, 117626: 1},
    (8, 16, 16, 32): {24933: -1, 48142: 1, 15473: -1, 15926: 1},
    (8, 32, 32, 32): {64565: 1, 78876: 1, 97378: 1, 101424: -1, 139333: -1, 248698: 1},
}


@pytest.fixture
def torchs_sides(monkeypatch):
    on_their_side(monkeypatch, NEAR_THE_KINK)


def test_loss_and_every_gradient_of_the_discriminator_step(g, d, inputs, golden, torchs_sides):
    z, y, x, y_real = inputs
    fake, network = g.reset()(z, y, training=True), d.reset()

    def loss():
        logits = network(tf.concat([x, fake], 0), tf.concat([y_real, y], 0), training=True).logits
        return LOSSES["hinge"].discriminator(logits[:4], logits[4:])

    value, gradients = d.gradients_of(loss)
    assert_close(value, golden["loss/D"], relative=LAYER)
    d.check_gradients(gradients)


def test_loss_and_every_gradient_of_the_generator_step(g, d, inputs, golden, torchs_sides):
    z, y, _, _ = inputs
    generator, discriminator = g.reset(), d.reset()

    def loss():
        return LOSSES["hinge"].generator(discriminator(generator(z, y, training=True), y, training=True).logits)

    value, gradients = g.gradients_of(loss)
    assert_close(value, golden["loss/G"], relative=LAYER)
    g.check_gradients(gradients)


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
