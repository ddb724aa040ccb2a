"""What a data set is to the rest of the package: a `Source` that opens, checked, into `Examples`."""

import dataclasses
from collections.abc import Callable
from typing import Protocol

import tensorflow as tf


class DataError(ValueError):
    """The data cannot be used as it is. The message is a whole screen: what is wrong, where, and what to do."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Examples:
    """An opened data set whose every file has been checked.

    Attributes:
      name: where the examples come from, such as "procedural" or "tfds:cifar10/3.0.2:train".
      class_names: one name a class; labels are indices into it.
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

    def __post_init__(self):
        if not self.class_names or self.n_examples < 1:
            raise DataError(
                f"A data set must have a class and an example; received {self.name} with "
                f"{len(self.class_names)} classes and {self.n_examples} examples."
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

    def open(self, resolution: int) -> Examples:
        """Checks the whole data set and opens it. Raises DataError, naming everything that is wrong."""
