"""Walks a folder tree: its image files, empty folders, and other files."""

import collections
import dataclasses
import os
import pathlib

from sagan_tf.data.image_folder.decoding import EXTENSIONS
from sagan_tf.data.source import DataError

_NOT_DATA = ("__MACOSX", "Thumbs.db", "desktop.ini")
_TABLES = (".csv", ".tsv", ".json", ".jsonl")
_BARE = "without an extension"


@dataclasses.dataclass
class Tree:
    """The content of a folder.

    Attributes:
      images: the names of the image files of each folder, by the parts of the folder's path below the root.
      bare: the names of the files without an extension, in the same way.
      tables: the names of files such as labels.csv or dataset.json, in the same way.
      empty: the parts of the paths of folders that hold neither image files nor folders.
      ignored: the number of other files by their extension.
    """

    images: dict[tuple[str, ...], list[str]] = dataclasses.field(default_factory=dict)
    bare: dict[tuple[str, ...], list[str]] = dataclasses.field(default_factory=dict)
    tables: dict[tuple[str, ...], list[str]] = dataclasses.field(default_factory=dict)
    empty: list[tuple[str, ...]] = dataclasses.field(default_factory=list)
    ignored: collections.Counter = dataclasses.field(default_factory=collections.Counter)

    def below(self, top: str) -> "Tree":
        """The part of the tree below one of its top folders."""

        def moved(files: dict[tuple[str, ...], list[str]]) -> dict[tuple[str, ...], list[str]]:
            return {parts[1:]: names for parts, names in files.items() if parts[:1] == (top,)}

        return Tree(
            images=moved(self.images),
            tables=moved(self.tables),
            empty=[parts[1:] for parts in self.empty if parts[0] == top and len(parts) > 1],
            ignored=self.ignored,
        )

    def tops(self) -> list[str]:
        """The names of the folders directly below the root that hold images at any depth."""
        return sorted({parts[0] for parts in self.images if parts})

    def paths(self) -> list[str]:
        """The paths of all image files relative to the root, sorted."""
        return sorted("/".join((*parts, name)) for parts, names in self.images.items() for name in names)


def walk(root: pathlib.Path) -> Tree:
    """Walks `root`, following links to folders, but not circular ones.

    Image files are recognized by their extensions. If no file has one, files without any extension are recognized by
    their first bytes.

    Raises:
      DataError: if a folder can't be read.
    """
    tree = Tree()
    _walk(root, (), (), tree)
    if tree.images or not tree.bare:
        return tree
    for parts, names in tree.bare.items():
        if images := [name for name in names if _is_image(root.joinpath(*parts, name))]:
            tree.images[parts] = images
            tree.ignored[_BARE] -= len(images)
    tree.ignored = +tree.ignored
    tree.empty = [parts for parts in tree.empty if parts not in tree.images]
    return tree


def _walk(folder: pathlib.Path, parts: tuple[str, ...], above: tuple[str, ...], tree: Tree):
    real = os.path.realpath(folder)
    if real in above:
        tree.ignored["circular links"] += 1
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
    others = [name for name in files if not name.lower().endswith(EXTENSIONS)]
    tree.ignored.update(os.path.splitext(name)[1].lower() or _BARE for name in others)
    if bare := [name for name in others if not os.path.splitext(name)[1]]:
        tree.bare[parts] = bare
    if tables := [name for name in others if name.lower().endswith(_TABLES)]:
        tree.tables[parts] = tables
    if images:
        tree.images[parts] = images
    elif parts and not folders:
        tree.empty.append(parts)
    for entry in folders:
        _walk(pathlib.Path(entry.path), (*parts, entry.name), (*above, real), tree)


def _is_image(path: pathlib.Path) -> bool:
    """Whether a file begins with the signature of PNG, JPEG, BMP or WebP."""
    try:
        with path.open("rb") as file:
            head = file.read(12)
    except OSError:
        return False
    return head.startswith((b"\x89PNG\r\n", b"\xff\xd8\xff", b"BM")) or (head[:4], head[8:]) == (b"RIFF", b"WEBP")
