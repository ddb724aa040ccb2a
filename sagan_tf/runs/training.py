"""The work of `train`: opens the data, checks and records the run, trains it, evaluates it, and reports."""

import argparse
import contextlib
import os
import shlex
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

import tensorflow as tf

from sagan_tf import experiment
from sagan_tf.configuration import gin_config
from sagan_tf.data.class_names import listed
from sagan_tf.data.python_reads import failed_check, failed_read
from sagan_tf.data.source import Examples
from sagan_tf.evaluation.evaluator import check_options
from sagan_tf.evaluation.metrics import check_best_by
from sagan_tf.experiment import Experiment
from sagan_tf.foundation import files
from sagan_tf.foundation.interruption import INTERRUPTED, leaving_at_once
from sagan_tf.foundation.notes import note, warn
from sagan_tf.foundation.output_streams import forgiving
from sagan_tf.foundation.refusals import report_error
from sagan_tf.foundation.start_up import StartUp
from sagan_tf.foundation.tensorflow_names import check_tensorflow_name
from sagan_tf.models.precision import precision_note
from sagan_tf.runs import dry_run, resumption
from sagan_tf.runs.advice import advice
from sagan_tf.runs.conditioning import fitted
from sagan_tf.runs.evaluation import evaluate_run
from sagan_tf.runs.evaluation_attempts import attempt
from sagan_tf.runs.lock import TrainingLock
from sagan_tf.runs.origin import Origin, find_origin
from sagan_tf.runs.resumption import Admission
from sagan_tf.runs.run_data import check_count, check_outside, training_examples
from sagan_tf.runs.run_directory import RunDirectory
from sagan_tf.runs.training_actions import BEST
from sagan_tf.runs.training_run import train_run
from sagan_tf.runs.transfer import note_fresh_discriminator, warmed_up
from sagan_tf.training.accumulation import check_accumulation
from sagan_tf.training.cluster import LostPeerError
from sagan_tf.training.compiled import compilation_note
from sagan_tf.training.loop import Action
from sagan_tf.training.malloc import keep_freed_memory
from sagan_tf.training.strategy import check_batch_size, create_strategy, runs_on_cpu
from sagan_tf.training.workers import Workers


def report(run: RunDirectory, settings: Experiment) -> str:
    """Where everything is stored, and suggestions for the next commands."""
    finished = max(run.checkpoints().steps(), default=0) >= settings.total_steps
    sheets = sorted((run.path / "samples").glob("step-*.png"))
    best = run.checkpoints().kept(BEST)
    lines = [("samples", sheets[-1] if sheets else "none yet"), ("checkpoints", run.path / "checkpoints")]
    lines += [("best", f"step {best.step}, {best.why} {best.score:.6g}: checkpoints/{BEST}")] if best else []
    lines += [("metrics", run.path / "metrics.jsonl")] if (run.path / "metrics.jsonl").exists() else []
    lines += [("TensorBoard", f"tensorboard --logdir={shlex.quote(str(run.path / 'tensorboard'))}")]
    lines += [
        ("more images", f"python -m sagan_tf.sample --run_dir={shlex.quote(str(run.path))} --num=100 --out=sheet.png")
    ]
    if not finished:
        lines += [("to go on", "repeat the command")]
    return "\n".join(f"{name + ':':<13}{value}" for name, value in lines)


def can_evaluate(settings: Experiment, examples: Examples) -> bool:
    """Whether the run is evaluated; warns at the start if the configured evaluation is not possible."""
    if settings.evaluation is None:
        return False
    try:
        measured = check_options(settings.evaluation, examples, resolution=settings.spec.resolution)
    except ValueError as error:
        warn(f"The run will not be evaluated: {error}")
        return False
    if settings.evaluate_every and not (settings.best_by == "fid" and "kid" in measured):  # KID then stands in for FID
        check_best_by(settings.best_by, measured)  # which metrics are measured depends on extractor and data
    return True


def run_training(flags: argparse.Namespace, start_up: StartUp) -> int:
    frozen = flags.freeze_discriminator
    bindings = [*flags.gin_bindings, *([] if frozen is None else [f"train.freeze_discriminator = {frozen}"])]
    loaded = experiment.load(flags.gin_file, bindings, flags.data, flags.data_dir)
    strategy = create_strategy(flags.strategy, tpu=flags.tpu, wait_seconds=flags.wait_for_workers)
    prepare_process(loaded.value, strategy)
    workers = Workers(strategy)
    try:
        with leaving_at_once():
            code = train_and_evaluate(loaded, workers, strategy, flags, start_up=start_up)
            if workers.is_chief and not flags.dry_run:
                print(report(RunDirectory(flags.run_dir), loaded.value))
    except tf.errors.OpError as error:
        if lost := workers.lost_peer(error):
            raise lost from error
        raise
    part(workers, code)
    return code


def prepare_process(settings: Experiment, strategy: tf.distribute.Strategy) -> None:
    """Refuses what the strategy can't do, warns about a slow precision, and makes the process keep freed memory.

    Raises:
      ValueError, StrategyError, PrecisionError: if the settings don't fit the devices.
    """
    check_batch_size(settings.batch_size, strategy.num_replicas_in_sync)
    check_accumulation(settings.accumulation, settings.batch_size, strategy.num_replicas_in_sync)
    for text in (precision_note(settings.numerics.precision), compilation_note(settings.xla, strategy, settings.spec)):
        if text:
            note(text)
    keep_freed_memory(one_arena=runs_on_cpu(strategy))


