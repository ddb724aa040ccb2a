from html.parser import HTMLParser

import numpy as np
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


def test_a_page_is_well_formed_and_loads_nothing(tmp_path):
    for i in range(3):
        Image.fromarray(np.full((4, 4, 3), 80 * i, np.uint8)).save(tmp_path / f"{i}.png")
    pictures = {f"step {i}": tmp_path / f"{i}.png" for i in range(3)}
    read = Read(page.page("A <run>", page.tiles({"FID": "1.5"}), {
        "Samples over time": page.frames(pictures), "Nothing": "",
        "Table": page.table(("name", "value"), [("<b>", "1,000.5")]) + page.folded("more", page.preformatted("a & b")),
    }))
    assert not read.open
    images = [attributes for tag, attributes in read.tags if tag == "img"]
    assert [image["class"] for image in images] == ["", "", "shown"]
    assert [image["alt"] for image in images] == list(pictures)
    assert all(image["src"].startswith("data:image/webp;base64,") for image in images)
    loaded = [a.get("src") or a.get("href") for tag, a in read.tags if tag in ("link", "script", "img", "a")]
    assert all(address is None or address.startswith(("data:", "#")) for address in loaded)
    assert [a["href"] for tag, a in read.tags if tag == "a"] == ["#samples-over-time", "#table"]
    assert {a.get("id") for tag, a in read.tags if tag == "section"} == {"samples-over-time", "table"}


def test_numbers_stand_to_the_right():
    made = page.table(("name", "value"), [("a", "1,000.5"), ("b", "-2e+05")])
    assert made.count("<td class=number>") == 2 and "<th class=number>value" in made


def test_a_single_picture_needs_no_slider(tmp_path):
    Image.new("RGB", (2, 2)).save(tmp_path / "a.png")
    assert "range" not in page.frames({"step 1": tmp_path / "a.png"})
