"""TF-GAN's own metric functions; the only module that imports `tensorflow_gan`.

`import tensorflow_gan` fails for TF-GAN 2.1: it imports `tf.estimator` and `distutils`, which are gone since TensorFlow
2.16 and Python 3.12. Its `eval` subpackage needs neither; it is imported below stand-ins for its parent packages.
"""

import functools
import importlib
import importlib.util
import pathlib
import sys
import types

import numpy as np
import tensorflow as tf


@functools.lru_cache(maxsize=1)
def _eval():
    spec = importlib.util.find_spec("tensorflow_gan")
    if spec is None or not spec.submodule_search_locations:
        raise ImportError(
            "TF-GAN's metrics need the package tensorflow-gan; it is not installed. "
            "Run: pip install 'tensorflow-gan>=2.1,<3' tensorflow-probability tf-keras"
        )
    root = pathlib.Path(next(iter(spec.submodule_search_locations)))
    for name, path in (("tensorflow_gan", root), ("tensorflow_gan.python", root / "python")):
        parent = types.ModuleType(name)
        parent.__path__ = [str(path)]
        sys.modules.setdefault(name, parent)
    return importlib.import_module("tensorflow_gan.python.eval")


def inception_score(logits: np.ndarray) -> float:
    """IS of one split by TF-GAN's `classifier_score_from_logits`; logits (N,K), evaluated in float64."""
    return float(_eval().classifier_score_from_logits(tf.constant(logits, tf.float64)))


def frechet_distance(features_1: np.ndarray, features_2: np.ndarray) -> float:
    """FID by TF-GAN's `frechet_classifier_distance_from_activations`; features (N,F) and (M,F), in float64."""
    distance = _eval().frechet_classifier_distance_from_activations
    return float(distance(tf.constant(features_1, tf.float64), tf.constant(features_2, tf.float64)))


def kernel_distance(features_1: np.ndarray, features_2: np.ndarray, *, block_size: int) -> tuple[float, float]:
    """KID and its standard error by TF-GAN; features (N,F) and (M,F) in random order, blocks of `block_size`."""
    distance = _eval().kernel_classifier_distance_and_std_from_activations
    mean, error = distance(tf.constant(features_1, tf.float64), tf.constant(features_2, tf.float64), block_size)
    return float(mean), float(error)
