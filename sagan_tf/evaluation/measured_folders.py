"""Opens folders to be measured: class folders, a flat folder or any other layout, or prepared shards."""

import collections
import dataclasses
import pathlib

import numpy as np

from sagan_tf.data.from_flag import source_from_flag
from sagan_tf.data.image_folder.image_folder import ImageFolder
from sagan_tf.data.shards.prepared_shards import PreparedShards
from sagan_tf.data.source import DataError, Examples

_MOST_NAMED = 3  # sizes that a message lists


def open_folder(folder: pathlib.Path, *, resolution: int | None = None) -> tuple[Examples, int]:
    """Opens a folder of any layout, and returns it with the resolution that it is measured at, in pixels per side.

    Images in class folders of one level have the classes of their folders; others have none. The examples carry a note
    that says how many images are resized.

    resolution: None uses the images' own, if all of them are squares of one size.

    Raises:
      DataError: for a folder that can't be read, and for images of several sizes without a `resolution`.
    """
    source = source_from_flag(str(folder))
    if isinstance(source, PreparedShards):
        side = resolution or source.resolution()
        return source.open(side), side
    source = ImageFolder(path=str(folder), any_layout=True)
    survey = source.survey(resolution or 0)
    sizes = collections.Counter(tuple(size) for size in survey.sizes[survey.sizes[:, 0] > 0].tolist())
    side = resolution or _common_side(folder, sizes)
    examples = source.open(side)
    if others := sum(count for size, count in sizes.items() if size != (side, side)):
        note = (
            f"{folder}: {others} of {examples.n_examples} images are cropped and resized to {side} x {side} pixels, "
            f"which changes what is measured."
        )
        examples = dataclasses.replace(examples, notes=(*examples.notes, note))
    return examples, side


def _common_side(folder: pathlib.Path, sizes: collections.Counter) -> int:
    most = sizes.most_common()
    if not most:
        return 1  # every file is bad, which opening refuses by name
    (height, width), _ = most[0]
    if len(most) == 1 and height == width:
        return height
    shown = ", ".join(f"{count} of {width} x {height}" for (height, width), count in most[:_MOST_NAMED])
    raise DataError(
        f"Images must be squares of one size, or a resolution be given; received {folder} with {len(most)} "
        f"{'size' if len(most) == 1 else 'sizes'}, in pixels: {shown}{', ...' if len(most) > _MOST_NAMED else ''}. Add "
        f"--resolution={int(np.median([min(size) for size in sizes.elements()]))} to crop and resize all of them."
    )
