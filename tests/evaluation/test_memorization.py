"""Memorization: the share of images that a discriminator calls real."""

from sagan_tf.data.transforms import Transform
from sagan_tf.evaluation.image_sets import example_images
from sagan_tf.evaluation.memorization import share_called_real


def test_the_share_is_over_all_images_and_sees_their_labels(examples):
    images = example_images(examples, resolution=8, transform=Transform(), batch_size=64)

    def calls_the_bright_real(batch, labels):
        return batch.mean((1, 2, 3))

    def calls_one_in_four_of_the_dark_real(batch, labels):
        seen.extend(labels)
        return (labels == 0) * (batch[:, 0, 0, 0] > dark_quartile) - 0.5

    dark = sorted(image[0, 0, 0] for batch, labels in images.batches(0) for image in batch[labels == 0])
    dark_quartile, seen = dark[74], []
    assert share_called_real(calls_the_bright_real, images, progress=False) == 0.5
    share = share_called_real(calls_one_in_four_of_the_dark_real, images, progress=False)
    assert abs(share - 0.125) < 0.02 and len(seen) == 200
