"""What a dry run advises, by the number of images and of their classes."""

import pytest

from sagan_tf import experiment
from sagan_tf.data.source import Examples
from sagan_tf.runs.advice import advice


def said(count, *bindings, names=("cat", "dog"), digests=(), **facts):
    examples = Examples(
        name="photos", class_names=names, n_examples=count, fingerprint="", stream=None, ordered=None,
        class_digests=digests, **facts,
    )  # fmt: skip
    settings = experiment.load(["gin/quickstart.gin"], ["train.total_steps = 1000", *bindings]).value
    return "\n".join(advice(settings, examples))


def test_epochs_count_every_image_that_d_sees():
    assert "320 images, 2 classes. D sees 32,000 images in the run, which are 100.0 epochs." in said(320)
    twice = said(320, "train.discriminator_steps = 2", names=("photos",), label_kind="none", gray=True)
    assert "320 images, no classes, gray. D sees 64,000 images in the run, which are 200.0 epochs." in twice


@pytest.mark.parametrize(
    ("count", "sentence"),
    [(4999, "is advisable: with 4,999"), (5000, "would help with 5,000"), (30000, "hardly needed")],
)
def test_augmentation_is_due_by_the_number_of_images(count, sentence):
    assert sentence in said(count)


def test_memory_and_mirror_images_are_named():
    assert "Memory by `describe`: 0.9 GB" in said(320)
    assert "Horizontal flips are off (Transform.flip=False)" in said(320)
    assert "Horizontal flips are on (Transform.flip=True)" in said(320, "Transform.flip = True")


def test_small_classes_are_named_with_their_counts():
    found = said(90, digests=("49 a b", "50 a b"))
    assert "Classes with fewer than 50 images: 49 cat." in found
    assert "fewer than 50" not in said(100, digests=("50 a b", "50 a b"))
    many = tuple(f"class {i}" for i in range(9))
    assert "and 4 more classes" in said(90, names=many, digests=("10 a b",) * 9)
