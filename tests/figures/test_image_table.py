import numpy as np
import pytest
from PIL import Image

from sagan_tf.figures.image_table import ImageTable, check_animation, save_animation

IMAGES = np.arange(6, dtype=np.uint8).reshape(2, 3, 1, 1, 1).repeat(4, 2).repeat(4, 3).repeat(3, 4) * 40


def cells(drawn):
    """The gray levels of enlarged images in reading order."""
    pixels = np.asarray(drawn)
    found = [
        (y, x, pixels[y, x, 0])
        for value in (0, 40, 80, 120, 160, 200)
        for y, x in [next(zip(*np.where(whole(pixels, value)), strict=True), (None, None))]
        if y is not None
    ]
    return [int(value) for _, _, value in sorted(found)]


def whole(pixels, value, side=8):
    """Where a square of `side` pixels of that gray begins."""
    same = (pixels == value).all(-1).astype(int)
    sums = np.pad(same.cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    return sums[side:, side:] - sums[:-side, side:] - sums[side:, :-side] + sums[:-side, :-side] == side**2


def test_every_image_stands_in_its_place_enlarged_by_a_whole_factor():
    drawn = ImageTable(
        images=IMAGES, title="title", rows=("a", "b"), side=8, heads=[("one", 1), ("two", 2)], captions=[["x"] * 3] * 2
    ).draw()
    assert cells(drawn) == [0, 40, 80, 120, 160, 200]


def test_long_heads_keep_apart_and_within_the_picture():
    heads = [("stripes-to-checks", 1), ("checks-to-marble", 1), ("marble-to-stripes", 1)]
    images = np.full((1, 3, 4, 4, 3), 255, np.uint8)
    drawn = np.asarray(ImageTable(images=images, side=8, heads=heads).draw().convert("L")).min(0)
    inked = np.flatnonzero(drawn < 200)
    assert inked[0] > 0 and inked[-1] < len(drawn) - 1
    blanks = np.diff(inked)
    assert (blanks > 6).sum() == 2, "three heads, two wide blanks between them"


def test_a_frame_is_one_column_side_by_side():
    assert cells(ImageTable(images=IMAGES, rows=("a", "b"), side=8).frame(1)) == [40, 160]


@pytest.mark.parametrize("kind", ["gif", "webp"])
def test_an_animation_goes_there_and_back_forever(tmp_path, kind):
    frames = [Image.new("RGB", (8, 8), (value, 0, 0)) for value in (0, 80, 160, 240)]
    reds = []
    with Image.open(save_animation(frames, tmp_path / f"a.{kind}")) as made:
        assert made.n_frames == 6 and made.info["loop"] == 0
        for i in range(6):
            made.seek(i)
            reds.append(made.convert("RGB").getpixel((4, 4))[0])
    np.testing.assert_allclose(reds, [0, 80, 160, 240, 160, 80], atol=6)


def test_an_animation_of_another_kind_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"\.gif or \.webp"):
        save_animation([Image.new("RGB", (2, 2))], tmp_path / "a.mp4")


@pytest.mark.parametrize(("name", "longest"), [("a.webp", 16383), ("a.GIF", 65535)])
def test_frames_that_a_format_cannot_hold_are_refused(name, longest):
    check_animation(name, (longest, 10))
    with pytest.raises(ValueError, match=f"at most {longest:,} pixels per side; received 10 x {longest + 1:,}"):
        check_animation(name, (10, longest + 1))


def test_captions_keep_apart_whatever_their_length():
    names = [
        "American Staffordshire terrier 0.31",
        "Donaudampfschiff 0.2",
        "cat 0.1",
        "a name of very many words, all of them long 0.9",
    ]
    images = np.full((2, 4, 32, 32, 3), 255, np.uint8)
    drawn = ImageTable(images=images, captions=[names] * 2, side=64).draw()
    darkest = np.asarray(drawn.convert("L")).min(0)
    gaps = [14 + (64 + 3) * i for i in range(5)]  # the left edge of each image, and the right one of the last
    for edge in gaps:
        assert darkest[edge - 2] > 250, "no caption reaches the gap between two images"
    one_line = ImageTable(images=images, captions=[["cat 0.1"] * 4] * 2, side=64).draw()
    assert drawn.height == one_line.height + 2 * 2 * 14, "two lines more in each row"
