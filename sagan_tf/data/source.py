"""The interface of data sets: a `Source` checks its data and opens them as `Examples`."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Literal, Protocol

import tensorflow as tf

from sagan_tf.foundation.plain_numbers import store_plain_numbers
from sagan_tf.foundation.spelling import counted

if TYPE_CHECKING:
    from sagan_tf.data.survey import Survey

LabelKind = Literal["named", "numbered", "none"]


def printable(text: str) -> str:
    """Escapes the bytes of file names that aren't UTF-8 (`caf\\xe9.png`), so that the text can be encoded."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


class DataError(ValueError):
    """The data can't be used as they are. The message says what is wrong, where, and what to do."""

    def __init__(self, message: str):
        super().__init__(printable(message))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Examples:
    """An opened data set, all of whose files have been checked.

    Attributes:
      name: where the examples come from, such as "procedural" or "tfds:cifar10/3.0.2:train".
      class_names: the name of each class; labels are indices into it.
      n_examples: examples in one epoch.
      fingerprint: identity of the content, independent of location and file times; it changes when the data change.
      former_fingerprint: the identity that runs recorded before contents were hashed, so that these can be resumed.
      class_digests: for each class its number of images, a digest of their names and sizes, and one of their contents,
        if the source has them. With these a resumed run can say which classes have changed.
      stream: `stream(seed=, start=0, stride=1)` is an endless data set of (uint8 image (h, w, 3), int32 label ()).
        Each epoch is a permutation keyed by (seed, epoch). Element i of the stream is example `start + i * stride` of
        the endless order, so that a run restarts anywhere without replaying the epoch, and each of H hosts reads only
        its own part (start=host, stride=H). Record files are distributed among the hosts, so that their order depends
        on the stride as well.
      ordered: `ordered()` is one pass over all examples in a fixed order, elements as in `stream`.
      agreement: for the procedural data set only, a function of images (N, H, W, 3) in [-1, 1] and labels (N,) that
        scores in [0, 1] how well the distant parts of each image agree; NaN for classes without such parts.
      costly: whether reading an example again means decoding it, so that keeping small data sets in memory is
        worthwhile.
      notes: remarks about this data set for the user, one line each.
      label_kind: "named" if classes have names, "numbered" if the names are only the labels' numbers (an .npz), "none"
        if there are no classes and the single name is that of the data.
      gray: whether every image is known to be gray. Images have three equal channels then, and runs on them draw gray
        images (see `Generator`).
    """

    name: str
    class_names: tuple[str, ...]
    n_examples: int
    fingerprint: str
    stream: Callable[..., tf.data.Dataset]
    ordered: Callable[[], tf.data.Dataset]
    agreement: Callable | None = None
    costly: bool = True
    former_fingerprint: str | None = None
    class_digests: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    label_kind: LabelKind = "named"
    gray: bool = False

    def __post_init__(self):
        if not self.class_names or self.n_examples < 1:
            raise DataError(
                f"A data set must have a class and an example; received {self.name} with "
                f"{counted(len(self.class_names), 'class')} and {counted(self.n_examples, 'example')}."
            )


def check_types(source: object, **kinds: type):
    """Checks the types of fields, since gin passes on any value that a file holds; None is always allowed.

    NumPy's numbers are replaced by Python's first (foundation/plain_numbers.py).

    Raises:
      DataError: for a field of another type.
    """
    store_plain_numbers(source)
    for name, kind in kinds.items():
        value = getattr(source, name)
        if value is not None and (not isinstance(value, kind) or isinstance(value, bool)):
            raise DataError(
                f"{type(source).__name__}.{name} must be of type {kind.__name__}; received "
                f"{name}={value!r}. Correct the binding."
            )


class Source(Protocol):
    """The data set of a run, as bound in a gin file: a small frozen dataclass."""

    def class_names(self) -> tuple[str, ...]:
        """The names of the classes, without needing the data set on disk if that can be avoided."""

    def open(self, resolution: int, *, class_names: Sequence[str] | None = None) -> Examples:
        """Checks the whole data set and opens it.

        Args:
          resolution: side of the networks' images, in pixels.
          class_names: the names that labels should index, such as those that a run has recorded; by default the data
            set's own. Classes are matched by name. The data may lack some of these classes.

        Raises:
          DataError: naming everything that is wrong, or both lists of classes if `class_names` lacks a class.
        """

    def validation(self) -> "Source":
        """The validation images of the same data set.

        Raises:
          DataError: if it has none.
        """

    def survey(self, resolution: int) -> "Survey":
        """Reads every image and summarizes the data set, including bad files.

        Raises:
          DataError: if it can't be read at all.
        """