def part(workers: Workers, code: int) -> None:
    """The other workers wait until the chief has evaluated; one that is already gone ended earlier, and is not lost."""
    try:
        workers.total(0)
    except tf.errors.OpError as error:
        if workers.lost_peer(error) is None:
            raise
        leave(code)


def leave(code: int) -> NoReturn:
    """Ends the process at once: at a normal exit, TensorFlow would wait for the workers that are gone."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def train_and_evaluate(
    loaded: gin_config.Loaded,
    workers: Workers,
    strategy: tf.distribute.Strategy,
    flags: argparse.Namespace,
    more_actions: Sequence[Action] = (),
    *,
    start_up: StartUp | None = None,
) -> int:
    """Trains as far as the flags say, and evaluates a finished run. Returns the exit code.

    start_up: the clock of the command; without one, the time to the first step counts from this call.
    """
    start_up = start_up or StartUp()
    run = RunDirectory(flags.run_dir)
    lock = TrainingLock(run.path)
    origin = find_origin(run, loaded.value, flags.init_from, flags.class_map, workers=workers)
    if flags.dry_run:
        print(tried(run, loaded, strategy, origin))
        return 0
    if workers.is_chief:
        for folder in (run.path, run.path / "checkpoints"):
            files.check_output("--run_dir", folder, folder=True)
        check_tensorflow_name("--run_dir", run.path)
    with contextlib.ExitStack() as at_end:
        at_end.callback(lock.release)
        if workers.is_chief and run.exists:
            lock.acquire()  # before the data are read; a new directory is made when the networks are known to fit
        loaded, examples = open_data(run, loaded)
        admission = admitted(run, loaded, examples, workers, allow_change=flags.allow_config_change, origin=origin)
        evaluates = can_evaluate(loaded.value, admission.examples)
        start_up.lap("data")
        reached = train_run(
            admission,
            lambda admission, step: record(admission, lock, workers, step, start_up),
            strategy=strategy,
            stop_after=flags.stop_after,
            stop_at=flags.stop_at,
            evaluates=evaluates,
            more_actions=more_actions,
            start_up=start_up,
        )
        if workers.is_chief and reached and evaluates:
            evaluate_finished(run, loaded.value, admission.examples)
    return 0 if reached else INTERRUPTED


def tried(run: RunDirectory, loaded: gin_config.Loaded, strategy: tf.distribute.Strategy, origin: Origin | None) -> str:
    """The report of a dry run."""
    loaded, examples = open_data(run, loaded)
    fresh = origin is not None and not origin.has_discriminator
    settings = warmed_up(loaded.value, fresh_discriminator=fresh)
    if fresh:
        note_fresh_discriminator(settings)
    found = dry_run.try_run(settings, examples, strategy, evaluates=can_evaluate(settings, examples), origin=origin)
    return "\n".join([dry_run.report(found, settings, run.path), *advice(settings, examples)])


def open_data(run: RunDirectory, loaded: gin_config.Loaded) -> tuple[gin_config.Loaded, Examples]:
    """The training data, and the configuration adapted to them; logs notes about both.

    Raises:
      DataError: for data that can't be read, or that the configuration can't be trained on.
    """
    settings = loaded.value
    if not run.exists:
        check_outside("--run_dir", run.path, settings.data)
    examples = training_examples(run, settings)
    check_count(examples, settings.batch_size)
    for text in (*examples.notes, *settings.notes()):
        note(text)
    if len(examples.class_names) > 1:
        note(f"Classes: {listed(examples.class_names, most=40)}")
    if examples.gray:
        note(
            "All images are gray. The networks have three color channels, but the run produces gray images: single "
            "files with one channel, arrays and exports with three equal ones."
        )
    return fitted(loaded, examples, run), examples


def admitted(
    run: RunDirectory, loaded: gin_config.Loaded, examples: Examples, workers: Workers, **options: Any
) -> Admission:
    """`resumption.admit` on every worker: when a run is resumed, the others must see what the chief sees."""
    admission = resumption.admit(run, loaded, examples, **options) if workers.is_chief else None
    (is_new,) = workers.from_chief(int(admission.is_new) if admission else 0)
    if admission is None and not is_new:
        resumption.require(run)
    return admission or resumption.admit(run, loaded, examples, **options)


def record(admission: Admission, lock: TrainingLock, workers: Workers, step: int, start_up: StartUp) -> None:
    """The chief takes the lock, if it doesn't hold it yet, and records the run; the others check that they see it."""
    if workers.is_chief:
        lock.acquire()
        admission.record(step)
    workers.total(0)
    if not workers.is_chief:
        resumption.require(admission.run)
    start_up.lap("building the networks")


def evaluate_finished(run: RunDirectory, settings: Experiment, examples: Examples) -> None:
    """Evaluates a finished run, unless that was already done, and prints the numbers."""
    options, last = settings.evaluation, run.checkpoints().steps()[-1]  # beyond the end of a run that was shortened
    if last < settings.total_steps or run.is_evaluated(last, truncation=options.truncation):
        return
    if result := attempt(run.path, last, options, lambda: evaluate_run(run, options, examples=examples)):
        print(result.summary())


def run_to_code(flags: argparse.Namespace, start_up: StartUp) -> int:
    """`run_training`, and the exit codes of what may end it from outside: a lost worker, a file that can't be read."""
    try:
        with forgiving():
            return run_training(flags, start_up)
    except LostPeerError as error:
        report_error(error)
        leave(INTERRUPTED)
    except tf.errors.OpError as error:
        if failed := failed_read():
            report_error(failed)
            return INTERRUPTED  # once the file is restored, the run can be resumed
        raise failed_check(error) or error from None
