"""When the data set's classifier is too poor for its numbers to mean much."""

import numpy as np
import pytest

from sagan_tf.evaluation.held_out_accuracy import accuracy_note, chance_of, least_accuracy, warn_of_low_accuracy


@pytest.mark.parametrize(
    ("chance", "expected"), [(0.5, 0.75), (1 / 3, 2 / 3), (0.25, 0.5), (0.1, 0.2), (0.01, 0.02), (0.9, 0.95)]
)
def test_the_least_accuracy_is_twice_chance_where_that_can_be_exceeded(chance, expected):
    assert least_accuracy(chance) == pytest.approx(expected)


def test_chance_is_the_share_of_the_most_frequent_label():
    assert chance_of(np.array([0, 3, 3, 3, 1])) == 0.6 and chance_of(np.arange(10)) == 0.1


def test_a_good_accuracy_is_noted_alone(capsys):
    assert accuracy_note(0.2, 0.1, classifies=True) == "held-out accuracy 0.2000"
    assert accuracy_note(0.6, 0.25, classifies=False) == "held-out accuracy 0.6000 in recognizing rotations"
    warn_of_low_accuracy("x", 0.2, 0.1, classifies=True)
    assert not capsys.readouterr().err


def test_rotations_that_are_not_recognized_are_noted(capsys):
    expected = (
        "held-out accuracy 0.3000 in recognizing rotations, little better than guessing (0.2500): FID and recall by it "
        "mean little"
    )
    assert accuracy_note(0.3, 0.25, classifies=False) == expected
    warn_of_low_accuracy("dataset-rotations:dots@32", 0.3, 0.25, classifies=False)
    said = capsys.readouterr().err
    assert "recognizes the rotation of 30.0% of the images" in said and "labels" not in said
