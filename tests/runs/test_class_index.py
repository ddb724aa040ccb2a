"""Classes as users write them: indices, names, synsets, words; and what is answered to others."""

import pytest

from sagan_tf.data.imagenet_classes import imagenet_classes
from sagan_tf.runs.class_index import class_index
from sagan_tf.runs.run_directory import RunError

DIGITS = ("0", "1", "10", "2")  # as a run begun before recorded them


@pytest.mark.parametrize(
    ("word", "names", "index"),
    [
        ("2", DIGITS, 3),
        ("02", DIGITS, 3),
        (2, DIGITS, 2),
        ("dog", ("cat", "dog"), 1),
        ("1", ("cat", "dog"), 1),
        ("1", ("cat", "1"), 1),
        ("7", ("7", "cat"), 0),
        ("²", ("²", "x"), 0),
    ],
)
def test_a_class_is_told_by_name_or_index(word, names, index):
    assert class_index(word, names) == index


@pytest.mark.parametrize(
    ("word", "names", "message"),
    [
        ("3", DIGITS, "received '3'.*0 0, 1 1, 2 10, 3 2"),
        ("²", DIGITS, "received '²'"),
        (4, DIGITS, "received 4"),
        (1.5, DIGITS, "received 1.5"),
        (-1, ("cat", "dog"), "received -1"),
        ("-1", ("cat", "dog"), "received '-1'"),
        ("1", ("1", "cat"), "name of class 0 and the index of 'cat'"),
    ],
)
def test_what_is_no_class_or_may_be_two_is_refused(word, names, message):
    with pytest.raises(RunError, match=message):
        class_index(word, names)


IMAGENET = tuple(imagenet_classes())
FEW = ("n02979186", "n02099601 golden retriever, Goldie", "n99999999", "plain")  # a part of it, and other lists' forms


@pytest.mark.parametrize(
    ("word", "index"),
    [
        ("n02099601", 207),
        (207, 207),
        ("207", 207),
        ("golden retriever", 207),
        ("Golden_Retriever", 207),
        ("flat coated retriever", 205),
        ("Tinca tinca", 0),
        ("cardigan", 474),  # the other is a dog, the Cardigan
        ("Cardigan", 264),
        ("missile", 657),  # a second name of 744
        ("toilet paper", 999),
    ],
)
def test_imagenets_classes_go_by_synset_and_by_words(word, index):
    assert class_index(word, IMAGENET) == index


@pytest.mark.parametrize(("word", "index"), [("cassette player", 0), ("goldie", 1), ("n02099601", 1), ("plain", 3)])
def test_any_run_whose_classes_are_synsets_has_the_words(word, index):
    assert class_index(word, FEW) == index


@pytest.mark.parametrize(
    ("word", "answer"),
    [
        (
            "retriever",
            r"Did you mean flat-coated retriever, curly-coated retriever, golden retriever, Labrador retriever or "
            r"Chesapeake Bay retriever\? Classes: 0 tench, 1 goldfish, .* 999 toilet tissue\.",
        ),
        ("goldn retriver", r"Did you mean golden retriever"),
        ("crane", r"a name of classes 134 crane \(n02012849\) and 517 crane \(n03126707\)\. Give the index"),
        ("CARDIGAN", r"classes 264 Cardigan and 474 cardigan"),
        ("n02099602", r"received 'n02099602'"),
        ("1000", r"this run's 1,000 classes; received '1000'"),
    ],
)
def test_near_misses_are_answered_and_shared_names_told_apart(word, answer):
    with pytest.raises(RunError, match=answer):
        class_index(word, IMAGENET)
