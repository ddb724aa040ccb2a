"""The attention maps of every self-attention layer of a network, for any input."""

import contextlib
from collections.abc import Iterator

import tensorflow as tf

from sagan_tf.layers.self_attention import SelfAttention


def attention_layers(network: tf.keras.Model) -> dict[str, SelfAttention]:
    """The self-attention layers in the order of the forward pass, named by their feature map's side: "attention_64".

    Further ones on maps of the same side are numbered: "attention_8_2".
    """
    found: dict[str, SelfAttention] = {}
    for layer in network.long_range:
        if isinstance(layer, SelfAttention):
            name = f"attention_{layer.side}"
            count = 1 + sum(other.side == layer.side for other in found.values())
            found[name if count == 1 else f"{name}_{count}"] = layer
    return found


def gammas(network: tf.keras.Model) -> dict[str, float]:
    """The gain of each attention layer (gamma of SAGAN's eq. 3), by the layer's name."""
    return {name: float(tf.convert_to_tensor(layer.gamma)) for name, layer in attention_layers(network).items()}


def attention_maps(network: tf.keras.Model, *inputs: tf.Tensor) -> tuple[object, dict[str, tf.Tensor]]:
    """The network's output in inference mode, and the maps of every attention layer by its name.

    Maps are (B,H,W,h,w): for each query location (H,W) the weights of the key locations (h,w), which sum to 1. In the
    `code` form, keys have half as many locations per side as queries. Works eagerly and in a tf.function.
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
    """Yields a dictionary that receives the input of each layer that is called in the block."""
    seen: dict[str, tf.Tensor] = {}
    for name, layer in layers.items():
        layer.observer = lambda x, name=name: seen.__setitem__(name, x)
    try:
        yield seen
    finally:
        for layer in layers.values():
            layer.observer = None
