import base64
import io
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

from sagan_tf.figures import page


class Read(HTMLParser):
    """Tags with their attributes, checked to be closed."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.open = [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in ("meta", "link", "img", "input", "line"):
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_a_page_is_well_formed_and_loads_nothing():
    pictures = {f"step {i}": Image.fromarray(np.full((4, 4, 3), 80 * i, np.uint8)) for i in range(3)}
    read = Read(
        page.page(
            "A <run>",
            page.tiles({"FID": "1.5"}),
            {
                "Samples over time": page.frames(pictures),
                "Nothing": "",
                "Table": page.table(("name", "value"), [("<b>", "1,000.5")])
                + page.folded("more", page.preformatted("a & b")),
            },
        )
    )
    assert not read.open
    images = [attributes for tag, attributes in read.tags if tag == "img"]
    assert [image["class"] for image in images] == ["", "", "shown"]
    assert [image["alt"] for image in images] == list(pictures)
    assert all(image["src"].startswith("data:image/webp;base64,") for image in images)
    loaded = [a.get("src") or a.get("href") for tag, a in read.tags if tag in ("link", "script", "img", "a")]
    assert all(address is None or address.startswith(("data:", "#")) for address in loaded)
    assert [a["href"] for tag, a in read.tags if tag == "a"] == ["#samples-over-time", "#table"]
    assert {a.get("id") for tag, a in read.tags if tag == "section"} == {"samples-over-time", "table"}


@pytest.mark.parametrize("number", ["1.2e-05", "-3", "1,234.5", "7e+10"])
def test_numbers_of_every_form_stand_to_the_right(number):
    assert "<td class=number" in page.table(("metric", "value"), [("kid", number)])
    assert "<td class=number" not in page.table(("metric", "value"), [("kid", f"{number} %")])


def test_numbers_stand_to_the_right():
    made = page.table(("name", "value"), [("a", "1,000.5"), ("b", "-2e+05")])
    assert made.count("<td class=number") == 2 and "<th class=number>value" in made


def test_a_table_of_many_columns_names_its_cells_for_narrow_screens():
    made = page.table(("time", "command", "n"), [("now", "python -m a --b=<c>", "")], code=("command",))
    assert "<table class=wide>" in made and '<td data-head="command">' in made
    assert "<code><span>python</span> <span>-m</span> <span>a</span> <span>--b=&lt;c&gt;</span></code>" in made
    assert "class=wide" not in page.table(("name", "value"), [("a", "b")])


@pytest.mark.parametrize(
    "words, broken",
    [
        ("dataset-classifier:procedural@32", "dataset-classifier:<wbr>procedural@32"),
        ("a<b, 12.5 of 1,600", "a&lt;b, 12.5 of 1,600"),
        ("pictures/no_truncation.png", "pictures/<wbr>no_<wbr>truncation.<wbr>png"),
    ],
)
def test_long_names_are_broken_behind_punctuation_alone(words, broken):
    assert page.breakable(words) == broken


def test_large_pictures_are_reduced():
    made = page.picture(Image.new("RGB", (3000, 1000)), "wide")
    data = made.partition("base64,")[2].partition('"')[0]
    with Image.open(io.BytesIO(base64.b64decode(data))) as read:
        assert read.size == (1400, 467)
    assert 'class="shown broad"' in made


def test_a_single_picture_needs_no_slider():
    assert "range" not in page.frames({"step 1": Image.new("RGB", (2, 2))})


@pytest.mark.parametrize("kind", ["png", "webp"])
def test_an_address_holds_its_image(kind):
    image = Image.fromarray(np.random.default_rng(0).integers(90, 99, (8, 8, 3), np.uint8))
    head, data = page.data_uri(image, kind).split(",")
    assert head == f"data:image/{kind};base64"
    with Image.open(io.BytesIO(base64.b64decode(data))) as read:
        difference = np.abs(np.asarray(read.convert("RGB"), int) - np.asarray(image, int)).max()
    assert difference <= {"png": 0, "webp": 12}[kind]


@pytest.mark.parametrize(
    ("image", "color"),
    [
        (Image.new("RGBA", (9, 9), (0, 0, 0, 0)), 255),
        (Image.new("LA", (9, 9), (0, 128)), 127),
        (Image.fromarray(np.full((9, 9), 100 * 256, np.uint16)), 100),
        (Image.new("L", (9, 9), 70), 70),
    ],
)
def test_pictures_of_any_kind_keep_their_colors(image, color):
    source = re.search('base64,([^"]*)', page.picture(image, "x"))[1]
    drawn = np.asarray(Image.open(io.BytesIO(base64.b64decode(source))).convert("RGB"), float)
    np.testing.assert_allclose(drawn, color, atol=2)
