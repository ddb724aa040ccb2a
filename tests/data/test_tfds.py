import sys
import time
import types

import numpy as np
import pytest
import tensorflow_datasets as tfds

from sagan_tf.data.from_flag import source_from_flag
from sagan_tf.data.pipeline import evaluation_batches, training_batches
from sagan_tf.data.source import DataError
from sagan_tf.data.tfds import TfdsSource
from sagan_tf.data.transforms import Transform


class TinyPictures(tfds.core.GeneratorBasedBuilder):
    """30 training and 6 test images; image i is 16 x 20 of the one gray 7 * i, of class i % 3."""

    VERSION = tfds.core.Version("1.2.3")
    code_path = None  # no checksums file lies beside this code

    def _info(self):
        features = {"image": tfds.features.Image(shape=(None, None, 1)), "label": tfds.features.ClassLabel(names="abc")}
        return self.dataset_info_from_configs(
            features=tfds.features.FeaturesDict(features), supervised_keys=("image", "label")
        )

    def _split_generators(self, manager):
        return {"train": self._generate_examples(30), "test": self._generate_examples(6)}

    def _generate_examples(self, count):
        for i in range(count):
            yield i, {"image": np.full((16, 20, 1), 7 * i, np.uint8), "label": i % 3}


class TinySounds(TinyPictures):
    def _info(self):
        return self.dataset_info_from_configs(features=tfds.features.FeaturesDict({"pitch": np.float32}))


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    folder = str(tmp_path_factory.mktemp("tfds"))
    settings = tfds.download.DownloadConfig(try_download_gcs=False, num_shards=5)
    TinyPictures(data_dir=folder).download_and_prepare(download_config=settings)
    return folder


def tiny(folder, **options):
    return TfdsSource(name="tiny_pictures", data_dir=folder, **options)


def greys(rows):
    return np.concatenate([np.rint((images[:, 3, 3, 0] + 1) * 127.5).astype(int) for images, _ in rows])


def test_reads_every_example_with_its_label(prepared):
    examples = tiny(prepared).open(8)
    assert examples.name == "tfds:tiny_pictures/1.2.3:train"
    assert examples.class_names == tiny(prepared).class_names() == ("a", "b", "c") and examples.n_examples == 30
    rows = list(evaluation_batches(examples, resolution=8, batch_size=7, transform=Transform()).as_numpy_iterator())
    assert sorted(greys(rows)) == [7 * i for i in range(30)]
    np.testing.assert_array_equal(np.concatenate([labels for _, labels in rows]), greys(rows) // 7 % 3)


def test_epochs_are_permutations_and_restarts_are_exact(prepared):
    def rows(count, **start):
        return list(
            training_batches(
                tiny(prepared).open(8),
                resolution=8,
                batch_size=4,
                seed=1,
                transform=Transform(),
                cache_bytes=0,
                **start,
            )
            .take(count)
            .as_numpy_iterator()
        )

    straight = rows(15)
    for epoch in greys(straight).reshape(2, 30):
        assert sorted(epoch) == [7 * i for i in range(30)] and list(epoch) != sorted(epoch)
    for start in (5, 9):
        np.testing.assert_array_equal(greys(rows(15 - start, start_batch=start)), greys(straight[start:]))


def test_slices_of_splits(prepared):
    slices = [tiny(prepared, split=split).open(8) for split in ("train[:40%]", "train[40%:]", "test")]
    assert [examples.n_examples for examples in slices] == [12, 18, 6]
    values = [{int(image[0, 0, 0]) for image, _ in examples.ordered().as_numpy_iterator()} for examples in slices]
    assert not values[0] & values[1] and len(values[0] | values[1]) == 30


def test_what_is_not_there_is_explained_at_once_and_offline(tmp_path):
    start = time.monotonic()
    with pytest.raises(DataError) as caught:
        TfdsSource(name="imagenet2012", data_dir=str(tmp_path)).open(128)
    assert time.monotonic() - start < 5
    screen = str(caught.value)
    for part in (
        "ILSVRC2012_img_train.tar",
        f"{tmp_path}/downloads/manual",
        f"none at {tmp_path}/imagenet2012/5.1.0",
        "--gin_file=gin/data/procedural.gin --gin_bindings='train.table_size=1000'",
    ):
        assert part in screen
    assert len(screen.splitlines()) < 24
    with pytest.raises(DataError, match=r"(?s)build cifar10 --data_dir.*'train\.table_size=10'"):
        TfdsSource(name="cifar10", data_dir=str(tmp_path)).open(32)


def test_class_names_without_the_data(tmp_path):
    names = TfdsSource(name="imagenet2012", data_dir=str(tmp_path)).class_names()
    assert len(names) == 1000 and names[0] == "n01440764" and names[-1] == "n15075141" and list(names) == sorted(names)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("tiny_picture", r"received name='tiny_picture'\. Perhaps you mean tiny_pictures"),
        ("cifar10:9.9.9", "only: 3.0.2"),
        ("cifar10/nothing", "nothing not found"),
        ("tiny_sounds", "the features pitch"),
    ],
)
def test_names_that_cannot_be_used(tmp_path, name, message):
    with pytest.raises(DataError, match=message):
        TfdsSource(name=name, data_dir=str(tmp_path)).open(32)


def test_wrong_splits_and_missing_files_are_named(prepared):
    with pytest.raises(DataError, match=r"one of (train, test|test, train), "):
        tiny(prepared, split="validation").open(8)
    with pytest.raises(DataError, match=r"split='train\[40:'"):
        tiny(prepared, split="train[40:").open(8)


def test_the_flag():
    assert source_from_flag("tfds:cifar10") == TfdsSource(name="cifar10")
    assert source_from_flag("tfds:cifar10:test", "D") == TfdsSource(name="cifar10", split="test", data_dir="D")
    assert source_from_flag("tfds:cifar10:3.0.2") == TfdsSource(name="cifar10:3.0.2")
    assert source_from_flag("tfds:imagenet_resized/64x64:0.1.0:train[:90%]") == TfdsSource(
        name="imagenet_resized/64x64:0.1.0", split="train[:90%]"
    )
    for wrong in ("tfds:", "tfds::train", "nowhere"):
        with pytest.raises(DataError, match=wrong):
            source_from_flag(wrong)


def test_a_library_that_imports_in_part_says_what_to_do(monkeypatch):
    """TFDS swallows the error of a tensorflow-metadata that is too new for the installed protobuf."""
    monkeypatch.setitem(sys.modules, "tensorflow_datasets", types.ModuleType("tensorflow_datasets"))
    with pytest.raises(DataError, match=r"importable as a whole.*pip install 'tensorflow-metadata<1.18'"):
        TfdsSource(name="cifar10").class_names()
