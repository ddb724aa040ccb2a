"""Sheets of samples: one row per class, with its name."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from sagan_tf.foundation import files
from sagan_tf.foundation.fonts import Lettering
from sagan_tf.foundation.pixels import is_gray

_GAP = 2
_SIDE = 64  # to about which smaller images are enlarged
_BACKGROUND = (255, 255, 255)
_INK = (40, 40, 40)


def cell_side(resolution: int) -> int:
    """Pixels per side of an image on a sheet, with the gap beside it."""
    return resolution * max(1, _SIDE // resolution) + _GAP


def sheet(images: np.ndarray, names: Sequence[str], *, scale: int | None = None) -> Image.Image:
    """Draws images (rows*columns,R,R,3) uint8, in row order, with one row per name.

    Images smaller than 64 px are enlarged to about that size by a whole factor, without interpolation. Names may be "".
    """
    rows = len(names)
    columns = len(images) // rows
    side = images.shape[1]
    scale = scale or max(1, _SIDE // side)
    cell = side * scale + _GAP
    letters = Lettering(max(11, min(20, side * scale // 4)))
    margin = max(map(letters.width, names), default=0)
    margin = margin + 12 if margin else _GAP
    canvas = Image.new("RGB", (margin + columns * cell, _GAP + rows * cell), _BACKGROUND)
    draw = ImageDraw.Draw(canvas)
    for row, name in enumerate(names):
        middle = _GAP + row * cell + (cell - _GAP) // 2
        letters.write(draw, (margin - 8, middle), name, fill=_INK, anchor="rm")
        for column in range(columns):
            picture = Image.fromarray(images[row * columns + column])
            picture = picture.resize((side * scale, side * scale), Image.Resampling.NEAREST)
            canvas.paste(picture, (margin + column * cell, _GAP + row * cell))
    return canvas


def save(image: Image.Image, path: Path) -> Path:
    """Writes a PNG atomically, with one channel if all its pixels are gray."""
    if image.mode == "RGB" and is_gray(np.asarray(image)):
        image = image.convert("L")
    with files.replacing(path) as temporary:
        image.save(temporary, format="PNG")
    return path
