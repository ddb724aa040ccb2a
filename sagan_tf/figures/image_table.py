"""A table of images with a title, column heads, row names and captions."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from sagan_tf.foundation import files
from sagan_tf.foundation.fonts import Lettering

_INK, _FAINT = (34, 34, 34), (110, 110, 110)
_GAP, _BETWEEN, _PAD = 3, 9, 14
_CAPTION_LINES, _LINE = 3, 14  # lines of a caption at most, and their height in pixels


@dataclasses.dataclass(frozen=True, kw_only=True)
class ImageTable:
    """images: (rows,columns,R,R,3) uint8. heads: texts with the number of columns below each. captions: one per image,
    in up to three lines as wide as the image.

    Images smaller than `side` pixels are enlarged to about that size by a whole factor, without interpolation.
    """

    images: np.ndarray
    title: str = ""
    heads: Sequence[tuple[str, int]] = ()
    rows: Sequence[str] = ()
    captions: Sequence[Sequence[str]] = ()
    side: int = 96

    def draw(self) -> Image.Image:
        n_rows, n_columns = self.images.shape[:2]
        letters, small = Lettering(14), Lettering(12)
        cell = self._factor * self.images.shape[2]
        left = _PAD + max((letters.width(name) + 10 for name in self.rows), default=0)
        top = _PAD + 24 * bool(self.title) + 20 * bool(self.heads)
        captions = [[small.lines(caption, cell, _CAPTION_LINES) for caption in row] for row in self.captions]
        below = max((3 + _LINE * len(caption) for row in captions for caption in row), default=0)
        starts = np.cumsum([0, *(count for _, count in self.heads)])
        excess = [small.width(head) + _BETWEEN - count * (cell + _GAP) for head, count in self.heads]
        gap = max(_BETWEEN, *excess) if excess else _BETWEEN  # heads neither touch each other nor the border
        left += max(0, excess[0] // 2 + _GAP - left) if excess else 0

        def corner(row: int, column: int) -> tuple[int, int]:
            between = gap * int(np.searchsorted(starts[1:], column, side="right"))
            return left + column * (cell + _GAP) + between, top + row * (cell + _GAP + below)

        right, bottom = corner(n_rows, n_columns - 1)
        hanging = max(_PAD, excess[-1] // 2 + _GAP if excess else 0)
        width = max(right + cell + hanging, letters.width(self.title) + 2 * _PAD)
        canvas = Image.new("RGB", (width, bottom + _PAD - _GAP), "white")
        pen = ImageDraw.Draw(canvas)
        letters.write(pen, (_PAD, _PAD), self.title, fill=_INK)
        for start, (head, count) in zip(starts, self.heads, strict=False):
            middle = (corner(0, start)[0] + corner(0, start + count - 1)[0] + cell) / 2
            small.write(pen, (middle, top - 5), head, fill=_INK, anchor="ms")
        for row in range(n_rows):
            if self.rows:
                middle = corner(row, 0)[1] + cell / 2
                letters.write(pen, (left - 8, middle), self.rows[row], fill=_INK, anchor="rm")
            for column in range(n_columns):
                x, y = corner(row, column)
                canvas.paste(self._cell(row, column), (x, y))
                for i, line in enumerate(captions[row][column] if captions else ()):
                    small.write(pen, (x + cell / 2, y + cell + 3 + _LINE * i), line, fill=_FAINT, anchor="ma")
        return canvas

    def frame(self, column: int) -> Image.Image:
        """One column as a frame of an animation: its images side by side under the rows' names."""
        one = dataclasses.replace(
            self, images=self.images[None, :, column], rows=(), captions=(), heads=[(name, 1) for name in self.rows]
        )
        return one.draw()

    @property
    def _factor(self) -> int:
        return max(1, self.side // self.images.shape[2])

    def _cell(self, row: int, column: int) -> Image.Image:
        picture = Image.fromarray(self.images[row, column])
        return picture.resize([self._factor * n for n in picture.size], Image.Resampling.NEAREST)


_LONGEST = {"gif": 65535, "webp": 16383}  # pixels per side, by format


def check_animation(path: Path | str, size: tuple[int, int] = (0, 0)) -> str:
    """The format of an animation by its file's suffix, "gif" or "webp". size: of its frames, if it is known.

    Raises:
      ValueError: for another suffix, or for frames that are too large for the format.
    """
    kind = Path(path).suffix.lower()[1:]
    if kind not in _LONGEST:
        raise ValueError(f"an animation must be a .gif or .webp file; received {path}. Rename it.")
    if max(size) > _LONGEST[kind]:
        raise ValueError(
            f"the frames of a .{kind} file must have at most {_LONGEST[kind]:,} pixels per side; received "
            f"{size[0]:,} x {size[1]:,} for {path}. Show fewer rows."
        )
    return kind


def save_animation(frames: Sequence[Image.Image], path: Path, *, seconds: float = 4.0) -> Path:
    """Writes a looping .gif or .webp that plays the frames forwards and backwards, atomically.

    Raises:
      ValueError: for another suffix.
    """
    kind = check_animation(path)
    there_and_back = [*frames, *frames[-2:0:-1]]
    with files.replacing(path) as temporary:
        there_and_back[0].save(
            temporary,
            format=kind,
            save_all=True,
            append_images=there_and_back[1:],
            loop=0,
            duration=max(20, round(1000 * seconds / len(there_and_back))),
        )
    return path
