"""Where the images of a folder lie: class folders, split folders above them, or none of both."""

import collections
import dataclasses
import os
import pathlib

from sagan_tf.data.decoding import EXTENSIONS
from sagan_tf.data.source import DataError

SPLITS = ("train", "training", "val", "valid", "validation", "test", "testing", "eval")
_NOT_DATA = ("__MACOSX", "Thumbs.db", "desktop.ini")
_LAYOUT = """Expected:
  {root}/CLASS/*.png          class folders; also jpg, jpeg, webp, bmp
  {root}/train/CLASS/*.png    the same below split folders (train, val, test)
  {root}/*.png                no classes: one class, for an unconditional model"""


@dataclasses.dataclass(frozen=True, kw_only=True)
class FoundImages:
    """Image files below `root`: paths relative to it with a label each, class by class, sorted."""

    root: pathlib.Path
    class_names: tuple[str, ...]
    paths: tuple[str, ...]
    labels: tuple[int, ...]
    notes: tuple[str, ...]


@dataclasses.dataclass
class _Tree:
    """What a folder holds: image names by the folder's parts below the root, empty folders, and what is no image."""

    images: dict[tuple[str, ...], list[str]] = dataclasses.field(default_factory=dict)
    empty: list[tuple[str, ...]] = dataclasses.field(default_factory=list)
    ignored: collections.Counter = dataclasses.field(default_factory=collections.Counter)

    def below(self, top: str) -> "_Tree":
        return _Tree(
            {parts[1:]: names for parts, names in self.images.items() if parts[:1] == (top,)},
            [parts[1:] for parts in self.empty if parts[0] == top and len(parts) > 1],
            self.ignored,
        )

    def tops(self) -> list[str]:
        return sorted({parts[0] for parts in self.images if parts})


def find_images(folder: pathlib.Path, split: str | None) -> FoundImages:
    """Finds the images and their classes. Raises DataError where the folder's layout leaves a doubt."""
    root = folder.expanduser().absolute()
    if not root.is_dir():
        raise DataError(
            f"The data must be a folder; received {root}, which is "
            f"{'a file' if root.exists() else 'not there'}. Check the path."
        )
    tree = _Tree()
    _walk(root, (), (), tree)
    tops = tree.tops()
    if split is not None or (tops and () not in tree.images and all(top.lower() in SPLITS for top in tops)):
        top = _chosen_split(root, tops, split)
        root, tree = root / top, tree.below(top)
    if not tree.images:
        raise DataError(
            f"The data must hold images; received {root}, which holds none"
            f"{' but ' + _counts(tree) if tree.ignored else ''}.\n"
            f"{_LAYOUT.format(root=root)}"
        )
    notes = [f"{root}: left out, being no images of the known kinds: {_counts(tree)}."] if tree.ignored else []
    if set(tree.images) == {()}:
        notes.append(f"{root} has no class folders: all its images are one class, for an unconditional model.")
        names = sorted(tree.images[()])
        return FoundImages(
            root=root, class_names=(root.name,), paths=tuple(names), labels=(0,) * len(names), notes=tuple(notes)
        )
    _refuse_doubtful(root, tree)
    classes = tree.tops()
    files = [(f"{name}/{file}", label) for label, name in enumerate(classes) for file in sorted(tree.images[(name,)])]
    return FoundImages(
        root=root,
        class_names=tuple(classes),
        paths=tuple(path for path, _ in files),
        labels=tuple(label for _, label in files),
        notes=tuple(notes),
    )


def _walk(folder: pathlib.Path, parts: tuple[str, ...], above: tuple[str, ...], tree: _Tree):
    """Fills `tree`; follows links to folders but never in a circle."""
    real = os.path.realpath(folder)
    if real in above:
        tree.ignored["links in a circle"] += 1
        return
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except PermissionError as error:
        raise DataError(
            f"Every folder of the data must be readable; received {folder}, which is not. Change its "
            f"permissions or move it elsewhere."
        ) from error
    shown = [entry for entry in entries if not entry.name.startswith(".") and entry.name not in _NOT_DATA]
    folders = [entry for entry in shown if entry.is_dir()]
    files = [entry.name for entry in shown if not entry.is_dir()]
    images = [name for name in files if name.lower().endswith(EXTENSIONS)]
    others = (name for name in files if not name.lower().endswith(EXTENSIONS))
    tree.ignored.update(os.path.splitext(name)[1].lower() or name for name in others)
    if images:
        tree.images[parts] = images
    elif parts and not folders:
        tree.empty.append(parts)
    for entry in folders:
        _walk(pathlib.Path(entry.path), (*parts, entry.name), (*above, real), tree)


def _chosen_split(root: pathlib.Path, tops: list[str], split: str | None) -> str:
    wanted = ("train", "training") if split is None else (split.lower(),)
    for top in tops:
        if top.lower() in wanted:
            return top
    raise DataError(
        f"The data's split must be one of its folders; received split={split or 'train'!r} and {root} "
        f"with {', '.join(tops) or 'no folders that hold images'}. Name one of them."
    )


def _refuse_doubtful(root: pathlib.Path, tree: _Tree):
    """Class folders must all lie at one level, each with an image, and there must be two."""
    tops = tree.tops()
    if () in tree.images:
        raise DataError(
            f"Images must lie in class folders or all in one folder; received {root} with "
            f"{len(tree.images[()])} images of its own beside the folders {_some(tops)}. Move them.\n"
            f"{_LAYOUT.format(root=root)}"
        )
    if deep := ["/".join(parts) for parts in tree.images if len(parts) > 1]:
        inner = f" Perhaps you mean {root / tops[0]}." if len(tops) == 1 else ""
        raise DataError(
            f"Class folders must lie right below {root}; received images one level too deep or more, in "
            f"{_some(deep)}.{inner}\n{_LAYOUT.format(root=root)}"
        )
    if empty := [parts[0] for parts in tree.empty if len(parts) == 1]:
        raise DataError(
            f"Every class folder must hold an image; received {root} with none in {_some(empty)}. Remove "
            f"these folders or fill them."
        )
    if len(tops) == 1:
        raise DataError(
            f"A data set with class folders must have two classes; received {root} with the one class "
            f"{tops[0]}. For an unconditional model give that folder itself: {root / tops[0]}"
        )


def _some(names: list[str], most: int = 8) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def _counts(tree: _Tree) -> str:
    return ", ".join(f"{count} {kind}" for kind, count in tree.ignored.most_common(5))
