"""What the replicas send each other in a training step, from the description alone."""

from dataclasses import dataclass

from sagan_tf.models.parameters import discriminator_parameters, generator_parameters
from sagan_tf.models.spec import GANSpec


@dataclass(frozen=True, kw_only=True)
class Traffic:
    """All-reduces of one step, each replica's part of them.

    gradient_bytes: of both nets' gradients, one all-reduce an update. norm_reductions, norm_bytes: of batch statistics.
    """

    updates: int
    gradient_bytes: int
    norm_reductions: int
    norm_bytes: int

    def ring_bytes(self, replicas: int) -> float:
        """What each replica sends when R of them reduce in a ring: 2 (R - 1) / R of the bytes."""
        return 2 * (replicas - 1) / replicas * (self.gradient_bytes + self.norm_bytes)


def step_traffic(spec: GANSpec, *, discriminator_steps: int = 1) -> Traffic:
    """The all-reduces of n_D updates of D and one of G, in float32.

    Every pass of G in training reduces each norm's mean and mean square, for the moving statistics at least; where the
    norms divide by all replicas' moments (`cross_replica_norm`), G's own gradient reduces theirs once more. They can't
    be put together: a layer needs its moments before the next one begins.
    """
    inputs = [*spec.generator_channels[:-1], *spec.generator_channels[1:], spec.generator_channels[-1]]
    passes = discriminator_steps + 1 + spec.cross_replica_norm
    return Traffic(
        updates=discriminator_steps + 1,
        gradient_bytes=4 * (discriminator_steps * discriminator_parameters(spec) + generator_parameters(spec)),
        norm_reductions=passes * len(inputs),
        norm_bytes=passes * 4 * 2 * sum(inputs),
    )
