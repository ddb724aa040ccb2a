"""`python -m sagan_tf.explore --run_dir=RUN`: a local page to move between images and see where each pixel looks."""

import argparse
import contextlib
import socket
import sys
from collections.abc import Sequence

from sagan_tf.figures.page import data_uri
from sagan_tf.refusals import Parser, answered
from sagan_tf.runs.run_directory import RunError
from sagan_tf.runs.scene import Place, Stage, enlarged, looked_from
from sagan_tf.runs.trained import TrainedModel

_SIDE = 448
_STYLE = ".looks { display: grid; grid-template-columns: repeat(auto-fill, minmax(256px, 1fr)); gap: 16px; }"


class Page:
    """What one browser tab shows: two images' classes and seeds, the place between them, a point, and its looks."""

    def __init__(self, ui, run, stage: Stage):
        self._ui, self._run, self._stage = ui, run, stage
        resolution = stage.model.spec.resolution
        self._point = (resolution // 2, resolution // 2)
        self._busy = self._again = False
        ui.add_css(_STYLE)
        self._say_what_it_is()
        with ui.row().classes("w-full items-start gap-8"):
            with ui.column().classes("w-60 gap-2"):
                self._add_choices()
            with ui.column():
                self._image = ui.interactive_image(on_mouse=self._click, sanitize=False).props("data-look=image")
                self._image.style(f"width: {self._scale * resolution}px; cursor: crosshair")
                self._said = ui.label().classes("text-sm").props("data-look=said")
            with ui.element("div").classes("looks grow").style("flex-basis: 256px"):
                self._looks = {name: self._look(name) for name in stage.layers}

    def _add_choices(self) -> None:
        ui, names = self._ui, dict(enumerate(self._stage.model.class_names))
        self._classes, self._seeds = [], []
        for number, which in enumerate(("First image", "Second image")):
            ui.label(which).classes("font-bold mt-2")
            chosen = ui.select(names, value=number % len(names), label="class", with_input=True)
            self._classes.append(self._changing(chosen))
            self._seeds.append(self._changing(ui.number("seed", value=number, min=0, precision=0, step=1)))
        ui.label("From the first to the second").classes("font-bold mt-4")
        self._position = self._changing(ui.slider(min=0, max=1, step=0.01, value=0))
        self._cuts = self._changing(ui.switch("Truncate z", value=False)).classes("mt-2")
        self._threshold = self._changing(ui.slider(min=0.04, max=2, step=0.02, value=1))
        self._threshold.bind_enabled_from(self._cuts, "value")
        ui.label().classes("text-sm").bind_text_from(self._threshold, "value", lambda value: f"threshold {value:g}")

    def _say_what_it_is(self) -> None:
        model = self._stage.model
        self._ui.label(f"Run {model.run.path.resolve().name}").classes("text-2xl")
        weights = "averaged" if model.averaged else "raw"
        self._ui.label(
            f"Step {model.step:,}, {weights} weights, moving statistics. Click a pixel to see where that "
            "location attends; the outline holds half of its attention."
        ).classes("text-sm")

    def _changing(self, element):
        element.on_value_change(self.refresh).classes("w-full")
        return element

    def _look(self, name: str):
        with self._ui.column().classes("gap-1"):
            self._ui.label(name).classes("font-bold")
            self._ui.label(self._stage.layers[name].title).classes("text-xs")
            return self._ui.interactive_image(sanitize=False).style("width: 256px").props(f"data-look={name}")

    async def _click(self, event) -> None:
        resolution, scale = self._stage.model.spec.resolution, self._scale
        self._point = tuple(min(resolution - 1, max(0, int(at / scale))) for at in (event.image_x, event.image_y))
        self._show_point()

    @property
    def _scale(self) -> int:
        return max(1, _SIDE // self._stage.model.spec.resolution)

    def _place(self) -> Place:
        return Place(
            classes=tuple(int(one.value) for one in self._classes),
            seeds=tuple(int(one.value or 0) for one in self._seeds),
            position=float(self._position.value),
            threshold=float(self._threshold.value) if self._cuts.value else None,
        )

    async def refresh(self) -> None:
        """Shows what is chosen now. While an image is being made, only the last of later choices is followed."""
        self._again = True
        if self._busy:
            return
        self._busy = True
        try:
            while self._again:
                self._again = False
                scene = await self._run.io_bound(self._stage.scene, self._place())
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
        self._image.set_content(
            f'<circle cx="{(x + 0.5) * scale}" cy="{(y + 0.5) * scale}" r="9" fill="#D55E00" '
            'stroke="white" stroke-width="3"/>'
        )
        self._said.set_text(f"pixel {x}, {y}")
        for name, look in self._looks.items():
            look.set_source(data_uri(looked_from(self._scene, name, self._point)))


def serve(stage: Stage, *, host: str, port: int, show: bool) -> None:
    """Serves the page until it is interrupted.

    Raises:
      RunError: if the library is missing or the port is taken.
    """
    try:
        from nicegui import run, ui
    except ImportError:
        raise RunError(
            "the explorer must have its library; nicegui is not installed. Run: pip install 'sagan_tf[explore]'"
        ) from None
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise RunError(
                f"--host and --port must be free to listen on; received --host={host} --port={port}: "
                f"{error.strerror}. Choose another --port."
            ) from None

    async def page() -> None:
        await Page(ui, run, stage).refresh()

    print(f"http://{host}:{port}   (Ctrl-C ends)", flush=True)
    with contextlib.suppress(KeyboardInterrupt):
        ui.run(
            page, host=host, port=port, title="sagan_tf", dark=None, reload=False, show=show, show_welcome_message=False
        )


def main(arguments: Sequence[str] | None = None) -> int:
    parser = Parser(prog="python -m sagan_tf.explore", description=__doc__)
    parser.add_argument("--run_dir", required=True, metavar="RUN")
    parser.add_argument("--step", type=int, help="a checkpoint's step; the newest by default")
    parser.add_argument(
        "--average",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="the moving average of G, or its raw weights; the average by default if there is one",
    )
    parser.add_argument(
        "--host",
        default="127.0.0.1",
        help="who may connect: by default this machine alone; anybody "
        "who reaches another address may, without a password",
    )
    parser.add_argument("--port", type=int, default=8080)
    parser.add_argument("--browser", action=argparse.BooleanOptionalAction, default=True, help="open it in a browser")
    flags = parser.parse_args(arguments)

    def work() -> None:
        model = TrainedModel(flags.run_dir, average=flags.average, step=flags.step)
        serve(Stage(model), host=flags.host, port=flags.port, show=flags.browser)

    return answered(work, interrupted="interrupted: the page was not served.")


if __name__ == "__main__":
    sys.exit(main())
