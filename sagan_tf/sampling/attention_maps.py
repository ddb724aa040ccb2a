"""Where each location of an image looks: the maps of every self-attention layer of a network, for any input."""

import contextlib
from collections.abc import Iterator

import tensorflow as tf

from sagan_tf.layers.self_attention import SelfAttention


def attention_layers(network: tf.keras.Model) -> dict[str, SelfAttention]:
    """Self-attention layers in the order of the pass, named by the side of their feature map: "attention_64"."""
    return {f"attention_{layer.side}": layer for layer in network.long_range if isinstance(layer, SelfAttention)}


def gammas(network: tf.keras.Model) -> dict[str, float]:
    """How much of each attention is added to its input (eq. 3's gamma), by the layer's name."""
    return {name: float(tf.convert_to_tensor(layer.gamma)) for name, layer in attention_layers(network).items()}


def attention_maps(network: tf.keras.Model, *inputs: tf.Tensor) -> tuple[object, dict[str, tf.Tensor]]:
    """The network's output in inference mode, and what each location attends to in every attention layer, by its name.

    A map is (B,H,W,h,w): for each query location (H,W), weights over the key locations (h,w), which sum to 1. The keys
    are half as many a side as the queries in the `code` form. Works eagerly and inside a tf.function.
    """
    layers = attention_layers(network)
    with _observed(layers) as seen:
        output = network(*inputs, training=False)
    return output, {name: _map(layer, seen[name]) for name, layer in layers.items()}


def _map(layer: SelfAttention, x: tf.Tensor) -> tf.Tensor:
    _, height, width, _ = x.shape
    _, beta = layer.attention(x)
    pool = 2 if layer.form == "code" else 1
    return tf.reshape(beta, [-1, height, width, height // pool, width // pool])  # (B,H,W,h,w)


@contextlib.contextmanager
def _observed(layers: dict[str, SelfAttention]) -> Iterator[dict[str, tf.Tensor]]:
    """The input of each layer during the block."""
    seen: dict[str, tf.Tensor] = {}
    for name, layer in layers.items():
        layer.observer = lambda x, name=name: seen.__setitem__(name, x)
    try:
        yield seen
    finally:
        for layer in layers.values():
            layer.observer = None
