import pytest

from sagan_tf.foundation.choices import check_choice


@pytest.mark.parametrize("value", ["hinge", 3, None])
def test_options_pass(value):
    check_choice("Objective", "loss", value, ("hinge", 3, None))


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("hing", r"^Objective\.loss must be one of hinge, wasserstein; received loss='hing'\. Did you mean 'hinge'\?$"),
        (7, r"received loss=7\. Choose one of these\.$"),
        (["hinge"], r"received loss=\['hinge'\]"),
    ],
)
def test_others_are_refused_with_the_nearest(value, message):
    with pytest.raises(ValueError, match=message):
        check_choice("Objective", "loss", value, {"hinge": 1, "wasserstein": 2})


def test_the_hint_and_the_exception_can_be_chosen():
    with pytest.raises(KeyError, match=r"split must be one of train, test; received split='val'\. Rename it\."):
        check_choice("", "split", "val", ("train", "test"), hint="Rename it.", error=KeyError)
