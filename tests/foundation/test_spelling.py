"""Nearest names, and numbers with their nouns."""

from sagan_tf.foundation import spelling


def test_numbers_agree_with_their_nouns():
    said = [spelling.counted(n, noun) for n, noun in ((1, "class"), (2, "class"), (0, "image"), (1200, "image"))]
    assert said == ["1 class", "2 classes", "0 images", "1,200 images"]
    assert spelling.did_you_mean(["a.b", "c.b"]) == "Did you mean a.b or c.b? " and spelling.did_you_mean([]) == ""
    assert spelling.did_you_mean(["a"]) == "Did you mean a? "
    assert spelling.did_you_mean("abc") == "Did you mean a, b or c? "


def test_names_take_one_line_each_whatever_they_contain():
    names = ["cat", "two\nlines", "a\u2028b\x85c\r\n", "猫 x"]
    text = spelling.lines(names)
    assert text.splitlines() == ["cat", r"two\nlines", r"a\u2028b\x85c\r\n", "猫 x"] and text.endswith("\n")
    assert spelling.lines([]) == ""
