"""The verb `train` with all that it does, on a state of three small variables in place of the two networks.

So a start takes seconds and not half a minute, and many interruptions can be tried. Run in processes forked from one
that has imported TensorFlow: see `start` in conftest.py.

Troubles are ordered by the environment: HANG_AT=N (a call at step N never ends), SPOIL_AT=N and SPOIL_TIMES=K (step N's
update is left out as long as the run has gone back fewer than K times), FILE_LIMIT=BYTES. REAL=1 trains the
networks; DEVICES=N gives the process N logical CPU devices.
"""

import functools
import os
import resource
import sys
import time
from types import SimpleNamespace

import tensorflow as tf

from sagan_tf import train
from sagan_tf.models import families
from sagan_tf.runs import build

SMALL = [
    "--gin_file=gin/quickstart.gin",
    *(
        "--gin_bindings=" + binding
        for binding in (
            "ProceduralSource.n_examples=64",
            "train.batch_size=4",
            "train.steps_per_call=2",
            "train.checkpoint_every=5",
            "train.log_every=10",
            "train.sample_every=0",
            "MonitorOptions.every=0",
            "train.evaluation=None",
            "train.average=None",
            "train.total_steps=40",
        )
    ),
]


class SmallState:
    """A linear D with momentum, between the real images and the latents as fakes."""

    def __init__(self, strategy):
        with strategy.scope():
            self.weights = tf.Variable(tf.zeros([32 * 32 * 3]), trainable=False)
            self.momentum = tf.Variable(tf.zeros([32 * 32 * 3]), trainable=False)
            self.step = tf.Variable(
                0, dtype=tf.int64, trainable=False, aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA
            )
        self.generator = self.discriminator = SimpleNamespace(long_range=())

    def variables(self):
        return {"step": self.step, "weights": self.weights, "momentum": self.momentum}


class SmallSteps:
    tensor_names = ("d_loss", "gradient of weights")

    def __init__(self, state, draw, strategy, pause):
        self.pause, self.state, self.noise = pause, state, draw.noise
        self.hang_at, self.spoil_at = (int(os.environ.get(name, 10**9)) for name in ("HANG_AT", "SPOIL_AT"))

        def replica_step(batch, step):
            images, _ = batch
            z, _ = draw(step, 0)
            real = tf.reshape(images, [images.shape[0], -1])
            fake = tf.tile(z, [1, real.shape[1] // z.shape[1]])
            w, m = tf.convert_to_tensor(state.weights), tf.convert_to_tensor(state.momentum)
            pull, push = tf.sigmoid(tf.linalg.matvec(real, w)) - 1, tf.sigmoid(tf.linalg.matvec(fake, w))
            gradient = tf.reduce_mean(pull[:, None] * real, 0) + tf.reduce_mean(push[:, None] * fake, 0)
            context = tf.distribute.get_replica_context()
            m = 0.9 * m + context.all_reduce("SUM", gradient) / context.num_replicas_in_sync
            tf.raw_ops.AssignVariableOp(resource=state.momentum.handle, value=m)
            tf.raw_ops.AssignVariableOp(resource=state.weights.handle, value=w - 1e-3 * m)
            return tf.reduce_mean(push)

        @tf.function(autograph=False)
        def steps(iterator, n):
            def one(i, _):
                loss = strategy.run(replica_step, args=(iterator.get_next(), state.step.read_value()))
                state.step.assign_add(1)
                return i + 1, strategy.reduce("MEAN", loss, axis=None)

            return tf.while_loop(lambda i, _: i < n, one, (0, 0.0), parallel_iterations=1)[1]

        self.steps = steps

    def __call__(self, iterator, n):
        before = int(self.state.step.numpy())
        if before >= self.hang_at:
            print(f"hangs at step {before}", flush=True)
            time.sleep(10**6)
        time.sleep(self.pause)
        loss = self.steps(iterator, n)
        spoiled = before < self.spoil_at <= before + int(n) and self.noise < int(os.environ.get("SPOIL_TIMES", 1))
        return {"d_loss": loss, "g_loss": loss, "skipped": float(spoiled), "bad_tensor": 1.0 if spoiled else -1.0}


def build_small(settings, n_classes, strategy):
    """In place of build.build_state."""
    return SmallState(strategy)


def build_steps(settings, gan, n_classes, strategy, noise=0, pause=0.0):
    """In place of build.build_steps."""
    return SmallSteps(gan, build.build_latent_sampler(settings, n_classes, noise), strategy, pause)


def main(arguments, log, environment, pause):
    """One command in a process of its own."""
    os.environ.update(environment)
    file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(file, 1)
    os.dup2(file, 2)
    if limit := int(environment.get("FILE_LIMIT", 0)):
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    if devices := int(environment.get("DEVICES", 0)):
        cpu = tf.config.list_physical_devices("CPU")[0]
        tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * devices)
    families.LADDERS[8] = families.Ladder((1, 1), (1, 1), 1)  # as the fixture `smallest_ladder` does
    if "REAL" not in environment:
        build.build_state, build.build_steps = build_small, functools.partial(build_steps, pause=pause)
    sys.exit(train.main([*SMALL, *arguments]))
