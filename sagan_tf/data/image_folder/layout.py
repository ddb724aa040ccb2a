"""Finds the images of a folder: in class folders, in split folders above them, or directly."""

import dataclasses
import pathlib
from collections.abc import Sequence

from sagan_tf.data.class_names import in_order, indices_in
from sagan_tf.data.image_folder import dataset_json
from sagan_tf.data.image_folder.tree import Tree, walk
from sagan_tf.data.source import DataError, LabelKind, printable
from sagan_tf.foundation.home_folder import with_home

SPLITS = ("train", "training", "val", "valid", "validation", "test", "testing", "eval")
VALIDATION_SPLITS = ("val", "valid", "validation")
_LAYOUT = """Expected:
  {root}/CLASS/*.png          class folders; also jpg, jpeg, webp, bmp
  {root}/train/CLASS/*.png    the same below split folders (train, val, test)
  {root}/*.png                images without classes, for an unconditional model"""


@dataclasses.dataclass(frozen=True, kw_only=True)
class FoundImages:
    """Image files below `root` with their labels, sorted by class and path.

    Paths are relative to `root` and spelled as in the file system; class names and notes are printable. `label_kind` is
    as in `Examples`. `labels_from` names the file that the labels were read from; None if folders are the classes.
    """

    root: pathlib.Path
    class_names: tuple[str, ...]
    paths: tuple[str, ...]
    labels: tuple[int, ...]
    notes: tuple[str, ...]
    label_kind: LabelKind = "named"
    labels_from: str | None = None


def find_images(
    folder: pathlib.Path,
    split: str | None,
    *,
    class_names: Sequence[str] | None = None,
    any_layout: bool = False,
) -> FoundImages:
    """Finds the images and their classes.

    Args:
      folder: of the images.
      split: which split folder to read; by default "train" or "training" if there are split folders.
      class_names: the names that labels should index; by default those that are found, in their order.
      any_layout: accept images outside of one level of class folders as images without classes instead of refusing
        them.

    Raises:
      DataError: if the layout is ambiguous, or `class_names` lacks a class.
    """
    root = with_home(folder).absolute()
    if not root.is_dir():
        raise DataError(
            f"The data must be a folder; received {root}, which is "
            f"{'a file' if root.exists() else 'missing'}. Check the path."
        )
    tree = walk(root)
    tops = tree.tops()
    are_splits = tops and () not in tree.images and all(top.lower() in SPLITS for top in tops)
    if split is not None or (are_splits and not (any_layout and _split_of(tops, None) is None)):
        top = _chosen_split(root, tops, split)
        root, tree = root / top, tree.below(top)
    if not tree.images:
        raise DataError(
            f"The data must contain images; received {root}, which contains none"
            f"{' but ' + _counts(tree) if tree.ignored else ''}.\n"
            f"{_LAYOUT.format(root=root)}"
        )
    notes = [f"{root}: files in other formats are ignored: {_counts(tree)}."] if tree.ignored else []
    if dataset_json.FILE_NAME in tree.tables.get((), []):
        paths = tree.paths()
        if named := dataset_json.labels_of(root / dataset_json.FILE_NAME, paths):
            notes.append(f"{root}: labels are read from {dataset_json.FILE_NAME}.")
            return _labeled(root, named, class_names, notes, labels_from=dataset_json.FILE_NAME)
        return _unlabeled(root, paths, class_names, [*notes, f"{root}: {dataset_json.FILE_NAME} contains no classes."])
    if set(tree.images) == {()}:
        return _unlabeled(root, tree.paths(), class_names, [*notes, *_flat_notes(root, tree)])
    if not any_layout:
        _refuse_ambiguous(root, tree)
    elif any(len(parts) != 1 for parts in tree.images):
        note = f"{root} has images not directly inside class folders: all are treated as images without classes."
        return _unlabeled(root, tree.paths(), class_names, [*notes, note])
    if not any_layout and len(tree.tops()) == 1 and (class_names is None or len(class_names) == 1):
        note = f"{root} has a single class folder, {tree.tops()[0]}: its images are treated as images without classes."
        return _unlabeled(root, tree.paths(), class_names, [*notes, note], name=tree.tops()[0])
    named = {f"{parts[0]}/{name}": printable(parts[0]) for parts, names in tree.images.items() for name in names}
    return _labeled(root, named, class_names, notes)


