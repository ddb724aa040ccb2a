import pytest

from sagan_tf.data.image_folder.image_folder import ImageFolder
from sagan_tf.data.procedural.procedural import ProceduralSource
from sagan_tf.data.shards.prepared_shards import PreparedShards
from sagan_tf.data.source import DataError
from sagan_tf.data.tfds import TfdsSource


@pytest.mark.parametrize(
    ("source", "options", "message"),
    [
        (
            ProceduralSource,
            {"n_examples": 1e4},
            r"ProceduralSource\.n_examples must be of type int; received .*10000\.0",
        ),
        (ProceduralSource, {"seed": True}, "seed=True"),
        (ImageFolder, {"path": 3}, "path=3"),
        (ImageFolder, {"path": "x", "min_short_edge": "400"}, "min_short_edge='400'"),
        (TfdsSource, {"name": 10}, "name=10"),
        (PreparedShards, {"path": b"x"}, "path=b'x'"),
    ],
)
def test_wrong_types_are_named(source, options, message):
    with pytest.raises(DataError, match=message):
        source(**options)
