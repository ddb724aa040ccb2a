"""How much memory training takes on one replica, estimated from the description alone.

What is counted exactly: the state (weights, Adam's two moments, the average), and the activations that the gradients
need. What is not counted but was measured, as factors on the weights and on the activations: kernels that are
normalized, spread and reordered, gradients, and what a backward pass holds for a moment. The factors are those of the
peak resident memory of a process on two CPU cores (benchmarks/memory.py); a GPU's allocator differs.
"""

from dataclasses import dataclass

from sagan_tf.models.cost import Forms, discriminator_costs, generator_costs, total
from sagan_tf.models.spec import GANSpec

PROCESS = 750 << 20  # Python, TensorFlow, and the compiled graph
PER_WEIGHT = 2.1  # float32 copies of every weight beside the state, at the peak
PER_WEIGHT_16_BITS = -0.2  # as many more if the kernels are cast: fewer, since what is kept of them is half
PER_ACTIVATION = 2.1  # bytes at the peak for each kept one


@dataclass(frozen=True, kw_only=True)
class MemoryEstimate:
    """Estimated bytes at the peak of training, by what they are for."""

    process: int
    state: int
    weights: int
    activations: int

    @property
    def total(self) -> int:
        return self.process + self.state + self.weights + self.activations


def training_memory(
    spec: GANSpec, forms: Forms, *, batch_size: int, precision: str = "float32", averaged: bool = False
) -> MemoryEstimate:
    """The peak of a training step.

    batch_size: images of one replica, and of one microbatch if gradients are accumulated. G's update keeps both nets'
    activations for the batch, D's update D's alone for twice the batch: the larger of the two counts.
    """
    g, d = (total(costs(spec, forms)).kept_bytes(precision) for costs in (generator_costs, discriminator_costs))
    weights = spec.generator_parameters + spec.discriminator_parameters
    copies = 3 * weights + (spec.generator_parameters if averaged else 0)
    return MemoryEstimate(
        process=PROCESS,
        state=4 * copies,
        weights=round(4 * (PER_WEIGHT + PER_WEIGHT_16_BITS * (precision != "float32")) * weights),
        activations=round(PER_ACTIVATION * batch_size * max(g + d, 2 * d)),
    )
