"""The explorer's page: its controls, the image, and the attention of a clicked pixel in every layer.

NiceGUI's `ui` and `run` are passed as arguments, so that the library is imported only when the page is served.
"""

import io
import random

from PIL import Image

from sagan_tf.figures.attention import UNIFORM_AREA
from sagan_tf.figures.labels import readable
from sagan_tf.figures.page import data_uri
from sagan_tf.figures.query_points import dot_center
from sagan_tf.runs.explorer import ExplorerModel, ExplorerView, LatentPoint, attention_from, enlarged, tiled
from sagan_tf.runs.explorer_link import (
    LARGEST_SEED,
    LARGEST_THRESHOLD,
    SMALLEST_THRESHOLD,
    PageState,
    file_name,
    query_of,
)

_SIDE = 448  # approximate width of the image, in pixels
_GRID, _CELL = 4, 96  # samples per side of the grid to choose from, and their approximate width in pixels
_STYLE = """
.explorer { display: grid; gap: 24px 32px; width: 100%; align-items: start;
  grid-template-columns: 240px minmax(0, 448px) minmax(0, 1fr); }
.explorer > *, .maps > * { min-width: 0; }
.maps { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 160px), 256px)); gap: 16px; }
.maps .nicegui-interactive-image, .shown .nicegui-interactive-image { width: 100%; image-rendering: pixelated; }
@media (max-width: 1000px) {
  .explorer { grid-template-columns: minmax(0, 1fr); }
  .shown { order: -2; } .maps { order: -1; }
}
"""


