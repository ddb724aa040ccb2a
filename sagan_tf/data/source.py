"""What a data set is to the rest of the package: a `Source` that opens, checked, into `Examples`."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Literal, Protocol

import tensorflow as tf

from sagan_tf.foundation.spelling import counted

if TYPE_CHECKING:
    from sagan_tf.data.survey import Survey

LabelKind = Literal["named", "numbered", "none"]


def printable(text: str) -> str:
    """The text with file names that aren't UTF-8 spelled in ASCII (`caf\\xe9.png`), so that it can be encoded."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


class DataError(ValueError):
    """The data cannot be used as it is. The message is a whole screen: what is wrong, where, and what to do."""

    def __init__(self, message: str):
        super().__init__(printable(message))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Examples:
    """An opened data set whose every file has been checked.

    Attributes:
      name: where the examples come from, such as "procedural" or "tfds:cifar10/3.0.2:train".
      class_names: the name of each class; labels are indices into it.
      n_examples: examples in one epoch.
      fingerprint: identity of the content, whatever its place and the files' times; changes when the data change.
      former_fingerprint: the same as runs recorded it before contents were hashed, for those begun then.
      class_digests: for each class its number of images, a digest of their names and sizes, and one of their contents,
        where the source knows them; a run that goes on says by them what has changed.
      stream: `stream(seed=, start=0, stride=1)` is an endless data set of (uint8 image (h, w, 3), int32 label ()).
        Every epoch is a permutation of its own, drawn from (seed, epoch). Element i of the stream is example
        `start + i * stride` of the endless order, so that a run restarts anywhere without replaying the epoch, and
        each of H hosts reads only its own part (start=host, stride=H). Record files are dealt out to the hosts, so that
        their order depends on the stride as well.
      ordered: `ordered()` is one pass over all examples in a fixed order, elements as in `stream`.
      agreement: for the procedural set alone: `agreement(images (N, H, W, 3) in [-1, 1], labels (N,))` scores in
        [0, 1] how well the far-apart parts of each image agree, NaN for classes without such parts.
      costly: whether making an example again costs a decode, so that keeping small sets in memory pays.
      notes: what the user should be told about this data set, one line each.
      label_kind: "named" where classes are known by their names, "numbered" where the names are only the labels'
        numbers (an .npz), "none" where there are no classes and the one name is that of the data.
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

    def __post_init__(self):
        if not self.class_names or self.n_examples < 1:
            raise DataError(
                f"A data set must have a class and an example; received {self.name} with "
                f"{counted(len(self.class_names), 'class')} and {counted(self.n_examples, 'example')}."
            )


def check_types(source: object, **kinds: type):
    """Raises DataError unless each named field is None or of its kind: gin passes on whatever a file says."""
    for name, kind in kinds.items():
        value = getattr(source, name)
        if value is not None and (not isinstance(value, kind) or isinstance(value, bool)):
            raise DataError(
                f"{type(source).__name__}.{name} must be of type {kind.__name__}; received "
                f"{name}={value!r}. Correct the binding."
            )


class Source(Protocol):
    """What a gin file binds as the run's data: a small frozen dataclass."""

    def class_names(self) -> tuple[str, ...]:
        """Names of the classes; does not need the data set on disk where that can be avoided."""

    def open(self, resolution: int, *, class_names: Sequence[str] | None = None) -> Examples:
        """Checks the whole data set and opens it.

        Args:
          resolution: side of the networks' images, in pixels.
          class_names: what the labels are to index, such as the names that a run has recorded, in its order; by
            default the data set's own. Classes are matched by name. The data may lack some of these classes.

        Raises:
          DataError: naming everything that is wrong, or with both lists for a class that `class_names` lacks.
        """

    def validation(self) -> "Source":
        """The validation images of the same data set.

        Raises:
          DataError: where it has none, proposing to name images instead.
        """

    def survey(self, resolution: int) -> "Survey":
        """Looks at every image and reports what the data set holds, bad files included.

        Raises:
          DataError: where it can't be read at all.
        """
