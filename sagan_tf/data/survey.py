"""A summary of a data set on one screen: bad files, images per class, sizes and duplicates."""

import collections
import dataclasses
import hashlib

import numpy as np

from sagan_tf.data.python_reads import with_plain_errors
from sagan_tf.data.source import Examples, LabelKind
from sagan_tf.foundation.progress import Progress
from sagan_tf.foundation.spelling import counted

_MAX_BAD, _MAX_CLASSES, _MAX_DUPLICATES = 20, 12, 5  # lines of each kind that fit on a screen
_BAR = 30


@dataclasses.dataclass(frozen=True, kw_only=True)
class Survey:
    """The facts about each of the N images of a data set.

    Attributes:
      name: of the data set.
      class_names: of the labels.
      names: of the images, paths or numbers.
      labels: (N,).
      sizes: (N, 2) height and width in pixels, 0 for an image that can't be read.
      digests: of the images' contents; equal contents have equal digests.
      bad: name of each bad image -> what is wrong with it.
      notes: remarks about the data set.
      label_kind, gray: as in `Examples`.
    """

    name: str
    class_names: tuple[str, ...]
    names: tuple[str, ...]
    labels: np.ndarray
    sizes: np.ndarray
    digests: tuple[bytes, ...]
    bad: dict[str, str]
    notes: tuple[str, ...] = ()
    label_kind: LabelKind = "named"
    gray: bool = False

    def duplicates(self) -> list[list[int]]:
        """Groups of readable images with the same content."""
        groups = collections.defaultdict(list)
        for i in np.flatnonzero(self.sizes[:, 0]).tolist():
            groups[self.digests[i]].append(i)
        return [group for group in groups.values() if len(group) > 1]

    def report(self, resolution: int) -> str:
        """The summary as text; `resolution` is that of the networks."""
        good = self.sizes[:, 0] > 0
        has_classes = self.label_kind != "none"
        classes = counted(len(self.class_names), "class") if has_classes else "no classes"
        parts = [
            f"{self.name}: {good.sum()} good images, {classes}{', all gray' if self.gray else ''}",
            *self.notes,
            *self._bad_lines(),
            *(self._class_lines(self.labels[good]) if has_classes else []),
        ]
        if good.any():
            parts += self._size_lines(self.sizes[good], resolution)
        return "\n".join([*parts, *self._duplicate_lines()])

    def _bad_lines(self) -> list[str]:
        if not self.bad:
            return ["bad files: none"]
        lines = [f"  {name}: {reason}" for name, reason in list(self.bad.items())[:_MAX_BAD]]
        more = [f"  and {len(self.bad) - _MAX_BAD} more"] if len(self.bad) > _MAX_BAD else []
        return [f"bad files: {len(self.bad)}, which training and preparation reject", *lines, *more]

    def _class_lines(self, labels: np.ndarray) -> list[str]:
        counts = np.bincount(labels, minlength=len(self.class_names))
        order = range(len(counts)) if len(counts) <= _MAX_CLASSES else np.argsort(-counts, kind="stable")
        shown = (
            list(order) if len(counts) <= _MAX_CLASSES else [*order[: _MAX_CLASSES // 2], *order[-_MAX_CLASSES // 2 :]]
        )
        width = max(len(self.class_names[i]) for i in shown)
        bars = ["#" * round(_BAR * count / max(1, counts.max())) for count in counts]
        lines = [f"  {self.class_names[i]:<{width}} {counts[i]:>8} {bars[i]}" for i in shown]
        if len(counts) > len(shown):
            lines.insert(_MAX_CLASSES // 2, f"  ... {len(counts) - len(shown)} classes between these ...")
        return [f"images per class: {counts.min()} to {counts.max()}", *lines]

    def _size_lines(self, sizes: np.ndarray, resolution: int) -> list[str]:
        short = sizes.min(axis=1)
        low, middle, high = np.percentile(short, (0, 50, 100)).astype(int)
        kinds = len(np.unique(sizes, axis=0))
        small = np.sum(short < resolution)
        return [
            f"sizes: {kinds} different; short edge {low} to {high} pixels, median {middle}; {small} images are "
            f"smaller than {resolution} and would be enlarged"
        ]

    def _duplicate_lines(self) -> list[str]:
        groups = self.duplicates()
        if not groups:
            return ["duplicates: none"]
        extra = sum(len(group) - 1 for group in groups)
        mixed = [group for group in groups if len({int(self.labels[i]) for i in group}) > 1]
        shown = sorted(groups, key=lambda group: len({int(self.labels[i]) for i in group}) == 1)[:_MAX_DUPLICATES]
        lines = [
            "  " + " = ".join(self.names[i] for i in group[:4]) + (" ..." if len(group) > 4 else "") for group in shown
        ]
        return [f"duplicates: {extra} images repeat another; {len(mixed)} groups lie in more than one class", *lines]


def survey_examples(examples: Examples) -> Survey:
    """Reads every image of an opened data set; duplicates are images with equal pixels."""
    labels, sizes, digests, bad = [], [], [], {}
    rows = with_plain_errors(examples.ordered().prefetch(64).as_numpy_iterator())
    rows = Progress(rows, total=examples.n_examples, unit="image", title="reading images")
    for image, label in rows:
        if not 0 <= label < len(examples.class_names):
            bad[f"#{len(labels)}"] = f"its label is {label}, which is not a class"
        labels.append(int(label))
        sizes.append(image.shape[:2] if 0 <= label < len(examples.class_names) else (0, 0))
        digests.append(hashlib.sha256(repr(image.shape).encode() + image.tobytes()).digest())
    names = tuple(
        f"{examples.class_names[label]} #{i}" if f"#{i}" not in bad else f"#{i}" for i, label in enumerate(labels)
    )
    return Survey(
        name=examples.name,
        class_names=examples.class_names,
        names=names,
        labels=np.asarray(labels),
        sizes=np.asarray(sizes),
        digests=tuple(digests),
        bad=bad,
        notes=examples.notes,
        label_kind=examples.label_kind,
        gray=examples.gray,
    )
