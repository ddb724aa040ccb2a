"""Text on pictures: letters of many scripts, never a box."""

import numpy as np
import pytest
from PIL import Image, ImageDraw

from sagan_tf.figures import canvas, sheets
from sagan_tf.figures.image_table import ImageTable
from sagan_tf.foundation import fonts


@pytest.fixture
def without_other_fonts(monkeypatch):
    monkeypatch.setattr(fonts, "_system_fonts", lambda: iter(()))
    fonts.font_of.cache_clear()
    yield
    fonts.font_of.cache_clear()


def drawn(text, size=16):
    image = Image.new("L", (fonts.Lettering(size).width(text) + 10, 2 * size), 255)
    fonts.Lettering(size).write(ImageDraw.Draw(image), (5, 5), text, fill=0)
    return np.asarray(image)


def test_letters_of_latin_greek_and_cyrillic_are_drawn_as_they_are(without_other_fonts):
    for text in ("ä", "é", "ł", "ß", "Ж", "λ", "→"):
        assert fonts.drawable(text) == text and fonts.font_of(text) == fonts.SANS
    assert fonts.drawable("a\u0308") == "ä"  # one letter, as macOS takes it apart in file names
    pictures = {drawn(text).tobytes() for text in "äéłßЖλ"}
    assert len(pictures) == 6  # boxes would be one and the same


def test_what_no_font_has_is_told_by_its_number(without_other_fonts):
    assert fonts.drawable("猫 a") == r"\u732b a"
    assert fonts.drawable("\U00020000") == r"\U00020000"
    assert fonts.drawable("a\nb\udcff") == r"a\u000ab\udcff"
    assert fonts.families("猫") == ["DejaVu Sans"]
    assert drawn("猫").tobytes() != drawn("犬").tobytes()


def test_another_font_of_the_machine_is_taken_for_what_dejavu_lacks(monkeypatch):
    symbols = fonts.SANS.with_name("STIXGeneral.ttf")
    lacking = map(chr, sorted(fonts._characters(symbols) - fonts._characters(fonts.SANS)))
    character = next(c for c in lacking if c.isprintable())
    assert not fonts._characters(fonts.SANS.with_name("nosuch.ttf"))
    monkeypatch.setattr(fonts, "_system_fonts", lambda: iter([symbols]))
    fonts.font_of.cache_clear()
    try:
        assert fonts.font_of(character) == symbols
        parts = fonts.Lettering(16)._parts(f"a{character}b")
        assert [part for part, _ in parts] == ["a", character, "b"]
        assert fonts.families(character) == ["DejaVu Sans", "STIXGeneral"]
    finally:
        fonts.font_of.cache_clear()


def test_text_stands_where_its_anchor_says():
    image = Image.new("L", (200, 60), 255)
    letters = fonts.Lettering(20)
    letters.write(ImageDraw.Draw(image), (190, 30), "Hxx", fill=0, anchor="rm")
    rows, columns = np.nonzero(np.asarray(image) < 128)
    assert 185 <= columns.max() <= 190 and columns.max() - columns.min() == pytest.approx(letters.width("Hxx"), abs=4)
    assert (rows.min() + rows.max()) / 2 == pytest.approx(30, abs=4)


def test_sheets_and_figures_take_any_class_name(tmp_path, without_other_fonts):
    names = ["ä", "猫", "a\nb", "$x$"]
    images = np.zeros([4, 2, 8, 8, 3], np.uint8)
    assert sheets.sheet(images.reshape(8, 8, 8, 3), names).size[0] > 140
    ImageTable(images=images, rows=names, title="猫", heads=[("é", 2)], captions=[["ß", "犬"]] * 4).draw()
    made, axes = canvas.figure(1, 1, size=(2, 2))
    axes[0][0].set_title("ä 猫")
    axes[0][0].set_xlabel("$x^$")  # no formula, which would be a bad one
    canvas.save(made, tmp_path / "a.png")  # a glyph that is missing would warn, and a warning is an error here
    assert axes[0][0].get_title() == r"ä \u732b"


def test_lines_are_broken_at_spaces_and_within_words_that_are_wider():
    letters = fonts.Lettering(12)
    width = letters.width("golden retriever")
    assert letters.lines("golden retriever 0.12", width, 3) == ["golden retriever", "0.12"]
    assert letters.lines("", width, 3) == [""] and letters.lines("cat", 1, 3) == ["c", "a", "t"]
    pieces = letters.lines("x" * 60, width, 9)
    assert "".join(pieces) == "x" * 60 and all(letters.width(piece) <= width for piece in pieces)
    assert letters.lines("one two three four", letters.width("three"), 2) == ["one", "\u2026 four"]
