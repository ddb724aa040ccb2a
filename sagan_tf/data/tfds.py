"""Labeled data sets of TensorFlow Datasets, by name. The only importer of tensorflow_datasets."""

import dataclasses
import difflib
import os
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from sagan_tf.data.class_names import relabeled
from sagan_tf.data.records import RecordFiles, sequential_access
from sagan_tf.data.source import DataError, Examples, check_types
from sagan_tf.data.survey import Survey, survey_examples

_WITHOUT_IT = """To try the same configuration on the embedded data set, repeat the command without --data and with
  --gin_file=gin/data/procedural.gin{table_size}"""

_BY_HAND = """What to download (an account at https://image-net.org/download-images is needed, about 144 GB):
  ILSVRC2012_img_train.tar and ILSVRC2012_img_val.tar
Where to put them, without unpacking them:
  {manual_dir}
Then prepare the data set, once:
  python -m tensorflow_datasets.scripts.cli.main build imagenet2012 --data_dir={data_dir} --manual_dir={manual_dir}"""

_BY_ITSELF = """Nothing has to be downloaded by hand. With network access, this command downloads and prepares it:
  python -m tensorflow_datasets.scripts.cli.main build {name} --data_dir={data_dir}"""


@dataclasses.dataclass(frozen=True, kw_only=True)
class TfdsSource:
    """A data set of TensorFlow Datasets with an image and a class label, already prepared on this machine.

    It never downloads anything and never uses the network.

    Attributes:
      name: "imagenet2012", "imagenet_resized/64x64", "cifar10:3.0.2", ...
      split: in TFDS's notation: "train", "validation", "train[:90%]", ...
      data_dir: the folder of the data sets; by default $TFDS_DATA_DIR, or ~/tensorflow_datasets.
    """

    name: str
    split: str = "train"
    data_dir: str | None = None

    def __post_init__(self):
        check_types(self, name=str, split=str, data_dir=str)

    def class_names(self) -> tuple[str, ...]:
        builder = self._builder()
        return tuple(builder.info.features[self._keys(builder)[1]].names)

    def open(self, resolution: int, *, class_names: Sequence[str] | None = None) -> Examples:
        """Finds the prepared files and checks that all of them exist.

        Raises:
          DataError: if the data set isn't prepared or a file is missing.
        """
        builder = self._builder()
        image_key, label_key = self._keys(builder)
        if not builder.info.splits:
            raise DataError(self._absent(builder))
        files = self._files(builder)
        features = builder.info.features
        decoders = {image_key: self._library().decode.SkipDecoding()}

        def parse(record):
            example = features.deserialize_example(record, decoders=decoders)
            image = tf.io.decode_image(example[image_key], channels=3, expand_animations=False)
            return tf.ensure_shape(image, (None, None, 3)), tf.cast(example[label_key], tf.int32)

        stream, ordered = sequential_access(files, parse)
        identity = f"{builder.info.full_name}:{self.split}"
        n_bytes = sum(tf.io.gfile.stat(path).length for path in set(files.paths))
        examples = Examples(
            name=f"tfds:{identity}",
            class_names=tuple(features[label_key].names),
            n_examples=files.n_records,
            stream=stream,
            ordered=ordered,
            fingerprint=f"tfds {identity} n={files.n_records} bytes={n_bytes}",
            gray=features[image_key].shape[-1] == 1,
        )
        return relabeled(examples, class_names)

    def validation(self) -> "TfdsSource":
        """The split "validation".

        Raises:
          DataError: if the data set has none.
        """
        splits = self._builder().info.splits
        if splits and "validation" not in splits:
            raise DataError(
                f"Validation images must be a split named validation; received {self.name} with "
                f"{', '.join(splits)}. Name the images: --reference=tfds:{self.name}:SPLIT, or --reference=FOLDER."
            )
        return dataclasses.replace(self, split="validation")

    def survey(self, resolution: int) -> Survey:
        return survey_examples(self.open(resolution))

    def _library(self):
        try:
            import tensorflow_datasets
        except ImportError as error:
            raise DataError(
                "TensorFlow Datasets must be installed to read tfds data; received none. Run: "
                "pip install tensorflow-datasets"
            ) from error
        if not hasattr(tensorflow_datasets, "builder"):  # it swallows the errors of its own imports
            raise DataError(
                "TensorFlow Datasets must be importable as a whole to read tfds data; received one without "
                "`builder`. Usually tensorflow-metadata is too new for the installed protobuf; run: "
                "pip install 'tensorflow-metadata<1.18'"
            )
        return tensorflow_datasets

    def _builder(self):
        tfds = self._library()
        plain = self.name.split("/")[0].split(":")[0]
        try:
            return tfds.builder(self.name, data_dir=self._where(), try_gcs=False)
        except tfds.core.registered.DatasetNotFoundError as error:
            near = difflib.get_close_matches(plain, tfds.list_builders(with_community_datasets=False), 3)
            hint = f" Perhaps you mean {' or '.join(near)}." if near else ""
            raise DataError(
                f"The data set must be one that TensorFlow Datasets knows; received name={self.name!r}."
                f"{hint}\nAll of them: https://www.tensorflow.org/datasets/catalog/overview"
            ) from error
        except (AssertionError, ValueError, KeyError) as error:
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
            raise DataError(
                f"The data set's name must be NAME, NAME/CONFIG or NAME:VERSION as TensorFlow Datasets has "
                f"them; received name={self.name!r}. {reason}"
            ) from error

    def _keys(self, builder) -> tuple[str, str]:
        """The names of the image and of the label among the features.

        Raises:
          DataError: if the data set has no 8-bit image or no class label.
        """
        tfds = self._library()
        features = dict(builder.info.features)
        image_key, label_key, *_ = (*(builder.info.supervised_keys or ()), "image", "label")
        image, label = features.get(image_key), features.get(label_key)
        if (
            not isinstance(image, tfds.features.Image)
            or not isinstance(label, tfds.features.ClassLabel)
            or image.np_dtype != np.uint8
            or not label.names
        ):
            raise DataError(
                f"A TFDS data set must have an 8-bit image and a class label; received {self.name} with "
                f"the features {', '.join(features)}. Choose a data set for image classification."
            )
        return image_key, label_key

    def _files(self, builder) -> RecordFiles:
        """The record files of the split, after checking that all of them exist."""
        if builder.info.file_format is not None and builder.info.file_format.value != "tfrecord":
            raise DataError(
                f"A TFDS data set must be stored as tfrecord; received {builder.info.full_name} stored as "
                f"{builder.info.file_format.value}. Prepare it again with --file_format=tfrecord."
            )
        try:
            parts = builder.info.splits[self.split].file_instructions
        except (ValueError, KeyError) as error:
            raise DataError(
                f"The split must be one of {', '.join(builder.info.splits)}, or a slice such as "
                f"'train[:90%]'; received split={self.split!r} of {builder.info.full_name}."
            ) from error
        missing = [part.filename for part in parts if not tf.io.gfile.exists(part.filename)]
        if missing or not parts:
            raise DataError(
                f"Every file of {builder.info.full_name} must exist; received {len(missing)} of "
                f"{len(parts)} missing, such as {missing[:1]}. Delete {builder.data_path} and prepare the "
                f"data set again."
            )
        return RecordFiles(
            paths=tuple(str(part.filename) for part in parts),
            skips=tuple(part.skip for part in parts),
            counts=tuple(part.examples_in_shard for part in parts),
        )

    def _where(self) -> str:
        return self.data_dir or os.environ.get("TFDS_DATA_DIR") or os.path.expanduser("~/tensorflow_datasets")

    def _absent(self, builder) -> str:
        where = {"name": self.name, "data_dir": self._where(), "manual_dir": f"{self._where()}/downloads/manual"}
        how = (_BY_HAND if builder.name == "imagenet2012" else _BY_ITSELF).format(**where)
        n_classes = builder.info.features[self._keys(builder)[1]].num_classes
        size = f" --gin_bindings='train.table_size={n_classes}'   (class tables as large as for {self.name})"
        without_it = _WITHOUT_IT.format(table_size=size)
        return (
            f"The data set {builder.info.full_name} must be prepared on this machine; received none at "
            f"{builder.data_path}.\n\n{how}\nIf it is stored elsewhere, name the folder: "
            f"--data_dir=FOLDER\n\n{without_it}"
        )
