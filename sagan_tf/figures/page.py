"""One self-contained HTML page: text, tables, charts and pictures, nothing loaded from anywhere."""

import base64
import html
import importlib.resources
import io
from collections.abc import Mapping, Sequence

from PIL import Image

_SLIDER = """
for (const box of document.querySelectorAll(".frames")) {
  const pictures = box.querySelectorAll("img"), said = box.querySelector("output");
  box.querySelector("input").addEventListener("input", event => {
    pictures.forEach((picture, i) => picture.classList.toggle("shown", i === Number(event.target.value)));
    said.textContent = pictures[event.target.value].alt;
  });
}
"""


def page(title: str, lead: str, sections: Mapping[str, str]) -> str:
    """The whole page: a title, a lead in HTML, and sections (heading to HTML) with links to them; empty ones go."""
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
        f"{lead}<nav>{links}</nav></header>{bodies}<script>{_SLIDER}</script></body></html>\n"
    )


def _anchor(heading: str) -> str:
    return heading.lower().replace(" ", "-")


def tiles(values: Mapping[str, str]) -> str:
    """Numbers to be seen at once: what it is, and the number."""
    cells = (
        f"<div class='tile'><b>{html.escape(value)}</b><span>{html.escape(name)}</span></div>"
        for name, value in values.items()
    )
    return f'<div class="tiles">{"".join(cells)}</div>'


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Text cells; those that are numbers stand to the right."""
    numbers = [all(_is_number(row[i]) for row in rows) for i in range(len(head))]

    def line(cells: Sequence[str], tag: str) -> str:
        return (
            "<tr>"
            + "".join(
                f"<{tag}{' class=number' if number else ''}>{html.escape(cell)}</{tag}>"
                for cell, number in zip(cells, numbers, strict=True)
            )
            + "</tr>"
        )

    return f'<div class="scroll"><table>{line(head, "th")}{"".join(line(row, "td") for row in rows)}</table></div>'


def _is_number(text: str) -> bool:
    return text.replace(",", "").replace(".", "").replace("-", "").replace("e+", "").isdigit()


def preformatted(text: str) -> str:
    return f"<pre>{html.escape(text)}</pre>"


def folded(summary: str, body: str, opened: bool = False) -> str:
    return f"<details{' open' if opened else ''}><summary>{html.escape(summary)}</summary>{body}</details>"


def text(line: str) -> str:
    return f"<p>{html.escape(line)}</p>"


def frames(pictures: Mapping[str, Image.Image]) -> str:
    """Pictures one at a time, the last one first, chosen by a slider; by what is said of each."""
    last = len(pictures) - 1
    images = "".join(picture(image, said, shown=i == last) for i, (said, image) in enumerate(pictures.items()))
    slider = (
        f'<label><input type="range" min="0" max="{last}" value="{last}" aria-label="step">'
        f"<output>{html.escape(list(pictures)[-1])}</output></label>"
    )
    return f'<div class="frames">{slider if last else ""}{images}</div>'


def picture(image: Image.Image, said: str, shown: bool = True) -> str:
    """An image, and what is said of it; not `shown`: one of several that wait for their turn."""
    source = data_uri(image, "webp")
    return f'<img class="{"shown" if shown else ""}" alt="{html.escape(said)}" src="{source}">'


def data_uri(image: Image.Image, kind: str = "png", quality: int = 82) -> str:
    """An image as an address that holds it; quality counts for "webp" alone."""
    packed = io.BytesIO()
    image.convert("RGB").save(packed, format=kind, quality=quality)
    return f"data:image/{kind};base64,{base64.b64encode(packed.getvalue()).decode()}"
