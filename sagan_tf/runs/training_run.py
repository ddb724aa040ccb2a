"""Trains a run from its current step as far as a command says, with rollbacks after non-finite numbers."""

import dataclasses
from collections.abc import Callable, Sequence

import tensorflow as tf

from sagan_tf.data.source import Examples
from sagan_tf.experiment import Experiment
from sagan_tf.foundation.notes import note
from sagan_tf.foundation.start_up import StartUp
from sagan_tf.monitoring.writer import Writer
from sagan_tf.runs import build, training_actions
from sagan_tf.runs.origin import RECORD
from sagan_tf.runs.resumption import Admission
from sagan_tf.runs.run_directory import RunDirectory
from sagan_tf.runs.transfer import note_fresh_discriminator, transfer, warmed_up
from sagan_tf.training import loop
from sagan_tf.training.checkpoints import CheckpointStore
from sagan_tf.training.non_finite import NonFiniteError
from sagan_tf.training.recovery import Rollbacks, resume, roll_back
from sagan_tf.training.state import GAN
from sagan_tf.training.workers import Workers


def stop_step(step: int, total: int, stop_after: int | None, stop_at: int | None) -> int:
    """The step at which this command ends: the run's last step, or an earlier one if a flag says so."""
    return min([total] + ([step + stop_after] if stop_after is not None else []) + ([stop_at] if stop_at else []))


def train_run(
    admission: Admission,
    record: Callable[[Admission, int], None],
    *,
    strategy: tf.distribute.Strategy,
    stop_after: int | None = None,
    stop_at: int | None = None,
    evaluates: bool = False,
    more_actions: Sequence[loop.Action] = (),
    start_up: StartUp | None = None,
) -> bool:
    """Trains the run as far as the flags say. Returns True if it got there, False if a signal stopped it.

    record: is called with the admission and the run's step when everything is built and restored, before the first step
      of training.
    evaluates: whether checkpoints are evaluated during training, every `evaluate_every` steps.
    more_actions: performed by the chief between calls of steps, in addition to the run's own.
    start_up: the clock of the command, read after the first call of steps.

    Raises:
      ValueError, CheckpointError: if the configuration doesn't fit the data or the checkpoint; nothing is recorded.
    """
    run, examples, fresh = admission.run, admission.examples, admission.fresh_discriminator
    settings = warmed_up(admission.loaded.value, fresh_discriminator=fresh)
    gan = build.build_state(settings, len(examples.class_names), strategy)
    workers = Workers(strategy)
    store = run.checkpoints(keep=settings.keep_checkpoints)
    rollbacks = Rollbacks(store.folder)
    step = resume(gan, store, workers)
    if admission.origin:
        text = transfer(gan, admission.origin, examples.class_names)
        admission = dataclasses.replace(admission, texts={RECORD: text})
    if fresh and step == 0:
        note_fresh_discriminator(settings)
    stop = stop_step(step, settings.total_steps, stop_after, stop_at)
    parts = _parts(settings, gan, examples, strategy, workers, rollbacks) if step < stop else None
    record(admission, step)
    evaluate_missed(settings, run, store, examples, step, evaluates=evaluates and workers.is_chief)
    if parts is None:
        note(f"{run.path} has {step} of {settings.total_steps} steps; nothing is left to train up to step {stop}.")
        return True
    if admission.origin and workers.is_chief:
        store.save(gan.variables(), step)  # from here on the run doesn't need its origin
    while True:
        try:
            return loop.train(
                gan,
                *parts,
                pace=pace(settings, stop),
                store=store,
                strategy=strategy,
                actions=[*actions(settings, gan, run, store, examples, evaluates), *more_actions]
                if workers.is_chief
                else (),
                safeguards=settings.safeguards,
                start_up=start_up,
            )
        except NonFiniteError as error:
            roll_back(error, gan, store, workers, rollbacks, allowed=settings.safeguards.rollbacks)
            parts = _parts(settings, gan, examples, strategy, workers, rollbacks)


def evaluate_missed(
    settings: Experiment, run: RunDirectory, store: CheckpointStore, examples: Examples, step: int, *, evaluates: bool
) -> None:
    """Evaluates the checkpoint from which a run resumes, if it was killed before that evaluation was done.

    An evaluation that has itself ended the process twice is skipped (runs/evaluation_attempts.py).

    evaluates: whether this process evaluates the run.
    """
    if not (evaluates and settings.evaluate_every and step):
        return
    action = training_actions.evaluation_action(settings, run, store, examples)
    if action.is_due(step, settings.total_steps) and not run.is_evaluated(
        step, truncation=settings.evaluation.truncation
    ):
        action.run(step, {})


def _parts(
    settings: Experiment,
    gan: GAN,
    examples: Examples,
    strategy: tf.distribute.Strategy,
    workers: Workers,
    rollbacks: Rollbacks,
) -> tuple:
    """The compiled steps, with different noise after each rollback, and the batches from the state's step on."""
    (noise,) = workers.from_chief(rollbacks.count)
    return (
        build.build_steps(settings, gan, len(examples.class_names), strategy, noise),
        build.distributed_batches(settings, examples, int(gan.step.numpy()), strategy),
    )


def pace(settings: Experiment, stop_at: int) -> loop.Pace:
    return loop.Pace(
        stop_at=stop_at,
        total_steps=settings.total_steps,
        steps_per_call=settings.steps_per_call,
        checkpoint_every=settings.checkpoint_every,
        batch_size=settings.batch_size,
    )


def actions(
    settings: Experiment, gan: GAN, run: RunDirectory, store: CheckpointStore, examples: Examples, evaluates: bool
) -> list[loop.Action]:
    """The chief's actions between calls: monitoring and evaluation."""
    watched = training_actions.actions(
        settings, gan, run, Writer(run.path, step=int(gan.step.numpy())), store, examples
    )
    measured = [training_actions.evaluation_action(settings, run, store, examples)]
    return watched + (measured if evaluates and settings.evaluate_every else [])
