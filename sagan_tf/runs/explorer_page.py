"""The explorer's page: its controls, the image, and where a clicked point of it looks in every attention layer.

NiceGUI's `ui` and `run` come as arguments, so that the library is imported only where the page is served.
"""

import io
import random

from PIL import Image

from sagan_tf.figures.attention import UNIFORM_AREA
from sagan_tf.figures.labels import readable
from sagan_tf.figures.page import data_uri
from sagan_tf.figures.query_points import dot_center
from sagan_tf.runs.explorer import ExplorerModel, Place, enlarged, looked_from, tiled
from sagan_tf.runs.explorer_link import LARGEST_SEED, THRESHOLDS, View, file_name, query_of

_SIDE = 448  # About the width of the image, in pixels.
_GRID, _CELL = 4, 96  # Samples a side of the grid to choose from, and about the width of each.
_STYLE = """
.explorer { display: grid; gap: 24px 32px; width: 100%; align-items: start;
  grid-template-columns: 240px minmax(0, 448px) minmax(0, 1fr); }
.explorer > *, .looks > * { min-width: 0; }
.looks { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 160px), 256px)); gap: 16px; }
.looks .nicegui-interactive-image, .shown .nicegui-interactive-image { width: 100%; image-rendering: pixelated; }
@media (max-width: 1000px) {
  .explorer { grid-template-columns: minmax(0, 1fr); }
  .shown { order: -2; } .looks { order: -1; }
}
"""


