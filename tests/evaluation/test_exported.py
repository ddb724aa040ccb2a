"""Options that an exported generator can't follow are refused before it is loaded."""

import json

import numpy as np
import pytest
import tensorflow as tf

from sagan_tf.evaluation.exported import ExportedSampler, exported_samples
from sagan_tf.evaluation.options import EvaluationOptions

PROTOCOL = {"truncation_mode": "scaled", "statistics": "standing", "truncations": [0.5, 1.0], "latent": "normal"}


@pytest.fixture
def export(tmp_path):
    (tmp_path / "assets").mkdir()
    (tmp_path / "saved_model.pb").touch()
    (tmp_path / "assets" / "protocol.json").write_text(json.dumps(PROTOCOL))
    return str(tmp_path)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"truncation": 0.5, "truncation_mode": "scaled_truncated"}, "mode of an export is fixed; .* which has scaled"),
        ({"statistics": "moving", "truncation": 0.5}, "statistics of an export are fixed"),
        ({}, r"received truncation=None .* Add --truncation=T"),
        ({"truncation": 2.5}, "must be at most 2; received truncation=2.5"),
    ],
)
def test_what_is_fixed_in_an_export_is_not_ignored(export, options, message):
    with pytest.raises(ValueError, match=message):
        exported_samples(export, EvaluationOptions(**options))


def test_a_whole_truncation_is_given_to_the_export_as_a_float():
    def generate(seed, label, truncation):
        assert (seed.dtype, label.dtype, truncation.dtype) == (tf.int64, tf.int32, tf.float32)
        return {"images": tf.zeros([len(seed), 4, 4, 3], tf.uint8)}

    sampler = ExportedSampler(generate, truncation=1)
    assert [len(batch) for batch in sampler.batches(np.zeros(70, np.int32), seed=0, start=0)] == [64, 6]
