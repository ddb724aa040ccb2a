import itertools

import numpy as np
import pytest

from sagan_tf.figures.spectra import spectra_figure

KERNELS = [f"{net}.{i}" for net in ("generator", "discriminator") for i in range(1, 9)]
HEALTH = [
    {"step": step, "spectra": {name: [float(name[-1]) * (step if name.endswith("2") else 10), 1.0] for name in KERNELS}}
    for step in (10, 20)
]
TRAIN = [
    {"step": step, "d_loss": 1.0 * step, "g_loss": 2.0 * step, "gamma/generator.attention_8": 0.1 * step}
    for step in (5, 20)
]


def test_every_panel_shows_its_numbers():
    made = spectra_figure(TRAIN, HEALTH)
    made.canvas.draw()
    generator, discriminator, losses, gains = made.axes
    for axis in (generator, discriminator):
        lines = [line for line in axis.lines if len(line.get_xdata())]
        drawn = sorted(tuple(line.get_ydata()) for line in lines)
        assert drawn == sorted((10.0 * i, 20.0 * i if i == 2 else 10.0 * i) for i in range(1, 9))
        assert axis.get_yscale() == "log"
    np.testing.assert_array_equal([line.get_ydata() for line in losses.lines], [[5, 20], [10, 40]])
    np.testing.assert_array_equal(gains.lines[0].get_ydata(), [0.5, 2])


def test_the_named_lines_are_told_apart_and_the_rest_is_gray():
    axis = spectra_figure(TRAIN, HEALTH).axes[0]
    assert [text.get_text() for text in axis.texts] == ["8  80", "7  70", "6  60", "2  40", "1  10"]
    colors = {line.get_label(): line.get_color() for line in axis.lines if not line.get_label().startswith("_")}
    for text in axis.texts:
        assert text.get_color() == colors[text.get_text()[0]], "a name has the color of its line"
    assert len(set(colors.values())) == 6
    assert axis.get_legend().get_texts()[0].get_text() == "3 other kernels"


def test_labels_lie_within_the_page_and_apart():
    names = [f"generator.blocks.{i}.norm_1.gain" for i in range(8)] + ["discriminator.head"]
    made = spectra_figure(TRAIN, [{"step": 10, "spectra": {name: [2.0 + i / 1e4] for i, name in enumerate(names)}}])
    made.canvas.draw()
    boxes = [text.get_window_extent() for text in made.axes[0].texts]
    edge = made.axes[1].yaxis.get_tightbbox().x0
    assert len(boxes) == 5 and all(box.x1 < edge for box in boxes)
    assert all(above.y0 >= below.y1 - 1 for above, below in itertools.pairwise(boxes))


def test_all_panels_run_over_the_same_steps():
    made = spectra_figure(TRAIN, HEALTH)
    assert {axis.get_xlim() for axis in made.axes} == {(0, 20)}


@pytest.mark.parametrize("low, high", [(1.0, 1.01), (2.21, 2.3), (1.2, 2.6), (0.9, 9.0), (0.5, 400.0)])
def test_the_logarithmic_axis_has_labels_to_be_read(low, high):
    axis = spectra_figure(TRAIN, [{"step": 1, "spectra": {"generator.a": [low], "generator.b": [high]}}]).axes[0]
    labels = [label.get_text() for label in axis.get_yticklabels()]
    assert 1 <= len(labels) <= 8 and all(float(label) > 0 and "e" not in label for label in labels)
    assert not axis.yaxis.get_minorticklocs().size


def test_losses_carry_the_names_of_their_networks():
    legend = spectra_figure(TRAIN, HEALTH).axes[2].get_legend()
    assert [text.get_text() for text in legend.get_texts()] == ["D loss", "G loss"]


def test_a_run_without_health_records_is_told_what_to_do():
    with pytest.raises(ValueError, match=r"health\.jsonl is missing.*MonitorOptions\.every"):
        spectra_figure(TRAIN, [])


def test_every_gain_has_a_line_of_its_own():
    names = [f"gamma/{net}.attention_{8 << i}" for net in ("generator", "discriminator") for i in range(4)]
    train = [{"step": step, "d_loss": 1.0, "g_loss": 1.0} | dict.fromkeys(names, 0.1) for step in (5, 10)]
    lines = spectra_figure(train, HEALTH).axes[3].lines
    assert len({(line.get_color(), line.get_linestyle()) for line in lines}) == 8


def test_a_kernel_of_zeros_is_named_at_the_lower_end():
    health = [{"step": 1, "spectra": {"generator.a": [0.0], "generator.b": [1.0]}}]
    made = spectra_figure(TRAIN, health)
    assert [text.get_text() for text in made.axes[0].texts] == ["b  1", "a  0"]
    assert all(0 <= text.get_position()[1] <= 1 for text in made.axes[0].texts)


def test_a_run_without_a_step_is_drawn():
    assert spectra_figure([], [{"step": 0, "spectra": {"generator.a": [1.0]}}]).axes[0].get_xlim() == (0, 1)
