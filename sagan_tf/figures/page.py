"""Self-contained HTML pages of text, tables, charts and pictures, which load nothing else."""

import base64
import html
import importlib.resources
import io
import re
from collections.abc import Mapping, Sequence

from PIL import Image

LARGEST = 1400  # pixels per side of a picture on the page
_BROAD = 600  # wider pictures can be enlarged on a narrow screen, which makes their text small

_SCRIPT = """
for (const box of document.querySelectorAll(".frames")) {
  const pictures = box.querySelectorAll("img"), said = box.querySelector("output");
  box.querySelector("input").addEventListener("input", event => {
    pictures.forEach((picture, i) => picture.classList.toggle("shown", i === Number(event.target.value)));
    said.textContent = pictures[event.target.value].alt;
  });
}
for (const picture of document.querySelectorAll("img.broad"))
  picture.addEventListener("click", () => picture.classList.toggle("large"));
"""


def page(title: str, lead: str, sections: Mapping[str, str]) -> str:
    """The page: a title, a lead in HTML, and sections (heading to HTML) with links; empty sections are left out."""
    shown = {heading: body for heading, body in sections.items() if body}
    links = "".join(f'<a href="#{_anchor(heading)}">{html.escape(heading)}</a>' for heading in shown)
    bodies = "".join(
        f'<section id="{_anchor(heading)}"><h2>{html.escape(heading)}</h2>{body}</section>'
        for heading, body in shown.items()
    )
    style = importlib.resources.files("sagan_tf.figures").joinpath("page.css").read_text(encoding="utf-8")
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{html.escape(title)}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<link rel="icon" href="data:,"><style>{style}</style></head><body><header><h1>{html.escape(title)}</h1>'
        f'{lead}<nav>{links}</nav><p class="hint">Tap a picture to enlarge it.</p></header>{bodies}'
        f"<script>{_SCRIPT}</script></body></html>\n"
    )


def _anchor(heading: str) -> str:
    return heading.lower().replace(" ", "-")


def tiles(values: Mapping[str, str]) -> str:
    """Tiles with the most important numbers, by what they are."""
    cells = (
        f"<div class='tile'><b>{html.escape(value)}</b><span>{breakable(name)}</span></div>"
        for name, value in values.items()
    )
    return f'<div class="tiles">{"".join(cells)}</div>'


def breakable(words: str) -> str:
    """Escaped text in which long names may be broken after punctuation only."""
    return re.sub(r"(?<=[:/@_,.=+])(?=[^\W\d_])", "<wbr>", html.escape(words))


def command(line: str) -> str:
    """A command line that may be broken between words only, so that options keep their dashes."""
    return "<code>" + " ".join(f"<span>{html.escape(word)}</span>" for word in line.split(" ")) + "</code>"


def table(head: Sequence[str], rows: Sequence[Sequence[str]], *, code: Sequence[str] = ()) -> str:
    """A table of text cells; columns of numbers are right-aligned, and the columns in `code` hold commands.

    On a narrow screen, a table of three or more columns becomes one block per row, with the column's name at each cell.
    """
    numbers = [all(_is_number(row[i]) for row in rows) for i in range(len(head))]
    kinds = [" class=number" if number else "" for number in numbers]
    heads = "".join(f"<th{kind}>{html.escape(name)}</th>" for name, kind in zip(head, kinds, strict=True))
    lines = (
        "".join(
            f'<td{kind} data-head="{html.escape(name)}">{command(cell) if name in code else breakable(cell)}</td>'
            for name, kind, cell in zip(head, kinds, row, strict=True)
        )
        for row in rows
    )
    body = f"<tr>{heads}</tr>" + "".join(f"<tr>{line}</tr>" for line in lines)
    return f'<div class="scroll"><table{" class=wide" if len(head) > 2 else ""}>{body}</table></div>'


def _is_number(text: str) -> bool:
    try:
        float(text.replace(",", ""))
    except ValueError:
        return False
    return True


def preformatted(text: str, wrapped: bool = False) -> str:
    """Preformatted text, whose long lines are scrolled, or wrapped if `wrapped`."""
    return f"<pre{' class=wrapped' if wrapped else ''}>{html.escape(text)}</pre>"


def folded(summary: str, body: str, opened: bool = False) -> str:
    return f"<details{' open' if opened else ''}><summary>{html.escape(summary)}</summary>{body}</details>"


def text(line: str) -> str:
    return f"<p>{html.escape(line)}</p>"


def frames(pictures: Mapping[str, Image.Image]) -> str:
    """Pictures by their captions, of which a slider chooses one; the last one is shown first. "" without pictures."""
    if not pictures:
        return ""
    last = len(pictures) - 1
    images = "".join(picture(image, said, shown=i == last) for i, (said, image) in enumerate(pictures.items()))
    slider = (
        f'<label><input type="range" min="0" max="{last}" value="{last}" aria-label="step">'
        f"<output>{html.escape(list(pictures)[-1])}</output></label>"
    )
    return f'<div class="frames">{slider if last else ""}{images}</div>'


def picture(image: Image.Image, said: str, shown: bool = True) -> str:
    """An image with its alternative text; not `shown` for the hidden ones of several frames.

    Images larger than `LARGEST` pixels per side are reduced.
    """
    reduced = _opaque(image)
    reduced.thumbnail((LARGEST, LARGEST))
    source = data_uri(reduced, "webp")
    kinds = ["shown"] * shown + ["broad"] * (reduced.width > _BROAD)
    return f'<img class="{" ".join(kinds)}" alt="{html.escape(said)}" src="{source}">'


def _opaque(image: Image.Image) -> Image.Image:
    """The image in 8-bit colors, with white below what is transparent, as below the page's pictures."""
    if image.mode.startswith("I;16"):
        image = image.point(lambda level: level / 256).convert("L")
    if "A" not in image.getbands() and "transparency" not in image.info:
        return image.convert("RGB")
    below = Image.new("RGBA", image.size, "white")
    return Image.alpha_composite(below, image.convert("RGBA")).convert("RGB")


def captioned(picture: str, caption: str) -> str:
    """A picture with a caption below."""
    return f'<figure class="figure">{picture}<figcaption>{breakable(caption)}</figcaption></figure>'


def animation(packed: bytes, said: str) -> str:
    """An animation from the content of a .webp file, with its alternative text."""
    source = f"data:image/webp;base64,{base64.b64encode(packed).decode()}"
    return f'<img class="shown" alt="{html.escape(said)}" src="{source}">'


def data_uri(image: Image.Image, kind: str = "png", quality: int = 82) -> str:
    """An image as a data URI; `quality` applies to "webp" only."""
    packed = io.BytesIO()
    image.convert("RGB").save(packed, format=kind, quality=quality)
    return f"data:image/{kind};base64,{base64.b64encode(packed.getvalue()).decode()}"
