import numpy as np
import pytest

from sagan_tf.figures.query_points import location, parse_points, spread_points


def test_points_are_read_as_x_and_y():
    assert parse_points("3,5;0,31", 32) == [(3, 5), (0, 31)]


@pytest.mark.parametrize(
    "text, said",
    [
        ("32,0", "0 to 31; received the point 32,0"),
        ("-1,2", "received the point -1,2"),
        ("3", "x,y;x,y"),
        ("a,b", "x,y;x,y"),
        ("1,2;", "x,y;x,y"),
    ],
)
def test_other_points_are_refused(text, said):
    with pytest.raises(ValueError, match=said):
        parse_points(text, 32)


def test_a_pixel_lies_in_the_location_that_covers_it():
    assert location((0, 31), 32, 16) == (15, 0)
    assert location((9, 4), 32, 8) == (1, 2)
    assert location((2, 1), 4, 8) == (2, 4)


def test_the_most_focused_map_comes_first_and_then_the_most_different():
    sharp, same, other, flat = [1, 0, 0, 0], [0.9, 0.1, 0, 0], [0, 0.1, 0, 0.9], [0.25] * 4
    maps = np.asarray([[same, flat], [sharp, other]], np.float32).reshape(2, 2, 2, 2)
    assert spread_points(maps, 1) == [(1, 0)]
    assert spread_points(maps, 2) == [(1, 0), (1, 1)]
    assert spread_points(maps, 3) == [(1, 0), (1, 1), (0, 1)]
    assert len(set(spread_points(maps, 9))) == 4


def test_no_location_is_chosen_twice_where_all_maps_are_equal():
    assert len(set(spread_points(np.full((2, 3, 2, 2), 0.25), 5))) == 5
