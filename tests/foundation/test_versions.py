import importlib
import re

import numpy as np
import tensorflow as tf

import sagan_tf
from sagan_tf.foundation.versions import versions


def test_versions_are_numbers_of_what_is_in_use():
    found = versions()
    keras = importlib.import_module(tf.keras.layers.Layer.__module__.partition(".")[0])
    assert found == {
        "sagan_tf": sagan_tf.__version__,
        "tensorflow": tf.__version__,
        "numpy": np.__version__,
        "keras": keras.__version__,
    }
    assert all(re.match(r"\d+\.\d+", version) for version in found.values())
