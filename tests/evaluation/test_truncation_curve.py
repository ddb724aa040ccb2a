"""The points of a truncation curve that BigGAN reports, on curves whose points are known."""

import pytest

from sagan_tf.evaluation.truncation_curve import CurvePoint, csv_text, reported_numbers, reported_points
from sagan_tf.figures import canvas
from sagan_tf.figures.truncation_curve import truncation_figure


def curve(*points):
    return [CurvePoint(truncation=cut, fid=fid, inception_score=score) for cut, fid, score in points]


BIGGAN = curve((None, 8.7, 98.8), (1.5, 7.7, 126.5), (1.0, 9.0, 150.0), (0.5, 11.0, 190.0), (0.04, 25.0, 206.0))


def test_the_four_points_are_the_papers():
    found = reported_points(BIGGAN, validation_score=160.0)
    assert found["no_truncation"] is BIGGAN[0] and found["best_fid"] is BIGGAN[1] and found["best_is"] is BIGGAN[4]
    between = found["validation_is"]
    assert (between.truncation, between.fid, between.inception_score) == pytest.approx((0.875, 9.5, 160.0))
    numbers = reported_numbers(found)
    assert numbers["validation_is_fid"] == pytest.approx(9.5) and numbers["best_fid_truncation"] == 1.5
    assert "no_truncation_truncation" not in numbers and numbers["no_truncation_is"] == 98.8


@pytest.mark.parametrize(("score", "expected"), [(98.8, 8.7), (206.0, 25.0), (98.0, None), (207.0, None)])
def test_the_validation_point_is_on_the_curve_or_missing(score, expected):
    point = reported_points(BIGGAN, score)["validation_is"]
    assert (point and point.fid) == (expected and pytest.approx(expected))


def test_the_first_crossing_counts_and_flat_stretches_do_no_harm():
    back_and_forth = curve((None, 1.0, 10.0), (2.0, 2.0, 10.0), (1.0, 3.0, 20.0), (0.5, 4.0, 10.0))
    assert reported_points(back_and_forth, 15.0)["validation_is"].fid == pytest.approx(2.5)
    assert reported_points(back_and_forth, 10.0)["validation_is"].fid == pytest.approx(1.0)


def test_without_a_validation_score_or_points():
    found = reported_points(BIGGAN, None)
    assert found["validation_is"] is None and "validation_is_fid" not in reported_numbers(found)
    with pytest.raises(ValueError, match="received points=0"):
        reported_points([], 1.0)


def test_a_line_a_point_in_the_csv():
    several = [CurvePoint(truncation=0.5, fid=2.0, inception_score=3.0, fid_std=0.1, inception_score_std=0.2)]
    assert csv_text(curve((None, 8.7, 98.8)) + several) == (
        "truncation,fid,is,fid_std,is_std\nnone,8.7,98.8,,\n0.5,2.0,3.0,0.1,0.2\n"
    )


def test_the_figure_marks_what_there_is(tmp_path):
    figure = truncation_figure(BIGGAN, reported_points(BIGGAN, 300.0), validation_score=300.0, caption="step 1")
    (axis,) = figure.axes
    assert [text.get_text() for text in axis.get_legend().get_texts()] == [
        "IS of real validation images",
        "no truncation",
        "best FID",
        "best IS",
    ]
    assert [text.get_text() for text in axis.texts] == ["none", "1.5", "1", "0.5", "0.04"]
    assert canvas.save(figure, tmp_path / "curve.png").stat().st_size > 5000


def test_a_long_caption_stays_on_the_page():
    caption = (
        "step 1,003,500, standing statistics, 50,000 samples against folder /home/somebody/pictures/of/animals train, "
        "dataset-classifier:folder:/home/somebody/pictures/of/animals content=0123456789abcdef01234567@64"
    )
    figure = truncation_figure(BIGGAN, reported_points(BIGGAN, 300.0), caption=caption)
    figure.canvas.draw()
    (text,) = figure.texts
    box, below = text.get_window_extent(), figure.axes[0].xaxis.label.get_window_extent()
    assert " ".join(text.get_text().split()) == caption
    assert box.x1 <= figure.bbox.x1 and box.y0 >= 0 and box.y1 < below.y0
