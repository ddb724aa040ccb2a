"""Text on pictures in DejaVu Sans, with system fonts for scripts that it lacks, and never an empty box."""

import functools
import itertools
import unicodedata
from pathlib import Path

import matplotlib
from matplotlib.ft2font import FT2Font
from PIL import ImageDraw, ImageFont

SANS = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"  # the font of matplotlib's figures


def drawable(text: str) -> str:
    r"""The text in composed form, with the code (\u732b) of each character that is not printable or in no font."""
    return "".join(c if c.isprintable() and font_of(c) else _number(c) for c in unicodedata.normalize("NFC", text))


@functools.lru_cache(maxsize=4096)
def font_of(character: str) -> Path | None:
    """The font for a character: DejaVu Sans, else the first system font that has it; None if there is none."""
    paths = itertools.chain([SANS], _system_fonts())
    return next((path for path in paths if ord(character) in _characters(path)), None)


def _system_fonts():
    """The system fonts in a fixed order, searched only when needed, which may take seconds."""
    from matplotlib import font_manager

    entries = font_manager.fontManager.ttflist
    yield from sorted({Path(e.fname) for e in entries if e.style == "normal" and not _is_matplotlibs(Path(e.fname))})


def _is_matplotlibs(path: Path) -> bool:
    """Whether a font is matplotlib's own; apart from DejaVu these are symbols for formulas."""
    return path.is_relative_to(matplotlib.get_data_path())


@functools.cache
def _characters(path: Path) -> frozenset[int]:
    """The characters of an outline font; empty for bitmap fonts and unreadable ones."""
    try:
        font = FT2Font(str(path))
        return frozenset(font.get_charmap()) if font.scalable else frozenset()
    except (OSError, RuntimeError):
        return frozenset()


def _number(character: str) -> str:
    code = ord(character)
    return f"\\u{code:04x}" if code < 1 << 16 else f"\\U{code:08x}"


class Lettering:
    """Draws text of one size, in pixels, on Pillow's images."""

    def __init__(self, size: int):
        self._size = size

    def width(self, text: str) -> int:
        """Pixels from the text's left to its right end."""
        return round(sum(font.getlength(part) for part, font in self._parts(text)))

    def lines(self, text: str, width: float, most: int) -> list[str]:
        """The text in lines of at most `width` pixels, which are broken at spaces, and within words that are wider.

        If it needs more than `most` lines, the last one is an ellipsis and the last word, which together may be wider.
        """
        found = [""]
        for piece in (piece for word in text.split() for piece in self._pieces(word, width)):
            joined = f"{found[-1]} {piece}".lstrip()
            if not found[-1] or self.width(joined) <= width:
                found[-1] = joined
            else:
                found.append(piece)
        if len(found) > most:
            found[most - 1 :] = [f"\N{HORIZONTAL ELLIPSIS} {found[-1].split()[-1]}"]
        return found

    def _pieces(self, word: str, width: float) -> list[str]:
        """The word, in pieces if it is wider than `width`."""
        pieces = [word]
        while self.width(pieces[-1]) > width and len(pieces[-1]) > 1:
            last = pieces.pop()
            cut = next((i for i in range(2, len(last)) if self.width(last[:i]) > width), len(last)) - 1
            pieces += [last[:cut], last[cut:]]
        return pieces

    def write(self, pen: ImageDraw.ImageDraw, xy: tuple[float, float], text: str, *, fill, anchor: str = "la") -> None:
        """Draws the text at xy; `anchor` says which of its points lies there, as Pillow's anchors do.

        First "l" (left), "m" (middle) or "r" (right), then "a" (top), "m" (middle) or "s" (baseline).
        """
        ascent, descent = _font(SANS, self._size).getmetrics()
        x = xy[0] - {"l": 0.0, "m": 0.5, "r": 1.0}[anchor[0]] * self.width(text)
        baseline = xy[1] + {"a": ascent, "m": (ascent - descent) / 2, "s": 0}[anchor[1]]
        for part, font in self._parts(text):
            pen.text((x, baseline), part, fill=fill, font=font, anchor="ls")
            x += font.getlength(part)

    def _parts(self, text: str) -> list[tuple[str, ImageFont.FreeTypeFont]]:
        """The drawable text, split where the font changes."""
        groups = itertools.groupby(drawable(text), font_of)
        return [("".join(characters), _font(path, self._size)) for path, characters in groups]


@functools.cache
def _font(path: Path, size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(path, size)


def families(text: str) -> list[str]:
    """The font families, by matplotlib's names, that the drawable text is made of: DejaVu Sans and then the others."""
    from matplotlib import font_manager

    others = dict.fromkeys(path for path in map(font_of, drawable(text)) if path not in (SANS, None))
    return ["DejaVu Sans", *(font_manager.get_font(str(path)).family_name for path in others)]
