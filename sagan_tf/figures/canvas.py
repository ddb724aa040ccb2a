"""Figures by matplotlib, on white, in colors that color-blind readers can distinguish. Nothing else imports it."""

from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image

from sagan_tf.foundation import files
from sagan_tf.foundation.fonts import Lettering, drawable, families

DPI = 150
SUFFIXES = (".png", ".svg", ".pdf")
INK = "#222222"
# Okabe and Ito, "Color Universal Design" (2008), without black, and yellow, which is hardly visible on white.
COLORS = ("#D55E00", "#0072B2", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
_STYLE = {
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.edgecolor": "#888888",
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": INK,
    "ytick.color": INK,
    "text.color": INK,
}


def figure(rows: int, columns: int, *, size: tuple[float, float], **grid: float) -> tuple[Figure, object]:
    """An empty figure of `size` inches and its axes (rows, columns); grid: matplotlib's `gridspec_kw`."""
    with matplotlib.rc_context(_STYLE):
        made = Figure(figsize=size, dpi=DPI, facecolor="white")
        FigureCanvasAgg(made)
        return made, made.subplots(rows, columns, squeeze=False, gridspec_kw=grid)


def rgb(color: str) -> tuple[int, int, int]:
    """ "#D55E00" to its three numbers in [0,255]."""
    return tuple(int(color[i : i + 2], 16) for i in (1, 3, 5))


def wrapped(text: str, width: float, *, points: float, most: int = 3) -> str:
    """The text with line breaks, so that at this size in typographic points it is at most `width` inches wide.

    If it needs more than `most` lines, an ellipsis stands for the part before its end.
    """
    return "\n".join(Lettering(round(points * DPI / 72)).lines(text, width * DPI, most))


def depth_colors(count: int) -> list[tuple[float, ...]]:
    """One color per depth, from dark to bright, which keeps the order in gray prints and for color-blind readers."""
    return [matplotlib.colormaps["viridis"](0.92 * i / max(1, count - 1)) for i in range(count)]


def _choose_fonts(made: Figure) -> None:
    """Sets every text of the figure in fonts that have its characters."""
    for text in made.findobj(Text):
        if "$" in text.get_text() and "mathdefault" not in text.get_text():  # no formula, unlike matplotlib's own ticks
            text.set_parse_math(False)
        if not text.get_text().isascii():
            lines = text.get_text().split("\n")
            text.set_fontfamily(families("".join(lines)))
            text.set_text("\n".join(map(drawable, lines)))


def picture(made: Figure) -> Image.Image:
    """Renders the figure as an image."""
    _choose_fonts(made)
    made.canvas.draw()
    return Image.fromarray(np.asarray(made.canvas.buffer_rgba())[..., :3].copy())


def save(made: Figure, path: Path) -> Path:
    """Writes the figure atomically, in the format of the path's suffix (.png, .svg, .pdf)."""
    _choose_fonts(made)
    with files.replacing(path) as temporary, matplotlib.rc_context(_STYLE):
        made.savefig(temporary, format=path.suffix[1:].lower() or "png", dpi=DPI)
    return path