class Page:
    """What one browser tab shows: two images' classes and seeds, the place between them, a point, and its looks.

    view: what it shows first. The tab's address always holds the present view.
    """

    def __init__(self, ui, run, stage: ExplorerModel, view: View):
        self._ui, self._run, self._stage = ui, run, stage
        self._point = view.point
        self._busy = self._again = False
        ui.add_css(_STYLE)
        self._say_what_it_is()
        with ui.element("div").classes("explorer"):
            with ui.column().classes("gap-2 w-full"):
                self._add_choices(view.place)
            with ui.column().classes("shown"):
                self._image = ui.interactive_image(on_mouse=self._click, sanitize=False).props("data-look=image")
                self._image.style(f"max-width: {self._scale * self._resolution}px; cursor: crosshair")
                with ui.row().classes("items-center w-full justify-between"):
                    self._said = ui.label().classes("text-sm").props("data-look=said")
                    ui.button("Save PNG", icon="download", on_click=self._save).props("flat dense no-caps")
            with ui.element("div").classes("looks"):
                self._looks = {name: self._look(name) for name in stage.layers}
        self._add_grid()

    def _add_choices(self, place: Place) -> None:
        ui, names = self._ui, dict(enumerate(self._stage.model.class_names))
        self._classes, self._seeds = [], []
        for number, which in enumerate(("First image", "Second image")):
            ui.label(which).classes("font-bold mt-2")
            chosen = ui.select(names, value=place.classes[number], label="class", with_input=True)
            self._classes.append(self._changing(chosen))
            with ui.row().classes("w-full items-end no-wrap gap-1"):
                seed = ui.number("seed", value=place.seeds[number], min=0, max=LARGEST_SEED, precision=0, step=1)
                self._seeds.append(self._changing(seed))
                shuffle = ui.button(icon="casino", on_click=lambda _, seed=seed: self._draw_seed(seed))
                shuffle.props(f'flat dense aria-label="random seed" data-look=random{number}').tooltip("Random seed")
            if number == 0:
                ui.button("Choose from 16 samples", icon="grid_view", on_click=self._open_grid).props(
                    "flat dense no-caps data-look=choose"
                )
        ui.label("From the first to the second").classes("font-bold mt-4")
        self._position = self._changing(ui.slider(min=0, max=1, step=0.01, value=place.position))
        self._cuts = self._changing(ui.switch("Truncate z", value=place.threshold is not None)).classes("mt-2")
        self._threshold = self._changing(
            ui.slider(min=THRESHOLDS[0], max=THRESHOLDS[1], step=0.02, value=place.threshold or 1)
        )
        self._threshold.bind_enabled_from(self._cuts, "value")
        ui.label().classes("text-sm").bind_text_from(self._threshold, "value", lambda value: f"threshold {value:g}")

    def _add_grid(self) -> None:
        """The dialog with samples of the first image's class."""
        ui = self._ui
        with ui.dialog() as self._dialog, ui.card().classes("items-center"):
            self._grid_said = ui.label().classes("text-sm")
            self._grid = ui.interactive_image(on_mouse=self._pick, sanitize=False)
            self._grid.props("data-look=grid").style("width: 100%; cursor: pointer; image-rendering: pixelated")
            with ui.row():
                ui.button("Next 16", on_click=self._next_grid).props("flat no-caps")
                ui.button("Close", on_click=self._dialog.close).props("flat no-caps")

    def _say_what_it_is(self) -> None:
        model = self._stage.model
        self._ui.label(f"Run {model.run.path.resolve().name}").classes("text-2xl").style("overflow-wrap: anywhere")
        weights = "averaged" if model.averaged else "raw"
        self._ui.label(
            f"Step {model.step:,}, {weights} weights, moving statistics. Click a pixel to see where that location "
            "attends; the outline holds half of its attention. The address of this page restores what it shows."
        ).classes("text-sm")

    def _changing(self, element):
        element.on_value_change(self.refresh).classes("w-full")
        return element

    def _look(self, name: str):
        """The map of one layer, and the words below it."""
        with self._ui.column().classes("gap-1"):
            self._ui.label(readable(name)).classes("font-bold")
            self._ui.label(self._stage.layers[name].title).classes("text-xs")
            shown = self._ui.interactive_image(sanitize=False).props(f"data-look={name}")
            return shown, self._ui.label().classes("text-xs")

    async def _click(self, event) -> None:
        last, scale = self._resolution - 1, self._scale
        self._point = tuple(min(last, max(0, int(at / scale))) for at in (event.image_x, event.image_y))
        self._show_point()

    def _draw_seed(self, field) -> None:
        field.set_value(random.randrange(2**31))

    def _save(self) -> None:
        """Downloads the image at its own size, under a name that tells what it is."""
        view = self._view()
        packed = io.BytesIO()
        Image.fromarray(self._scene.image).save(packed, format="PNG")
        self._ui.download.content(packed.getvalue(), file_name(view, self._stage.model.class_names), "image/png")

    async def _open_grid(self) -> None:
        self._first = int(self._seeds[0].value or 0) // _GRID**2 * _GRID**2
        await self._show_grid()

    async def _next_grid(self) -> None:
        self._first += _GRID**2
        await self._show_grid()

    async def _show_grid(self) -> None:
        place, count = self._view().place, _GRID**2
        seeds = range(self._first, self._first + count)
        try:
            images = await self._run.io_bound(self._stage.samples, place.classes[0], seeds, place.threshold)
        except ValueError as error:
            self._ui.notify(str(error), type="negative", multi_line=True)
            return
        if images is not None:
            self._grid.set_source(data_uri(enlarged(tiled(images, _GRID), _GRID * _CELL)))
            name = self._stage.model.class_names[place.classes[0]]
            self._grid_said.set_text(f"{name}, seeds {seeds[0]} to {seeds[-1]}. Click one to show it.")
            self._dialog.open()

    def _pick(self, event) -> None:
        side = self._resolution * max(1, _GRID * _CELL // (_GRID * self._resolution))
        column, row = (min(_GRID - 1, max(0, int(at / side))) for at in (event.image_x, event.image_y))
        self._position.set_value(0)
        self._seeds[0].set_value(self._first + row * _GRID + column)
        self._dialog.close()

    @property
    def _resolution(self) -> int:
        return self._stage.model.spec.resolution

    @property
    def _scale(self) -> int:
        return max(1, _SIDE // self._resolution)

    def _view(self) -> View:
        place = Place(
            classes=tuple(int(one.value) for one in self._classes),
            seeds=tuple(int(one.value or 0) for one in self._seeds),
            position=float(self._position.value),
            threshold=float(self._threshold.value) if self._cuts.value else None,
        )
        return View(place=place, point=self._point)

    async def refresh(self) -> None:
        """Shows what is chosen now. While an image is being made, only the last of later choices is followed."""
        self._again = True
        if self._busy:
            return
        self._busy = True
        try:
            while self._again:
                self._again = False
                scene = await self._run.io_bound(self._stage.scene, self._view().place)
                if scene is None:  # the server is stopping
                    return
            self._scene = scene
            self._image.set_source(data_uri(enlarged(scene.image, _SIDE)))
            self._show_point()
        except ValueError as error:
            self._ui.notify(str(error), type="negative", multi_line=True)
        finally:
            self._busy = False

    def _show_point(self) -> None:
        (x, y), scale = self._point, self._scale
        cx, cy = (dot_center(at, self._resolution, 10.5 / scale) * scale for at in (x, y))
        self._image.set_content(
            f'<circle cx="{cx:g}" cy="{cy:g}" r="9" fill="#D55E00" stroke="white" stroke-width="3"/>'
        )
        self._said.set_text(f"pixel {x}, {y}")
        for name, (look, said) in self._looks.items():
            image, area = looked_from(self._scene, name, self._point)
            look.set_source(data_uri(image))
            uniform = "Close to uniform: it looks everywhere alike."
            said.set_text(uniform if area > UNIFORM_AREA else f"Half of its attention lies in {area:.0%} of the image.")
        self._ui.navigate.history.replace("?" + query_of(self._view(), self._stage.model.class_names))
