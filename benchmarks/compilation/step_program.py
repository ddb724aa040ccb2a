"""The training step of a gin file as HLO, for any number of images per replica. It is traced, never run."""

import dataclasses

import tensorflow as tf

from sagan_tf.experiment import Experiment
from sagan_tf.layers.target_platform import Platform, targeting
from sagan_tf.runs.build import build_latent_sampler
from sagan_tf.training.compiled import replica_step
from sagan_tf.training.lowering import lower
from sagan_tf.training.state import GAN


class StepProgram:
    """The networks of an experiment, built once, and their step."""

    def __init__(self, settings: Experiment, platform: Platform):
        self._settings = settings
        self._platform = platform
        self._n_classes = len(settings.data.class_names())
        parts = {"optimizer": settings.optimizer, "average": settings.average, "numerics": settings.numerics}
        with targeting(platform):
            self._gan = GAN(settings.sized(self._n_classes), seed=None, **parts)

    @property
    def state_bytes(self) -> int:
        """Bytes of everything that a checkpoint holds."""
        return sum(v.shape.num_elements() * v.dtype.size for v in self._gan.variables().values())

    @property
    def state_variables(self) -> int:
        """How many variables that is, the step's number aside."""
        return len(self._gan.variables()) - 1

    def hlo(self, share: int, replicas: int = 1) -> bytes:
        """The step of one of `replicas` replicas with `share` images each, as a serialized HloModuleProto."""
        settings = self._settings
        draw = build_latent_sampler(dataclasses.replace(settings, batch_size=share * replicas), self._n_classes)
        step = replica_step(
            self._gan, settings.objective, draw, settings.step_options, microbatches=settings.accumulation
        )
        return lower(
            step,
            platform=self._platform,
            batch_size=share,
            resolution=settings.spec.resolution,
            discriminator_steps=settings.discriminator_steps,
            replicas=replicas,
        )


def on_cpu_alone() -> None:
    """Hides this machine's accelerators from TensorFlow: tracing needs none, and they may be in use."""
    for kind in ("GPU", "TPU"):
        if tf.config.list_physical_devices(kind):
            tf.config.set_visible_devices([], kind)
