import tracemalloc

import numpy as np
import pytest
import tensorflow as tf

from sagan_tf.models import families
from sagan_tf.models.generator import Generator
from sagan_tf.sampling.interpolation import between, class_shares
from tests.closeness import NETWORK, assert_close

X, Y = np.asarray([3.0, 0.0]), np.asarray([0.0, 3.0])


def test_the_arc_keeps_the_length_and_the_straight_line_does_not():
    arc, straight = between(X, Y, 3, "spherical"), between(X, Y, 3, "linear")
    np.testing.assert_allclose(np.linalg.norm(arc, axis=1), 3, rtol=1e-6)
    np.testing.assert_allclose(arc[1], [3 / np.sqrt(2)] * 2, rtol=1e-6)
    np.testing.assert_allclose(straight[1], [1.5, 1.5])
    for path in (arc, straight):
        np.testing.assert_allclose(path[[0, -1]], [X, Y], atol=1e-6)


def test_the_arc_turns_at_an_even_pace():
    arc = between(X, Y, 10, "spherical")
    np.testing.assert_allclose(np.degrees(np.arctan2(arc[:, 1], arc[:, 0])), np.linspace(0, 90, 10), atol=1e-4)


@pytest.mark.parametrize("other", [2 * X, -X])
def test_parallel_and_opposite_ends_are_joined_straight(other):
    np.testing.assert_allclose(between(X, other, 3, "spherical"), [X, (X + other) / 2, other], atol=1e-6)


def test_wrong_paths_are_refused():
    with pytest.raises(ValueError, match="at least 2"):
        between(X, Y, 1)
    with pytest.raises(ValueError, match="linear, spherical; received path='curved'"):
        between(X, Y, 3, "curved")


def test_shares_of_classes_are_mixtures_of_their_rows():
    np.testing.assert_allclose(class_shares(2, 0, 3, 4), [[0, 0, 1, 0], [0.5, 0, 0.5, 0], [1, 0, 0, 0]])


def test_the_shares_of_very_many_classes_take_little_memory():
    tracemalloc.start()
    shares = class_shares(0, 20_000, 3, 22_000)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert shares[1, [0, 20_000]].tolist() == [0.5, 0.5] and peak < 30 * shares.nbytes


@pytest.mark.parametrize(
    "spec",
    [families.sagan(resolution=32, attention=(8,), width=8), families.biggan(32, width=8)],
    ids=["tables", "shared embedding"],
)
def test_a_generator_reads_a_whole_share_as_the_class(spec):
    generator = Generator(spec.with_classes(3), seed=2)
    z = tf.random.stateless_normal([3, generator.spec.z_dim], [1, 2])
    mixed = generator(z, tf.constant(class_shares(1, 2, 3, 3)), training=False)
    for row, label in ((0, 1), (2, 2)):
        alone = generator(z[row : row + 1], tf.constant([label]), training=False)
        assert_close(mixed[row], alone[0], relative=NETWORK)


@pytest.mark.parametrize(("a", "b"), [(X, X[:1]), (X[None], Y[None]), (X, np.zeros(3))])
def test_ends_are_two_vectors_of_one_length(a, b):
    for path in ("linear", "spherical"):
        with pytest.raises(ValueError, match=r"ends must be two vectors \(D,\)"):
            between(a, b, 3, path)


@pytest.mark.parametrize("label", [-1, 4])
def test_only_classes_are_mixed(label):
    with pytest.raises(ValueError, match=rf"labels must be in \[0, 4\); received label={label}"):
        class_shares(0, label, 3, 4)
