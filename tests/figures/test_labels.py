import pytest

from sagan_tf.figures.labels import extremes, readable, spread_apart


@pytest.mark.parametrize(
    "name, words",
    [
        ("d_loss", "D loss"),
        ("g_gradient_norm", "G gradient norm"),
        ("logits_real", "logits real"),
        ("generator.attention_8", "G attention 8"),
        ("gamma/discriminator.attention_64", "gamma/D attention 64"),
        ("within_class", "pairs of one class"),
    ],
)
def test_names_in_words(name, words):
    assert readable(name) == words


def test_the_extremes_are_the_greatest_the_least_and_the_fastest():
    curves = {name: ([1, 2], [1.0, last]) for name, last in zip("abcdef", (9, 8, 7, 6, 5, 1), strict=True)}
    curves["fast"] = ([1, 2], [0.1, 3.0])
    assert extremes(curves, most=4) == ["a", "b", "fast", "f"]
    assert extremes(dict(list(curves.items())[:2])) == ["a", "b"]
    assert extremes({}) == []


@pytest.mark.parametrize(
    "places, apart",
    [
        ([0.9, 0.5, 0.1], [0.9, 0.5, 0.1]),
        ([0.5, 0.5], [0.55, 0.45]),
        ([0.9, 0.52, 0.5, 0.48], [0.9, 0.6, 0.5, 0.4]),
        ([0.56, 0.5, 0.49], [0.6166667, 0.5166667, 0.4166667]),
        ([], []),
    ],
)
def test_labels_are_spread_around_their_places(places, apart):
    assert spread_apart(places, 0.1) == pytest.approx(apart)
