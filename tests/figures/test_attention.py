import dataclasses
import itertools

import numpy as np
import pytest

from sagan_tf.figures import canvas
from sagan_tf.figures.attention import AttentionView, attention_figure, contour_level, finer, shaded


@pytest.mark.parametrize(
    "weights, level, area",
    [
        ([0.4, 0.3, 0.2, 0.1], 0.3, 0.5),
        ([0.1, 0.6, 0.2, 0.1], 0.6, 0.25),
        ([0.25] * 4, 0.25, 1.0),
        ([0.3, 0.3, 0.3, 0.1], 0.3, 0.75),
    ],
)
def test_the_contour_holds_half_of_the_weight_in_as_few_locations_as_can_be(weights, level, area):
    assert contour_level(np.reshape(weights, (2, 2))) == (pytest.approx(level, rel=2e-4), area)


def test_a_map_is_interpolated_between_the_centers_of_its_cells():
    fine = finer(np.asarray([[0.0, 1.0]]), 4)
    np.testing.assert_allclose(fine[0], [0, 0.25, 0.75, 1])


def test_color_shows_what_exceeds_uniform_attention():
    image = np.full((2, 2, 3), 55, np.uint8)
    faded = np.full(3, 255 - 0.45 * 200)
    orange = np.asarray([0xD5, 0x5E, 0x00])

    def colored(opacity):
        return np.round(faded + opacity * (orange - faded))

    drawn = shaded(image, np.asarray([[0.0, 4.0], [2.5, 1.5]]), "#D55E00")  # 2 is the uniform weight
    for place, opacity in {(0, 0): 0, (0, 1): 0.85, (1, 0): 0.85 / 4, (1, 1): 0}.items():
        np.testing.assert_array_equal(drawn[place], colored(opacity))
    nearly_uniform = shaded(image, np.asarray([[0.9, 1.1], [1.0, 1.0]]), "#D55E00")
    np.testing.assert_array_equal(nearly_uniform[0, 1], colored(0.085))
    np.testing.assert_array_equal(nearly_uniform[1, 0], faded)
    np.testing.assert_array_equal(shaded(image, np.full((2, 2), 0.25), "#D55E00"), np.full((2, 2, 3), faded))


def maps_to_the_corner(side=4):
    """Every location attends to the upper left corner only."""
    maps = np.zeros((side, side, 2, 2), np.float32)
    maps[..., 0, 0] = 1
    return AttentionView(image=np.zeros((8, 8, 3), np.uint8), maps=maps, caption="corner")


def test_a_dot_stands_at_its_pixel_and_its_map_where_it_attends():
    made = attention_figure([maps_to_the_corner()], title="t", points=[(7, 7), (0, 4)])
    image, first, second = made.axes
    assert [tuple(line.get_xydata()[0]) for line in image.lines] == [(3.5, 3.5), (0.5, 2.5)]
    assert [line.get_markerfacecolor() for line in image.lines] == list(canvas.COLORS[:2])
    assert image.get_ylabel() == "corner"
    for axis in (first, second):
        contour = axis.collections[0].get_paths()[0].vertices
        assert contour.min() >= 0 and contour.max() < 2 and len(contour) > 4
        assert axis.get_xlabel() == "13%"
    made.canvas.draw()


def test_more_points_than_colors_are_refused():
    with pytest.raises(ValueError, match="1 to 6 per image; received 7"):
        attention_figure([maps_to_the_corner()], title="t", count=7)


def test_uniform_attention_is_named_and_not_outlined():
    item = AttentionView(
        image=np.zeros((8, 8, 3), np.uint8), maps=np.full((4, 4, 2, 2), 0.25, np.float32), caption="all"
    )
    made = attention_figure([item], title="t", points=[(4, 4)])
    assert made.axes[1].get_xlabel() == "nearly uniform" and not made.axes[1].collections


@pytest.mark.parametrize("side", [4, 16, 64, 128])
def test_dots_at_the_border_are_drawn_whole_inside_the_image(side):
    maps = np.full((side, side, 1, 1), 1, np.float32)
    item = AttentionView(image=np.zeros((128, 128, 3), np.uint8), maps=maps, caption="corners")
    made = attention_figure([item], title="t", points=[(0, 0), (127, 0), (0, 127), (127, 127)])
    made.canvas.draw()
    axis = made.axes[0]
    box = axis.get_window_extent()
    for line in axis.lines:
        x, y = axis.transData.transform(line.get_xydata()[0])
        radius = (line.get_markersize() + line.get_markeredgewidth()) / 2 * made.dpi / 72
        assert box.x0 - 0.5 <= x - radius and x + radius <= box.x1 + 0.5
        assert box.y0 - 0.5 <= y - radius and y + radius <= box.y1 + 0.5


@pytest.mark.parametrize("count", [1, 2, 4])
def test_long_titles_and_captions_stay_on_the_page_and_apart(count):
    views = [
        dataclasses.replace(maps_to_the_corner(), caption=caption)
        for caption in ("American Staffordshire terrier", "soft-coated wheaten terrier, Wheaten", "wörd" * 20)
    ]
    title = "Attention at 128x128 of the discriminator, gamma 0.123, step 1,003,500, 8 of 1,000 classes"
    made = attention_figure(views, title=title, count=count)
    canvas.picture(made)
    page = made.bbox
    texts = [*made.texts, *(axis.yaxis.label for axis in made.axes[:: count + 1])]
    boxes = [text.get_window_extent() for text in texts]
    for box in boxes:
        assert page.x0 <= box.x0 and box.x1 <= page.x1 and page.y0 <= box.y0 and box.y1 <= page.y1
    for one, other in itertools.combinations(boxes, 2):
        assert not one.overlaps(other)
    assert " ".join(made.texts[0].get_text().split()) == title
    assert not any("\\u" in text.get_text() for text in texts), "line breaks are no characters to be escaped"


def test_attention_that_is_equal_over_a_part_of_the_image_is_outlined_there():
    maps = np.zeros((8, 8, 8, 8), np.float32)
    maps[:, :, :5, :4] = 1 / 20  # as over a flat background
    item = AttentionView(image=np.zeros((8, 8, 3), np.uint8), maps=maps, caption="flat")
    axis = attention_figure([item], title="t", points=[(4, 4)]).axes[1]
    corner = axis.collections[0].get_paths()[0].vertices
    assert corner.max(axis=0) == pytest.approx([3.5, 4.5], abs=0.15) and corner.min() == pytest.approx(0, abs=0.1)
    assert float(axis.get_xlabel().rstrip("%")) == pytest.approx(100 * 3.5 * 4.5 / 64, abs=1)
