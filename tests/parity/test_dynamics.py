"""Ten steps of D and G against an independent reference in float64, with every layer written out and Adam in numpy."""

import numpy as np
import pytest
import tensorflow as tf

from sagan_tf.models.parts import Numerics
from sagan_tf.models.spec import GANSpec
from sagan_tf.objectives.objective import Objective
from sagan_tf.training.latent_sampler import LatentSampler
from sagan_tf.training.optimizers import TwoTimescaleAdam
from sagan_tf.training.state import GAN
from sagan_tf.training.step import gan_step
from tests.closeness import NETWORK, assert_close

SPEC = GANSpec(
    resolution=8,
    generator_ladder=(2, 1),
    discriminator_ladder=(1, 2),
    pools=1,
    width=8,
    n_classes=3,
    z_dim=4,
    attention_g=(8,),
    attention_d=(4,),
)

STEPS, BATCH = 10, 4
# A large epsilon: biases before a batch norm have gradient 0, and Adam would make steps of the rounding.
ADAM = TwoTimescaleAdam(g_learning_rate=1e-3, d_learning_rate=4e-3, beta_1=0.5, beta_2=0.9, epsilon=1e-4)


class Reference:
    """SAGAN in float64, from arrays by our variables' names: the weights `w`, and the vectors `u` of spectral norm."""

    def __init__(self, arrays):
        self.u = {n: a.astype(np.float64) for n, a in arrays.items() if n.endswith(".u")}
        names = [n for n in arrays if not n.endswith((".u", "moving_mean", "moving_variance"))]
        self.w = {n: tf.Variable(arrays[n].astype(np.float64)) for n in names}
        self.moments = {n: (np.zeros(v.shape), np.zeros(v.shape)) for n, v in self.w.items()}

    def kernel(self, name, store):
        """W / sigma after one power iteration of u; for tables of classes, u is on the side of the classes."""
        w = self.w[f"{name}.layer.kernel"]
        matrix = tf.transpose(w) if "embedding" in name else tf.reshape(w, [-1, w.shape[-1]])
        m, u = matrix.numpy(), self.u[f"{name}.u"]
        v = m @ u / np.linalg.norm(m @ u)
        u = m.T @ v / np.linalg.norm(m.T @ v)
        if store:
            self.u[f"{name}.u"] = u
        return w / tf.reduce_sum(matrix * np.outer(v, u))

    def conv(self, name, x, store, bias=True):
        y = tf.nn.conv2d(x, self.kernel(name, store), 1, "SAME")
        return y + self.w[f"{name}.layer.bias"] if bias else y

    def dense(self, name, x, store):
        return x @ self.kernel(name, store) + self.w[f"{name}.layer.bias"]

    def norm(self, x, gain, bias):
        mean = tf.reduce_mean(x, [0, 1, 2])
        variance = tf.reduce_mean((x - mean) ** 2, [0, 1, 2])
        return (x - mean) / tf.sqrt(variance + 1e-5) * gain + bias

    def tables(self, name, y):
        return [tf.gather(self.w[f"{name}.{part}.kernel"], y)[:, None, None] for part in ("gain", "bias")]

    def attention(self, name, x, store):
        query, key, value = (self.conv(f"{name}.{part}", x, store, bias=False) for part in ("query", "key", "value"))
        flat = [tf.reshape(h, [h.shape[0], -1, h.shape[-1]]) for h in (query, pooled(key), pooled(value))]
        beta = tf.nn.softmax(tf.einsum("bnk,bmk->bnm", flat[0], flat[1]))
        out = tf.reshape(beta @ flat[2], [x.shape[0], *x.shape[1:3], x.shape[3] // 2])
        return x + self.w[f"{name}.gamma"] * self.conv(f"{name}.out", out, store, bias=False)

    def generator(self, z, y):
        h = tf.reshape(self.dense("dense", z, True), [-1, 4, 4, 16])
        x = twice(tf.nn.relu(self.norm(h, *self.tables("blocks.0.norm_1", y))))
        x = tf.nn.relu(self.norm(self.conv("blocks.0.conv_1", x, True), *self.tables("blocks.0.norm_2", y)))
        h = self.conv("blocks.0.conv_2", x, True) + self.conv("blocks.0.shortcut", twice(h), True)
        h = self.attention("long_range.0", h, True)
        h = tf.nn.relu(self.norm(h, self.w["final_norm.gain"], self.w["final_norm.bias"]))
        return tf.tanh(self.conv("to_rgb", h, True))

    def discriminator(self, x, y, store):
        h = self.conv("blocks.0.conv_2", tf.nn.relu(self.conv("blocks.0.conv_1", x, store)), store)
        h = halved(h) + self.conv("blocks.0.shortcut", halved(x), store)
        h = self.attention("long_range.0", h, store)
        inner = self.conv("blocks.1.conv_2", tf.nn.relu(self.conv("blocks.1.conv_1", tf.nn.relu(h), store)), store)
        h = inner + self.conv("blocks.1.shortcut", h, store)
        h = tf.reduce_sum(tf.nn.relu(h), [1, 2])
        embedded = tf.gather(self.kernel("head.embedding", store), y)
        return self.dense("head.dense", h, store)[:, 0] + tf.reduce_sum(h * embedded, -1)

    def adam(self, loss, tape, rate, t):
        gradients = tape.gradient(loss, self.w)
        for name, gradient in gradients.items():
            g = tf.convert_to_tensor(gradient).numpy()
            m, v = self.moments[name]
            m, v = 0.5 * m + 0.5 * g, 0.9 * v + 0.1 * g**2
            self.moments[name] = m, v
            self.w[name].assign_sub(rate * np.sqrt(1 - 0.9**t) / (1 - 0.5**t) * m / (np.sqrt(v) + 1e-4))


def pooled(x):
    return tf.nn.max_pool2d(x, 2, 2, "VALID")


def twice(x):
    return tf.repeat(tf.repeat(x, 2, 1), 2, 2)


def halved(x):
    return (x[:, ::2, ::2] + x[:, 1::2, ::2] + x[:, ::2, 1::2] + x[:, 1::2, 1::2]) / 4


def reference_step(g, d, x, y, fakes, t):
    """Makes one hinge step, D first, and returns the two losses."""
    (z_d, y_d), (z_g, y_g) = fakes
    fake = g.generator(z_d, y_d)
    with tf.GradientTape() as tape:
        logits = d.discriminator(tf.concat([x, fake], 0), tf.concat([y, y_d], 0), True)
        d_loss = tf.reduce_mean(tf.nn.relu(1 - logits[:BATCH])) + tf.reduce_mean(tf.nn.relu(1 + logits[BATCH:]))
    d.adam(d_loss, tape, 4e-3, t)
    with tf.GradientTape() as tape:
        g_loss = -tf.reduce_mean(d.discriminator(g.generator(z_g, y_g), y_g, False))
    g.adam(g_loss, tape, 1e-3, t)
    return float(d_loss), float(g_loss)


@pytest.fixture
def gan():
    made = GAN(SPEC, optimizer=ADAM, average=None, numerics=Numerics(), seed=1)
    for variables in (made.g_variables, made.d_variables):
        variables["long_range.0.gamma"].assign(0.5)  # at zero, attention would not be tested
    return made


def test_ten_steps(gan, smooth):
    """Both sides use softplus for ReLU, so that no unit lies at a kink; test_biggan_pytorch.py tests ReLU."""
    g, d = (Reference({n: v.numpy() for n, v in vs.items()}) for vs in (gan.g_variables, gan.d_variables))
    draw = LatentSampler(latent="normal", z_dim=4, n_classes=3, batch_size=BATCH, draws_per_step=2, seed=7)
    rng = np.random.default_rng(0)
    start = {n: v.numpy() for n, v in gan.g_variables.items()}
    for step in range(STEPS):
        at = tf.constant(step, tf.int64)
        x = rng.uniform(-1, 1, (BATCH, 8, 8, 3))
        y = rng.integers(0, 3, BATCH).astype(np.int32)
        logs = gan_step(gan, Objective(), draw, [(tf.constant(x, tf.float32), tf.constant(y))], at)
        fakes = [(tf.cast(z, tf.float64), y_fake) for z, y_fake in (draw(at, 0), draw(at, 1))]
        expected = reference_step(g, d, tf.constant(x.astype(np.float32), tf.float64), y, fakes, step + 1)
        assert_close((logs["d_loss"], logs["g_loss"]), expected, relative=NETWORK, name=f"losses of step {step}")
    for variables, reference in ((gan.g_variables, g), (gan.d_variables, d)):
        for name, value in {**reference.w, **reference.u}.items():
            ours = variables[name].numpy()
            theirs = np.asarray(tf.convert_to_tensor(value))
            if name.endswith(".u"):
                ours = ours / np.linalg.norm(ours)
            assert_close(ours, theirs, relative=NETWORK, floor=0.1, name=name)
    moved = np.abs(gan.g_variables["blocks.0.conv_2.layer.kernel"].numpy() - start["blocks.0.conv_2.layer.kernel"])
    assert moved.max() > 2e-3, "the weights must have gone a way far longer than the tolerance"