class Page:
    """One browser tab: classes and seeds of two images, the position between them, a pixel, and its attention maps.

    state: what the page shows first. The tab's address always holds the current state.
    """

    def __init__(self, ui, run, explorer: ExplorerModel, state: PageState):
        self._ui, self._run, self._explorer = ui, run, explorer
        self._point = state.point
        self._shown: ExplorerView | None = None  # None until the first image is there
        self._busy = self._again = False
        ui.add_css(_STYLE)
        self._add_heading()
        with ui.element("div").classes("explorer"):
            with ui.column().classes("gap-2 w-full"):
                self._add_choices(state.latent)
            with ui.column().classes("shown"):
                self._image = ui.interactive_image(on_mouse=self._click, sanitize=False).props("data-show=image")
                self._image.style(f"max-width: {self._scale * self._resolution}px; cursor: crosshair")
                with ui.row().classes("items-center w-full justify-between"):
                    self._pixel = ui.label().classes("text-sm").props("data-show=pixel")
                    ui.button("Save PNG", icon="download", on_click=self._save).props("flat dense no-caps")
            with ui.element("div").classes("maps"):
                self._maps = {name: self._add_map(name) for name in explorer.layers}
        self._add_grid()

    def _add_choices(self, latent: LatentPoint) -> None:
        ui, names = self._ui, dict(enumerate(self._explorer.model.titles))
        largest = self._explorer.largest_threshold
        self._classes, self._seeds = [], []
        for number, which in enumerate(("First image", "Second image")):
            ui.label(which).classes("font-bold mt-2")
            chosen = ui.select(names, value=latent.classes[number], label="class", with_input=True)
            chosen.set_visibility(self._explorer.model.has_classes)
            self._classes.append(self._changing(chosen))
            with ui.row().classes("w-full items-end no-wrap gap-1"):
                seed = ui.number("seed", value=latent.seeds[number], min=0, max=LARGEST_SEED, precision=0, step=1)
                self._seeds.append(self._changing(seed))
                shuffle = ui.button(icon="casino", on_click=lambda _, seed=seed: self._draw_seed(seed))
                shuffle.props(f'flat dense aria-label="random seed" data-show=random{number}').tooltip("Random seed")
            if number == 0:
                ui.button("Choose from 16 samples", icon="grid_view", on_click=self._open_grid).props(
                    "flat dense no-caps data-show=choose"
                )
        ui.label("From the first to the second").classes("font-bold mt-4")
        self._position = self._changing(ui.slider(min=0, max=1, step=0.01, value=latent.position))
        self._cuts = self._changing(ui.switch("Truncate z", value=latent.threshold is not None)).classes("mt-2")
        self._threshold = self._changing(
            ui.slider(min=SMALLEST_THRESHOLD, max=largest or LARGEST_THRESHOLD, step=0.02, value=latent.threshold or 1)
        )
        self._threshold.bind_enabled_from(self._cuts, "value")
        shown = ui.label().classes("text-sm")
        shown.bind_text_from(self._threshold, "value", lambda value: f"threshold {value:g}")
        for control in (self._cuts, self._threshold, shown):
            control.set_visibility(largest is not None)

    def _add_grid(self) -> None:
        """The dialog with samples of the first image's class."""
        ui = self._ui
        with ui.dialog() as self._dialog, ui.card().classes("items-center"):
            self._grid_caption = ui.label().classes("text-sm")
            self._grid = ui.interactive_image(on_mouse=self._pick, sanitize=False)
            self._grid.props("data-show=grid").style("width: 100%; cursor: pointer; image-rendering: pixelated")
            with ui.row():
                ui.button("Next 16", on_click=self._next_grid).props("flat no-caps")
                ui.button("Close", on_click=self._dialog.close).props("flat no-caps")

    def _add_heading(self) -> None:
        model = self._explorer.model
        self._ui.label(f"Run {model.run.path.resolve().name}").classes("text-2xl").style("overflow-wrap: anywhere")
        weights = "averaged" if model.averaged else "raw"
        self._ui.label(
            f"Step {model.step:,}, {weights} weights, {self._explorer.statistics} statistics. Click a pixel to see "
            "what that location attends to; the outline encloses half of its attention. The address of this page "
            "restores what it shows."
        ).classes("text-sm")

    def _changing(self, element):
        element.on_value_change(self.refresh).classes("w-full")
        return element

    def _add_map(self, name: str):
        """Adds the map of one layer; returns its image and its caption."""
        with self._ui.column().classes("gap-1"):
            self._ui.label(readable(name)).classes("font-bold")
            self._ui.label(self._explorer.layers[name].title).classes("text-xs")
            shown = self._ui.interactive_image(sanitize=False).props(f"data-show={name}")
            return shown, self._ui.label().classes("text-xs")

    async def _click(self, event) -> None:
        last, scale = self._resolution - 1, self._scale
        self._point = tuple(min(last, max(0, int(at / scale))) for at in (event.image_x, event.image_y))
        self._show_point()

    def _draw_seed(self, field) -> None:
        field.set_value(random.randrange(2**31))

    def _save(self) -> None:
        """Downloads the image that is shown, at its own size; the file's name tells classes, seeds and position."""
        if self._shown is None:
            self._ui.notify("The first image is still being computed.")
            return
        state = PageState(latent=self._shown_latent, point=self._point)
        packed = io.BytesIO()
        image = Image.fromarray(self._shown.image)
        image = image.convert("L") if self._explorer.model.run.gray else image
        image.save(packed, format="PNG")
        self._ui.download.content(packed.getvalue(), file_name(state, self._explorer.model.class_names), "image/png")

    async def _open_grid(self) -> None:
        await self._show_grid(_seed(self._seeds[0].value) // _GRID**2 * _GRID**2)

    async def _next_grid(self) -> None:
        await self._show_grid((self._requested + _GRID**2) % (LARGEST_SEED + 1))

    async def _show_grid(self, first: int) -> None:
        """Shows the samples from a seed on, unless others are requested before they are drawn."""
        self._requested = first
        latent, seeds = self._state().latent, range(first, first + _GRID**2)
        try:
            images = await self._run.io_bound(self._explorer.samples, latent.classes[0], seeds, latent.threshold)
        except ValueError as error:
            self._ui.notify(str(error), type="negative", multi_line=True)
            return
        if images is not None and self._requested == first:
            self._first = first
            self._grid.set_source(data_uri(enlarged(tiled(images, _GRID), _GRID * _CELL)))
            name = self._explorer.model.titles[latent.classes[0]]
            self._grid_caption.set_text(f"{name}, seeds {seeds[0]} to {seeds[-1]}. Click one to show it.")
            self._dialog.open()

    def _pick(self, event) -> None:
        side = self._resolution * max(1, _GRID * _CELL // (_GRID * self._resolution))
        column, row = (min(_GRID - 1, max(0, int(at / side))) for at in (event.image_x, event.image_y))
        self._position.set_value(0)
        self._seeds[0].set_value(self._first + row * _GRID + column)
        self._dialog.close()

    @property
    def _resolution(self) -> int:
        return self._explorer.model.spec.resolution

    @property
    def _scale(self) -> int:
        return max(1, _SIDE // self._resolution)

    def _state(self) -> PageState:
        latent = LatentPoint(
            classes=tuple(int(one.value) for one in self._classes),
            seeds=tuple(_seed(one.value) for one in self._seeds),
            position=float(self._position.value),
            threshold=float(self._threshold.value) if self._cuts.value else None,
        )
        return PageState(latent=latent, point=self._point)

    async def refresh(self) -> None:
        """Shows the current choice. Of the choices made while an image is being computed, only the last is shown."""
        self._again = True
        if self._busy:
            return
        self._busy = True
        try:
            while self._again:
                self._again = False
                latent, view = self._state().latent, None
                try:
                    view = await self._run.io_bound(self._explorer.view, latent)
                except ValueError as error:
                    self._ui.notify(str(error), type="negative", multi_line=True)
            if view is None:  # refused, or the server is stopping
                return
            self._shown, self._shown_latent = view, latent
            self._image.set_source(data_uri(enlarged(view.image, _SIDE)))
            self._show_point()
        finally:
            self._busy = False

    def _show_point(self) -> None:
        if self._shown is None:
            return
        (x, y), scale = self._point, self._scale
        cx, cy = (dot_center(at, self._resolution, 10.5 / scale) * scale for at in (x, y))
        self._image.set_content(
            f'<circle cx="{cx:g}" cy="{cy:g}" r="9" fill="#D55E00" stroke="white" stroke-width="3"/>'
        )
        self._pixel.set_text(f"pixel {x}, {y}")
        for name, (shown, caption) in self._maps.items():
            image, area = attention_from(self._shown, name, self._point)
            shown.set_source(data_uri(image))
            uniform = "Nearly uniform attention."
            caption.set_text(
                uniform if area > UNIFORM_AREA else f"Half of its attention is in {area:.0%} of the image."
            )
        self._ui.navigate.history.replace("?" + query_of(self._state(), self._explorer.model.class_names))


def _seed(value: float | None) -> int:
    """What is in a field of a seed as one that links take: 0 for an empty field, else the nearest allowed integer."""
    return int(min(max(value or 0, 0), LARGEST_SEED))
