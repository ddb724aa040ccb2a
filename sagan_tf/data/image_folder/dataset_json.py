"""Labels from a dataset.json, as StyleGAN's dataset_tool.py writes it next to the images."""

import json
import pathlib
from collections.abc import Sequence

from sagan_tf.data.source import DataError

FILE_NAME = "dataset.json"
_MAX_NAMED = 5


def labels_of(path: pathlib.Path, images: Sequence[str]) -> dict[str, str] | None:
    """The class name of each image, which is its label in digits, by the image's path relative to the file's folder.

    The file is `{"labels": [["00000/img00000000.png", 6], ...]}`; `"labels": null` means that there are no classes.

    Args:
      path: of the JSON file.
      images: the existing image files, relative to the folder of the JSON file.

    Returns:
      None if the file says that there are no classes, or is another kind of JSON file.

    Raises:
      DataError: if the file can't be read, if labels aren't integers or an image has several, or if images and labels
        don't match.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError) as error:
        raise DataError(f"{FILE_NAME} must be readable JSON; received {path}: {error}. Repair or remove it.") from error
    rows = content.get("labels") if isinstance(content, dict) else None
    if rows is None:
        return None
    try:
        pairs = [(name, label) for name, label in rows]
        labels = dict(pairs)
        sound = all(isinstance(n, str) and type(label) is int and label >= 0 for n, label in labels.items())
    except (TypeError, ValueError):
        sound = False
    if not sound:
        raise DataError(
            f"The labels of {FILE_NAME} must be pairs of a file name and an integer from 0 on; received others in "
            f"{path}. Sort the images into class folders instead and remove the file."
        )
    if several := sorted({name for name, label in pairs if labels[name] != label}):
        raise DataError(
            f"Every image must have one label in {FILE_NAME}; received several for {len(several)} in {path}: "
            f"{', '.join(several[:_MAX_NAMED])}{', ...' if len(several) > _MAX_NAMED else ''}. Repair the file."
        )
    for what, names in (
        ("an image", sorted(labels.keys() - set(images))),
        ("a label", sorted(set(images) - labels.keys())),
    ):
        if names:
            raise DataError(
                f"Every image must have a label in {FILE_NAME}, and every label an image; received {len(names)} "
                f"without {what} in {path}: {', '.join(names[:_MAX_NAMED])}{', ...' if len(names) > _MAX_NAMED else ''}"
                f". Repair the file, or remove it and sort the images into class folders."
            )
    return {name: str(label) for name, label in labels.items()}
