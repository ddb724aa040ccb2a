"""The table of ImageNet's classes against TFDS's list, and the names of classes in other lists."""

from pathlib import Path

import tensorflow_datasets as tfds

from sagan_tf.data.class_aliases import class_aliases
from sagan_tf.data.imagenet_classes import human_names, imagenet_classes, synset_of


def test_the_table_has_tfds_synsets_in_the_order_of_their_labels():
    found = list(Path(tfds.__file__).parent.rglob("imagenet2012/labels.txt"))
    assert found[0].read_text(encoding="utf-8").split() == list(imagenet_classes()) == sorted(imagenet_classes())
    assert len(imagenet_classes()) == 1000


def test_names_are_wordnets():
    names = imagenet_classes()
    assert names["n01440764"] == ("tench", "Tinca tinca") and names["n02099601"] == ("golden retriever",)
    assert names["n15075141"] == ("toilet tissue", "toilet paper", "bathroom tissue")
    assert all(name and name == name.strip() for nouns in names.values() for name in nouns)


def test_other_lists_bring_their_words_along():
    assert human_names("n00000001 red fish, blue fish") == ("red fish", "blue fish")
    assert human_names("n00000001") == human_names("cat") == ()
    assert synset_of("n00000001: fish") == synset_of("n00000001") == "n00000001"
    assert synset_of("nobody") is synset_of("n000000010") is synset_of("n00000001_fish") is None


def test_titles_are_the_usual_names_told_apart():
    titles = class_aliases(tuple(imagenet_classes())).titles
    assert titles[207] == "golden retriever" and titles[517] == "crane (n03126707)" and len(set(titles)) == 1000
    assert class_aliases(("n02012849", "cat")).titles == ("crane", "cat")
