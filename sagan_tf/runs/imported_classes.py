"""The names of the classes of imported weights: from a file, from the data, ImageNet's, or numbers."""

from collections.abc import Sequence
from pathlib import Path

from sagan_tf.data.imagenet_classes import SYNSET, imagenet_classes
from sagan_tf.foundation.notes import note, warn
from sagan_tf.runs.run_directory import RunError


def read_class_names(path: Path) -> tuple[str, ...]:
    """Reads one name per line, in the order of the labels: "cat", "n02099601" or "n02099601 golden retriever".

    Raises:
      RunError: if the file can't be read, or if a line is empty or repeated.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()  # Windows' editors begin with a mark
    except (OSError, UnicodeDecodeError) as error:
        raise RunError(
            f"--class_names must be a text file with one name per line; received {path} ({error})."
        ) from error
    names = tuple(line.strip() for line in lines)
    wrong = [i for i, name in enumerate(names) if not name or name in names[:i]]
    if wrong or not names:
        said = f"{names[wrong[0]]!r} in line {wrong[0] + 1}" if wrong else "an empty file"
        raise RunError(
            f"--class_names must be a file with a unique name for each class, one per line; received {said} of "
            f"{path}. Correct it."
        )
    return names


def names_of(file: str | None, of_data: Sequence[str] | None, n_classes: int | None) -> tuple[str, ...]:
    """The names of the classes that the weights' labels index.

    file: --class_names. of_data: those of the configured data, if there are any. n_classes: that of the weights, if
      known.

    Raises:
      RunError: if the names aren't as many as the classes.
    """
    if file is not None:
        names, source = read_class_names(Path(file)), f"--class_names={file}"
    elif of_data is not None:
        names, source = tuple(of_data), "the data set"
    elif n_classes == len(imagenet_classes()):
        note("The weights have 1,000 classes, which are assumed to be ImageNet's in the order of their synsets.")
        return tuple(imagenet_classes())
    else:
        note(
            f"The weights have {n_classes:,} classes without names: they are numbered. --class_names=FILE gives them "
            "names."
        )
        return tuple(map(str, range(n_classes)))
    if n_classes is not None and len(names) != n_classes:
        raise RunError(
            f"classes must have as many names as the weights have classes, {n_classes:,}; received {len(names):,} from "
            f"{source}. Name all of them, in the order of the labels, by --class_names=FILE."
        )
    if len(names) == len(imagenet_classes()) and not all(SYNSET.match(name) for name in names):
        warn(
            "Published ImageNet weights number their classes by sorted synset (n01440764, n01443537, ...); these "
            "names are not synsets. Make sure that they are in that order."
        )
    return names
