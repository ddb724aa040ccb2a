"""Data that were decoded, cropped and resized in advance: TFRecord files with an index (see prepare_data)."""

import dataclasses
import os
import pathlib
import shlex
from collections.abc import Sequence

import tensorflow as tf

from sagan_tf.data.class_names import relabeled
from sagan_tf.data.records import RecordFiles, sequential_access
from sagan_tf.data.shards.index import INDEX_NAME, VALIDATION_FOLDER, ShardIndex, damaged_shards, read_index
from sagan_tf.data.source import DataError, Examples, check_types, printable
from sagan_tf.data.survey import Survey, survey_examples
from sagan_tf.foundation.home_folder import with_home

_FEATURES = {"image": tf.io.FixedLenFeature((), tf.string), "label": tf.io.FixedLenFeature((), tf.int64)}
_MAX_NAMED = 10


@dataclasses.dataclass(frozen=True, kw_only=True)
class PreparedShards:
    """A folder written by `python -m sagan_tf.prepare_data`.

    Attributes:
      path: the folder that holds the index.
    """

    path: str

    def __post_init__(self):
        check_types(self, path=str)

    def class_names(self) -> tuple[str, ...]:
        return self._index().plan.class_names

    def open(self, resolution: int, *, class_names: Sequence[str] | None = None) -> Examples:
        """Verifies the checksum of every shard; results are cached.

        Raises:
          DataError: naming each bad shard, or if the resolution is another.
        """
        folder, index = self._folder, self._index()
        plan = index.plan
        if plan.resolution != resolution:
            raise DataError(
                f"Prepared shards must have the networks' resolution; received {folder} prepared at "
                f"{plan.resolution} for resolution={resolution}. Prepare the data again:\n  python -m "
                f"sagan_tf.prepare_data --source=... --resolution={resolution} --out=ANOTHER_FOLDER"
            )
        if damaged := damaged_shards(folder, index):
            lines = [f"  {name}: {reason}" for name, reason in list(damaged.items())[:_MAX_NAMED]]
            raise DataError(
                f"Every shard must be as it was written; received {len(damaged)} of {len(index.shards)} "
                f"that are not, in {folder}:\n" + "\n".join(lines) + "\nRun the prepare_data command that "
                "wrote them again: it writes only these."
            )
        shards = [shard for shard in index.shards if shard.count]
        files = RecordFiles(
            paths=tuple(os.fsencode(folder / shard.name) for shard in shards),
            counts=tuple(shard.count for shard in shards),
            skips=(0,) * len(shards),
        )
        stream, ordered = sequential_access(files, _parser(plan.encoding, resolution))
        note = f"{folder}: prepared from {plan.source} with method={plan.method!r}; images are not resampled again."
        examples = Examples(
            name=printable(f"shards:{folder}"),
            class_names=plan.class_names,
            n_examples=index.count,
            fingerprint=f"shards {index.content_key()}",
            stream=stream,
            ordered=ordered,
            notes=(printable(note),),
            label_kind="named" if len(plan.class_names) > 1 else "none",
            gray=index.gray,
        )
        return relabeled(examples, class_names)

    def validation(self) -> "PreparedShards":
        """The shards in the subfolder `validation`.

        Raises:
          DataError: if there are none.
        """
        folder = self._folder / VALIDATION_FOLDER
        if not (folder / INDEX_NAME).exists():
            plan = self._index().plan
            raise DataError(
                f"Validation shards must be in {folder}; received none there. Name other images, "
                f"--reference=FOLDER, or prepare them:\n  python -m sagan_tf.prepare_data --source=... "
                f"--split=validation --resolution={plan.resolution} --out={shlex.quote(str(self.path))}"
            )
        return PreparedShards(path=str(folder))

    def survey(self, resolution: int) -> Survey:
        return survey_examples(self.open(resolution))

    def resolution(self) -> int:
        """The side of the prepared images in pixels."""
        return self._index().plan.resolution

    @property
    def _folder(self) -> pathlib.Path:
        return with_home(self.path)

    def _index(self) -> ShardIndex:
        index = read_index(self._folder)
        if not index.complete:
            raise DataError(
                f"Prepared shards must be complete; received {self.path} with {len(index.shards)} of "
                f"{index.plan.n_shards}: its preparation was interrupted. Run the same prepare_data "
                f"command again: it continues where it stopped."
            )
        return index


def _parser(encoding: str, resolution: int):
    """The function record -> (uint8 (R, R, 3), int32 label)."""

    def parse(record):
        example = tf.io.parse_single_example(record, _FEATURES)
        if encoding == "jpeg":
            image = tf.io.decode_jpeg(example["image"], channels=3, dct_method="INTEGER_ACCURATE")
        else:
            image = tf.io.decode_png(example["image"], channels=3)
        return tf.ensure_shape(image, (resolution, resolution, 3)), tf.cast(example["label"], tf.int32)

    return parse
