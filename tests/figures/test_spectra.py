import numpy as np
import pytest

from sagan_tf.figures.spectra import spectra_figure

LOOKS = [
    {
        "step": step,
        "spectra": {
            f"{net}.{i}": [float(i + step), 1.0, 0.5] for net in ("generator", "discriminator") for i in range(1, 4)
        },
    }
    for step in (10, 20)
]
TRAIN = [
    {"step": step, "d_loss": 1.0 * step, "g_loss": 2.0 * step, "gamma/generator.attention_8": 0.1 * step}
    for step in (10, 20)
]


def test_every_panel_shows_its_numbers():
    made = spectra_figure(TRAIN, LOOKS)
    generator, discriminator, losses, gains = made.axes
    for axis in (generator, discriminator):
        np.testing.assert_array_equal([line.get_ydata() for line in axis.lines], [[11, 21], [12, 22], [13, 23]])
        assert axis.get_yscale() == "log"
        assert [text.get_text() for text in axis.texts if text.get_text() == "3"], "the largest carries its name"
        assert len({line.get_color() for line in axis.lines}) == 3
    np.testing.assert_array_equal([line.get_ydata() for line in losses.lines], [[10, 20], [20, 40]])
    np.testing.assert_array_equal(gains.lines[0].get_ydata(), [1, 2])
    made.canvas.draw()


def test_a_run_without_looks_is_told_what_to_do():
    with pytest.raises(ValueError, match=r"looks\.jsonl is missing.*Watching\.every"):
        spectra_figure(TRAIN, [])
