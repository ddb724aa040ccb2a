import numpy as np
import pytest

from sagan_tf.figures import canvas
from sagan_tf.figures.attention import Looked, attention_figure, contour_level, finer, shaded


@pytest.mark.parametrize(
    "weights, level, area",
    [
        ([0.4, 0.3, 0.2, 0.1], 0.3, 0.5),
        ([0.1, 0.6, 0.2, 0.1], 0.6, 0.25),
        ([0.25] * 4, 0.25, 0.5),
    ],
)
def test_the_contour_holds_half_of_the_weight_in_as_few_locations_as_can_be(weights, level, area):
    assert contour_level(np.reshape(weights, (2, 2))) == (pytest.approx(level), area)


def test_a_map_is_interpolated_between_the_centers_of_its_cells():
    fine = finer(np.asarray([[0.0, 1.0]]), 4)
    np.testing.assert_allclose(fine[0], [0, 0.25, 0.75, 1])


def test_the_greatest_weight_is_darkest_and_no_weight_leaves_the_faded_image():
    image = np.full((2, 2, 3), 55, np.uint8)
    drawn = shaded(image, np.asarray([[0.0, 2.0], [1.0, 0.0]]), "#D55E00")
    faded = 255 - 0.45 * 200
    np.testing.assert_array_equal(drawn[0, 0], [faded] * 3)
    orange = np.asarray([0xD5, 0x5E, 0x00])
    np.testing.assert_array_equal(drawn[0, 1], np.round(faded + 0.85 * (orange - faded)))
    np.testing.assert_array_equal(drawn[1, 0], np.round(faded + 0.425 * (orange - faded)))


def looked(side=4):
    """Every location looks at the upper left corner alone."""
    maps = np.zeros((side, side, 2, 2), np.float32)
    maps[..., 0, 0] = 1
    return Looked(image=np.zeros((8, 8, 3), np.uint8), maps=maps, caption="corner")


def test_a_dot_stands_at_its_pixel_and_its_map_where_it_looks():
    made = attention_figure([looked()], title="t", points=[(7, 7), (0, 4)])
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
    with pytest.raises(ValueError, match="1 to 6 an image; received 7"):
        attention_figure([looked()], title="t", count=7)
