"""Builds the objects that an experiment describes: the state, the latent sampler, the batches, the compiled steps."""

from collections.abc import Callable, Iterable

import tensorflow as tf

from sagan_tf.data.pipeline import training_batches
from sagan_tf.data.source import Examples
from sagan_tf.experiment import Experiment
from sagan_tf.foundation.progress import clock
from sagan_tf.training.compiled import compile_steps
from sagan_tf.training.latent_sampler import LatentSampler
from sagan_tf.training.state import GAN


def batches_from(
    settings: Experiment, examples: Examples, step: int, *, host: int = 0, hosts: int = 1
) -> tf.data.Dataset:
    """This host's part of the training batches from a step on, exactly as in an uninterrupted run."""
    return training_batches(
        examples,
        resolution=settings.spec.resolution,
        batch_size=settings.batch_size // hosts,
        host=host,
        hosts=hosts,
        seed=settings.seed,
        start_batch=step * settings.discriminator_steps,
        transform=settings.transform,
        cache_bytes=settings.cache_mb << 20,
    )


def distributed_batches(
    settings: Experiment, examples: Examples, step: int, strategy: tf.distribute.Strategy
) -> Iterable:
    """The same batches on the strategy's devices; each of several hosts reads only its own part."""
    endless = tf.data.experimental.assert_cardinality(tf.data.INFINITE_CARDINALITY)  # else shapes are not static
    if not isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy | tf.distribute.TPUStrategy):
        return strategy.experimental_distribute_dataset(batches_from(settings, examples, step))

    def on_host(context: tf.distribute.InputContext) -> tf.data.Dataset:
        host, hosts = context.input_pipeline_id, context.num_input_pipelines
        share = context.get_per_replica_batch_size(settings.batch_size)
        rows = batches_from(settings, examples, step, host=host, hosts=hosts).rebatch(share, drop_remainder=True)
        return rows.apply(endless)

    return strategy.distribute_datasets_from_function(on_host)


def build_state(settings: Experiment, n_classes: int, strategy: tf.distribute.Strategy) -> GAN:
    """The run's state with fresh weights, on the strategy's devices."""
    with clock("building the networks"), strategy.scope():
        return GAN(
            settings.sized(n_classes),
            optimizer=settings.optimizer,
            average=settings.average,
            numerics=settings.numerics,
            seed=settings.seed,
            frozen_blocks=settings.freeze_discriminator,
            augmentation=settings.augmentation,
            lecam=settings.objective.lecam,
        )


def build_latent_sampler(settings: Experiment, n_classes: int, noise: int = 0) -> LatentSampler:
    """The run's latents and labels of fakes; another `noise` gives different ones for the same steps."""
    return LatentSampler(
        latent=settings.latent,
        z_dim=settings.spec.z_dim,
        n_classes=n_classes,
        batch_size=settings.batch_size,
        draws_per_step=settings.discriminator_steps + 1,
        seed=settings.seed,
        total_steps=settings.total_steps,
        noise=noise,
    )


def build_steps(
    settings: Experiment, gan: GAN, n_classes: int, strategy: tf.distribute.Strategy, noise: int = 0
) -> Callable:
    """The run's compiled call of several steps; see `compile_steps`."""
    return compile_steps(
        gan,
        settings.objective,
        build_latent_sampler(settings, n_classes, noise),
        strategy,
        settings.discriminator_steps,
        settings.step_options,
        microbatches=settings.accumulation,
        xla=settings.xla,
    )
