"""The order of z and the class embedding in the condition of BigGAN's layers, which differs between published weights.

BigGAN-PyTorch concatenates them as [embedding, z], DeepMind's modules and their ports as [z, embedding]. A network may
have either (`GANSpec.condition_order`); the rows of the kernels that take the condition are ordered accordingly.
"""

import re

import numpy as np

from sagan_tf.models.spec import ConditionOrder, GANSpec


def takes_z_and_embedding(spec: GANSpec, name: str) -> bool:
    """Whether a variable of G, by this package's name, is a kernel whose rows are those of z and of the embedding."""
    if spec.condition_includes_z and re.fullmatch(r"dense\.(layer\.)?kernel", name):
        return True
    joined = spec.hierarchical or spec.condition_includes_z
    return joined and re.search(r"norm_\d\.(gain|bias)\.(layer\.)?kernel$", name) is not None


def reordered(kernel: np.ndarray, spec: GANSpec, there: ConditionOrder) -> np.ndarray:
    """A kernel (K,O) with the rows of its condition in the order of `spec` instead of the order `there`."""
    if there == spec.condition_order:
        return kernel
    first = spec.shared_dim if there == "embedding_z" else spec.z_chunk
    return np.concatenate([kernel[first:], kernel[:first]])
