"""The pictures in a run's report: those stored in its directory, and real images next to samples."""

import dataclasses
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from PIL import Image

from sagan_tf.configuration.gin_config import ConfigError
from sagan_tf.data.pipeline import evaluation_batches
from sagan_tf.data.python_reads import with_plain_errors
from sagan_tf.data.source import DataError
from sagan_tf.figures import page
from sagan_tf.figures.image_table import ImageTable
from sagan_tf.foundation.first_line import first_line
from sagan_tf.foundation.notes import warn
from sagan_tf.runs.figures import shown_classes
from sagan_tf.runs.run_data import labeled_as_run
from sagan_tf.runs.run_directory import RunDirectory
from sagan_tf.runs.trained import TrainedModel
from sagan_tf.sampling.sampler import to_pixels

_MOST_FRAMES = 12
_MOST_CLASSES, _EACH = 8, 4
_MOST_READ = 4096  # real images among which those to be shown are searched
_ANIMATION_BYTES = 2_000_000
# Files of RUN/pictures by section; spectra.png is replaced by charts.
_SECTIONS = {
    "Nearest training images": "neighbors*.png",
    "Interpolation": "interpolat*.png",
    "Truncation": "truncation*.png",
    "Attention": "attention*.png",
}
_REPLACED = ("spectra.png",)


def stored_pictures(run: RunDirectory) -> dict[str, str]:
    """The pictures in RUN/pictures and RUN/truncation as HTML by section; a section without pictures is ""."""
    folder = run.path / "pictures"
    found = {section: sorted(folder.glob(pattern)) for section, pattern in _SECTIONS.items()}
    shown = {path for paths in found.values() for path in paths}
    others = [p for p in sorted(folder.glob("*.png")) if p not in shown and p.name not in _REPLACED]
    made = {section: _pictures(run, paths) for section, paths in found.items()}
    made["Truncation"] += _pictures(run, sorted((run.path / "truncation").glob("step-*.png"))[-1:])
    made["Interpolation"] += "".join(_animation(run, path) for path in sorted(folder.glob("interpolat*.webp")))
    if made["Attention"]:
        made["Attention"] = page.folded("Drawn before", made["Attention"])
    return {**made, "Class sheets": _class_sheets(run), "Other pictures": _pictures(run, others)}


def _pictures(run: RunDirectory, paths: Iterable[Path]) -> str:
    return "".join(
        page.captioned(page.picture(image, path.stem), _relative(run, path)) for path, image in opened(paths).items()
    )


def _relative(run: RunDirectory, path: Path) -> str:
    return path.relative_to(run.path).as_posix()


def _animation(run: RunDirectory, path: Path) -> str:
    if path.stat().st_size > _ANIMATION_BYTES:
        return page.text(f"The animation {_relative(run, path)} is too large for this page.")
    return page.captioned(page.animation(path.read_bytes(), path.stem), _relative(run, path))


def _class_sheets(run: RunDirectory) -> str:
    """A slider over the class sheets, and the easy and difficult classes."""
    sheets = sorted((run.path / "pictures" / "classes").glob("[0-9]*.png"), key=lambda path: (_label(path), path))
    compared = run.path / "pictures" / "classes" / "easy_and_difficult.png"
    made = ""
    if sheets:
        chosen = [sheets[i] for i in spread(len(sheets), _MOST_FRAMES)]
        names = run.class_names
        frames = {
            f"{path.stem.partition('_')[0]} {_class_name(path, names)}": image for path, image in opened(chosen).items()
        }
        made = page.text(f"{len(frames)} of {len(names)} classes; choose one with the slider.") + page.frames(frames)
    return made + (_pictures(run, [compared]) if compared.exists() else "")


def _class_name(path: Path, names: tuple[str, ...]) -> str:
    """The class of a sheet's file, whose name may lack some of the class's characters."""
    return names[_label(path)] if _label(path) < len(names) else path.stem.partition("_")[2]


def _label(path: Path) -> int:
    """The label with which a sheet's file begins, as wide as it is; a large number for a file of another name."""
    number = path.stem.partition("_")[0]
    return int(number) if number.isdecimal() else 1 << 62


def opened(paths: Iterable[Path]) -> dict[Path, Image.Image]:
    """The images by their files; those that are damaged or far too large are left out, with a warning."""
    found = {}
    for path in paths:
        try:
            with Image.open(path) as image:
                found[path] = image.copy()
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
            warn(f"{path} is left out of the report, since it can't be read: {error}")
    return found


def spread(count: int, most: int) -> np.ndarray:
    """At most `most` of `count` indices, evenly spaced and including both ends."""
    return np.unique(np.round(np.linspace(0, count - 1, min(count, most))).astype(int))


def beside_real(model: TrainedModel) -> str:
    """A few training images of some classes, the same in every report, next to as many samples, as HTML.

    If the run's data can't be opened on this machine, a sentence says why.
    """
    labels = spread(len(model.class_names), _MOST_CLASSES)
    try:
        real = _real_images(model, labels)
    except (DataError, ConfigError, OSError, ValueError) as error:
        why = first_line(error, most=2000)
        return page.text(f"The run's data could not be opened here, so no real images are shown: {why}")
    labels = np.asarray([label for label in labels if label in real], np.int32)
    if not len(labels):
        return page.text(f"None of the {_MOST_READ:,} training images that were read shows one of the chosen classes.")
    samples = model.images(np.repeat(labels, _EACH), seed=0).reshape(len(labels), _EACH, *real[labels[0]].shape[1:])
    table = ImageTable(
        images=np.concatenate([np.stack([real[label] for label in labels]), samples], axis=1),
        rows=model.row_names(labels),
        heads=[("training images", _EACH), ("samples", _EACH)],
        side=64,
    )
    caption = f"{shown_classes(model, labels)}: training images on the left, samples on the right.".capitalize()
    return page.text(caption) + page.picture(table.draw(), caption)


def _real_images(model: TrainedModel, labels: np.ndarray) -> dict[int, np.ndarray]:
    """`_EACH` images uint8 (_EACH,R,R,3) of each label, in a fixed shuffled order of the data.

    A class with fewer among the first `_MOST_READ` images is padded with white; one without any is left out.
    """
    settings = model.run.experiment()
    side = model.spec.resolution
    examples = labeled_as_run(model.run)
    count = min(_MOST_READ, examples.n_examples)
    shuffled = dataclasses.replace(
        examples, n_examples=count, ordered=lambda: examples.stream(seed=0).take(count), agreement=None
    )
    batches = evaluation_batches(shuffled, resolution=side, batch_size=64, transform=settings.transform, cache_bytes=0)
    found: dict[int, list[np.ndarray]] = {int(label): [] for label in labels}
    for images, classes in with_plain_errors(batches.as_numpy_iterator()):
        for image, label in zip(images, classes, strict=True):
            if len(found.get(int(label), range(_EACH))) < _EACH:
                found[int(label)].append(to_pixels(image).numpy())
        if all(len(some) == _EACH for some in found.values()):
            break
    white = np.full([side, side, 3], 255, np.uint8)
    return {label: np.stack([*some, *[white] * (_EACH - len(some))]) for label, some in found.items() if some}
