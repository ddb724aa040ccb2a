"""What health records hold of every layer: its kernel and its gradient's norm, in order of depth, G's before D's."""

from collections.abc import Mapping

from sagan_tf.layers.variable_names import layer_of
from sagan_tf.models.generator import filters
from sagan_tf.monitoring.health_records import by_depth
from sagan_tf.training.logs import LAYERS
from sagan_tf.training.state import GAN


def layer_gradient_norms(logs: Mapping[str, float]) -> dict[str, float]:
    """The norm of each layer's gradient by the layer's name, in order of depth, G's before D's."""
    norms = {name.removeprefix(LAYERS): value for name, value in logs.items() if name.startswith(LAYERS)}
    return {
        f"{network}.{layer}": norms[f"{network}.{layer}"]
        for network in ("generator", "discriminator")
        for layer in by_depth(n.removeprefix(network + ".") for n in norms if n.startswith(network + "."))
    }


def kernels_of(gan: GAN) -> dict[str, object]:
    """Every kernel by its layer's name, in order of depth, G's before D's.

    Kernels are those of convolutions, dense layers, attention, the linear maps of conditional norms, and embeddings.
    The per-class gains and biases in the tables of norms are no kernels.
    """
    g_kernels = filters(gan.generator)
    g_kernels |= {name: v for name, v in gan.g_variables.items() if name == "shared.kernel"}
    d_kernels = {name: v for name, v in gan.d_variables.items() if name.endswith(".kernel")}
    return {
        f"{network}.{layer_of(name)}": kernels[name]
        for network, kernels in (("generator", g_kernels), ("discriminator", d_kernels))
        for name in by_depth(kernels)
    }
