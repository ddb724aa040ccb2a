"""Image sets: their images from any start on."""

import numpy as np

from sagan_tf.data.transforms import Transform
from sagan_tf.evaluation.image_sets import example_images, generated_images


def test_both_kinds_of_set_can_start_anywhere(examples, painter):
    sets = (
        example_images(examples, resolution=8, transform=Transform(), batch_size=32),
        generated_images(painter, count=75, class_names=("a", "b"), resolution=8, seed=1),
    )
    for images in sets:
        whole = [np.concatenate(rows) for rows in zip(*images.batches(0), strict=True)]
        rest = [np.concatenate(rows) for rows in zip(*images.batches(45), strict=True)]
        for all_rows, last_rows in zip(whole, rest, strict=True):
            np.testing.assert_array_equal(all_rows[45:], last_rows)
