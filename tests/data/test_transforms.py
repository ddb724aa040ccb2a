import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from sagan_tf.data.transforms import Transform


def picture(height, width, seed=0):
    """Smooth waves with some noise, so that a wrong offset or filter shows."""
    y, x = np.mgrid[:height, :width]
    waves = [np.sin(x / 7 + c) + np.sin(y / 5 - c) + np.sin((x + 2 * y) / 11) for c in range(3)]
    noise = np.random.default_rng(seed).normal(0, 8, (height, width, 3))
    return np.clip(128 + 38 * np.stack(waves, -1) + noise, 0, 255).astype(np.uint8)


def resized(image, resolution, **options):
    return np.asarray(Transform(**options).resized(tf.constant(image), resolution)).astype(int)


def square(image, top, left):
    side = min(image.shape[:2])
    return image[top : top + side, left : left + side]


def pillow_area(image, resolution):
    """Exact area resampling by Pillow: every pixel repeated, so that the ratio is whole, then averaged in blocks."""
    side = image.shape[0]
    repeated = Image.fromarray(image).resize((side * resolution,) * 2, Image.Resampling.NEAREST)
    return np.asarray(repeated.reduce(side)).astype(int)


def pillow(image, size, kernel=Image.Resampling.BILINEAR):
    return np.asarray(Image.fromarray(image).resize(size, kernel)).astype(int)


@pytest.mark.parametrize(
    ("height", "width", "resolution"), [(50, 75, 32), (75, 51, 32), (40, 40, 16), (28, 28, 32), (33, 200, 16)]
)
def test_biggan_is_the_area_of_the_center_square(height, width, resolution):
    image = picture(height, width)
    side = min(height, width)
    center = square(image, (height - side) // 2, (width - side) // 2)
    assert np.abs(resized(image, resolution) - pillow_area(center, resolution)).max() <= 1


@pytest.mark.parametrize("factor", [2, 3, 5])
def test_biggan_is_pillows_box_at_whole_ratios(factor):
    image = picture(16 * factor, 16 * factor)
    assert np.abs(resized(image, 16) - pillow(image, (16, 16), Image.Resampling.BOX)).max() <= 1


def test_sagan_is_pillows_bilinear_truncated():
    image = picture(60, 87)  # round(27 / 2) = 14, where floor gives 13
    expected = pillow(square(image, 0, 14), (32, 32))
    difference = expected - resized(image, 32, method="sagan")
    assert difference.min() >= -1 and difference.max() <= 2
    assert np.abs(pillow(square(image, 0, 13), (32, 32)) - expected).max() > 5


def test_sagan_lowers_the_bytes_that_the_round_trip_loses():
    flat = np.broadcast_to(np.arange(256, dtype=np.uint8)[:, None, None, None], (256, 20, 20, 3))
    values = np.array([resized(image, 16, method="sagan")[0, 0, 0] for image in flat])
    assert set(np.arange(256) - values) == {0, 1}
    np.testing.assert_array_equal(values, [int((byte / 127.5 - 1 + 1) * 127.5) for byte in range(256)])


@pytest.mark.parametrize(("height", "width"), [(300, 400), (420, 280)])
def test_sngan_resizes_to_256_crops_and_resizes_again(height, width):
    image = picture(height, width)
    short = min(height, width)
    first = pillow(image, (round(width * 256 / short), round(height * 256 / short))).astype(np.uint8)
    top, left = (first.shape[0] - 256) // 2, (first.shape[1] - 256) // 2
    expected = pillow(first[top : top + 256, left : left + 256], (64, 64))
    assert np.abs(resized(image, 64, method="sngan") - expected).max() <= 1


@pytest.mark.parametrize("method", ["biggan", "sagan", "sngan"])
def test_stripes_of_a_pixel_become_grey_not_moire(method):
    """Antialiased: a filter that skips pixels would keep black and white."""
    stripes = np.zeros((512, 512, 3), np.uint8)
    stripes[:, ::2] = 255
    assert np.abs(resized(stripes, 64, method=method)[8:-8, 8:-8] - 127.5).max() < 4


@pytest.mark.parametrize("method", ["biggan", "sagan", "sngan"])
def test_images_of_the_target_size_pass_untouched(method):
    image = picture(32, 32)
    np.testing.assert_array_equal(resized(image, 32, method=method), image)


def test_random_crops_reach_both_ends_of_the_long_edge():
    image = np.repeat(np.arange(40, dtype=np.uint8)[None, :, None], 3, -1).repeat(16, 0)
    for array in (image, image.transpose(1, 0, 2)):
        random = Transform(crop="random")
        lefts = [random.resized(tf.constant(array), 8, noise).numpy()[0, 0, 0] for noise in (0.0, 0.5, 0.9999)]
        np.testing.assert_allclose(lefts, [0.5, 12.5, 24.5], atol=0.51)


def test_scales_to_the_whole_range():
    bytes_ = np.array([0, 127, 128, 255], np.uint8)
    np.testing.assert_allclose(Transform().scaled(bytes_), [-1, -1 / 255, 1 / 255, 1], atol=1e-6)
    noisy = Transform(dequantize=True)
    np.testing.assert_allclose(noisy.scaled(bytes_, np.float32(0)), [-1, -1 / 128, 0, 127 / 128], atol=1e-6)
    np.testing.assert_allclose(noisy.scaled(bytes_), np.array([0.5, 127.5, 128.5, 255.5]) / 128 - 1, atol=1e-6)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "lanczos"}, "method='lanczos'"),
        ({"crop": "left"}, "crop='left'"),
        ({"flip": 1}, "flip=1"),
        ({"dequantize": "yes"}, "dequantize='yes'"),
        ({"method": "sngan", "crop": "random"}, "crop='random'"),
    ],
)
def test_bad_options_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        Transform(**options)


@pytest.mark.parametrize("method", ["biggan", "sagan", "sngan"])
def test_a_single_pixel_fills_the_image(method):
    expected = [9, 200, 76]
    assert np.abs(resized(np.array([[expected]], np.uint8), 8, method=method) - expected).max() <= 1


def test_the_middle_of_a_very_long_strip_is_what_the_whole_strip_gives():
    strip = picture(3, 301)
    whole = tf.image.resize(strip, (256, round(301 * 256 / 3)), method="bilinear", antialias=True)
    left = (whole.shape[1] - 256) // 2
    square = tf.cast(tf.round(whole[:, left : left + 256]), tf.uint8)
    expected = resized(square.numpy(), 16, method="sngan")
    for image in (strip, strip.transpose(1, 0, 2)):
        found = resized(image, 16, method="sngan")
        assert np.abs((found if image is strip else found.transpose(1, 0, 2)) - expected).max() <= 2


@pytest.mark.parametrize("method", ["biggan", "sagan", "sngan"])
def test_a_line_of_a_pixel_needs_little_memory(method):
    assert set(np.unique(resized(np.full((1, 200_000, 3), 7, np.uint8), 8, method=method))) <= {6, 7}
