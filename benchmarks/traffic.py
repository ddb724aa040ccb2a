"""The communication between replicas in a training step, estimated from the description alone."""

from dataclasses import dataclass

from sagan_tf.models.parameters import discriminator_parameters, generator_parameters
from sagan_tf.models.spec import GANSpec


@dataclass(frozen=True, kw_only=True)
class Traffic:
    """The all-reduces of one step, as each replica takes part in them."""

    updates: int  # each has one all-reduce of gradients
    gradient_bytes: int  # of the gradients of both networks
    norm_reductions: int  # all-reduces of batch statistics
    norm_bytes: int  # of batch statistics

    def ring_bytes(self, replicas: int) -> float:
        """The bytes that each replica sends when R of them reduce in a ring: 2 (R - 1) / R of all."""
        return 2 * (replicas - 1) / replicas * (self.gradient_bytes + self.norm_bytes)


def inner_norms(spec: GANSpec) -> list[int]:
    """The channels of the norms inside G's blocks: one in a basic block, three in a bottleneck."""
    return [*spec.generator_hidden] * {"basic": 1, "bottleneck": 3}[spec.block]


def step_traffic(spec: GANSpec, *, discriminator_steps: int = 1) -> Traffic:
    """The all-reduces of n_D updates of D and one of G, in float32 (GPUs reduce the statistics in float64).

    Every training pass of G reduces each norm's mean and mean square, at least for the moving statistics. Where norms
    divide by the moments of all replicas (`cross_replica_norm`), the gradient of G reduces theirs once more. These
    all-reduces can't be merged, since a layer needs its moments before the next one begins.
    """
    inputs = [*spec.generator_channels, *inner_norms(spec)]
    passes = discriminator_steps + 1 + spec.cross_replica_norm
    return Traffic(
        updates=discriminator_steps + 1,
        gradient_bytes=4 * (discriminator_steps * discriminator_parameters(spec) + generator_parameters(spec)),
        norm_reductions=passes * len(inputs),
        norm_bytes=passes * 4 * 2 * sum(inputs),
    )