def _labeled(
    root: pathlib.Path,
    named: dict[str, str],
    class_names: Sequence[str] | None,
    notes: list[str],
    *,
    labels_from: str | None = None,
) -> FoundImages:
    """Labels the files, in the order of `class_names` if given, so that a resumed run keeps its order of classes."""
    found = in_order(named.values())
    wanted = found if class_names is None else tuple(class_names)
    index = dict(zip(found, indices_in(wanted, found, of=str(root), to="the data set trained on"), strict=True))
    files = sorted((int(index[name]), path) for path, name in named.items())
    return FoundImages(
        root=root,
        class_names=wanted,
        paths=tuple(path for _, path in files),
        labels=tuple(label for label, _ in files),
        notes=tuple(map(printable, notes)),
        labels_from=labels_from,
    )


def _unlabeled(
    root: pathlib.Path,
    paths: list[str],
    class_names: Sequence[str] | None,
    notes: list[str],
    *,
    name: str | None = None,
) -> FoundImages:
    """All files without classes. name: their common name in place of a class; by default, that of the folder."""
    own = (printable(name or root.name),)
    if class_names is not None and len(class_names) != 1:
        indices_in(class_names, own, of=str(root), to="the data set trained on", kind="none")
    return FoundImages(
        root=root,
        class_names=own if class_names is None else tuple(class_names),
        paths=tuple(paths),
        labels=(0,) * len(paths),
        notes=tuple(map(printable, notes)),
        label_kind="none",
    )


def _flat_notes(root: pathlib.Path, tree: Tree) -> list[str]:
    notes = [f"{root} has no class folders: its images have no classes."]
    if tables := tree.tables.get((), []):
        notes.append(
            f"{root}: {_some(tables)} is not read. To train with labels, sort the images into class folders, or give "
            f"StyleGAN's {dataset_json.FILE_NAME}."
        )
    return notes


def _split_of(tops: list[str], split: str | None) -> str | None:
    wanted = ("train", "training") if split is None else (split.lower(),)
    return next((top for top in tops if top.lower() in wanted), None)


def _chosen_split(root: pathlib.Path, tops: list[str], split: str | None) -> str:
    if (top := _split_of(tops, split)) is None:
        raise DataError(
            f"The data's split must be one of its folders; received split={split or 'train'!r} and {root} "
            f"with {', '.join(tops) or 'no folders that hold images'}. Name one of them."
        )
    return top


def _refuse_ambiguous(root: pathlib.Path, tree: Tree):
    """Checks that all class folders are at one level and contain an image."""
    tops = tree.tops()
    if () in tree.images:
        raise DataError(
            f"Images must be in class folders, or all in one folder; received {root} with "
            f"{len(tree.images[()])} images outside the folders {_some(tops)}. Move them.\n"
            f"{_LAYOUT.format(root=root)}"
        )
    if deep := ["/".join(parts) for parts in tree.images if len(parts) > 1]:
        parents = {parts[:-1] for parts in tree.images}
        inner = f" Perhaps you mean {root.joinpath(*parents.pop())}." if len(parents) == 1 else ""
        raise DataError(
            f"Class folders must be directly below {root}; received images that are one or more levels too deep, in "
            f"{_some(deep)}.{inner}\n{_LAYOUT.format(root=root)}"
        )
    if empty := [parts[0] for parts in tree.empty if len(parts) == 1]:
        raise DataError(
            f"Every class folder must contain an image; received {root} with none in {_some(empty)}. Remove these "
            "folders, or add images to them."
        )


def _some(names: Sequence[str], most: int = 8) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def _counts(tree: Tree) -> str:
    return ", ".join(f"{count} {kind}" for kind, count in tree.ignored.most_common(5))
