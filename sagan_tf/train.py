"""`python -m sagan_tf.train`: trains, or goes on with, the run that a gin file describes.

Flags say where and how long, gin says how. Repeat the same command to resume.
"""

import argparse
import sys
from collections.abc import Sequence

import tensorflow as tf

from sagan_tf import assembly, config, experiment, watching
from sagan_tf.data.source import DataError, Examples
from sagan_tf.evaluate import evaluate_run
from sagan_tf.evaluation.evaluator import check_options
from sagan_tf.experiment import Experiment
from sagan_tf.interruption import INTERRUPTED
from sagan_tf.monitoring import collapse
from sagan_tf.monitoring.writer import Writer
from sagan_tf.run_directory import RunDirectory, RunError
from sagan_tf.training import loop
from sagan_tf.training.checkpoints import CheckpointError, CheckpointStore
from sagan_tf.training.state import GAN
from sagan_tf.training.strategy import StrategyError, StrategyName, check_batch_size, create_strategy

REFUSALS = (
    config.ConfigError,
    DataError,
    RunError,
    StrategyError,
    CheckpointError,
    loop.NonFiniteError,
    collapse.CollapseError,
)


def stop_step(step: int, total: int, stop_after: int | None, stop_at: int | None) -> int:
    """Where this command ends: the run's end, or earlier if a flag says so."""
    return min([total] + ([step + stop_after] if stop_after is not None else []) + ([stop_at] if stop_at else []))


def train_run(
    run: RunDirectory, settings: Experiment, examples: Examples, *, strategy: tf.distribute.Strategy, flags
) -> bool:
    """Trains the run up to where the flags say. True if it came to that, False if a signal stopped it."""
    n_classes = len(examples.class_names)
    gan = assembly.build(settings, n_classes, strategy)
    store = run.checkpoints(keep=settings.keep_checkpoints)
    step = resume(gan, store)
    stop_at = stop_step(step, settings.total_steps, flags.stop_after, flags.stop_at)
    if step >= stop_at:
        print(f"{run.path} has {step} of {settings.total_steps} steps; nothing is left to train.")
        return True
    writer = Writer(run.path, step=step)
    batches = strategy.experimental_distribute_dataset(assembly.batches_from(settings, examples, step))
    return loop.train(
        gan,
        assembly.steps_of(settings, gan, n_classes, strategy),
        batches,
        stop_at=stop_at,
        total_steps=settings.total_steps,
        steps_per_call=settings.steps_per_call,
        batch_size=settings.batch_size,
        checkpoint_every=settings.checkpoint_every,
        store=store,
        actions=watching.actions(settings, gan, run, writer, store),
    )


def resume(gan: GAN, store: CheckpointStore) -> int:
    """Reads the newest good checkpoint, if there is any, and returns the step to go on from."""
    step = store.restore(gan.variables(), quarantine=True)
    if step is None:
        return 0
    if int(gan.step.numpy()) != step:
        raise CheckpointError(f"checkpoint {store.path(step)} says step {int(gan.step.numpy())}; it can't be trusted.")
    print(f"Going on from step {step} ({store.path(step)})")
    return step


def report(run: RunDirectory, settings: Experiment, finished: bool) -> None:
    """Where everything lies, and what to type next."""
    sheets = sorted((run.path / "samples").glob("step-*.png"))
    lines = [("samples", sheets[-1] if sheets else "none yet"), ("checkpoints", run.path / "checkpoints")]
    lines += [("metrics", run.path / "metrics.jsonl")] if (run.path / "metrics.jsonl").exists() else []
    lines += [("TensorBoard", f"tensorboard --logdir {run.path / 'tensorboard'}")]
    lines += [("more images", f"python -m sagan_tf.sample --run_dir={run.path} --num=100 --out=sheet.png")]
    if not finished:
        lines += [("to go on", "repeat the command")]
    print("\n".join(f"{name + ':':<13}{value}" for name, value in lines))


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m sagan_tf.train", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    experiment.add_flags(parser)
    parser.add_argument("--run_dir", required=True, metavar="RUN", help="new, empty, or the run to go on with")
    parser.add_argument("--stop_after", type=int, metavar="N", help="train N more steps, save, and end")
    parser.add_argument("--stop_at", type=int, metavar="N", help="train up to step N, save, and end")
    parser.add_argument("--strategy", default="auto", help=f"one of {', '.join(StrategyName.__args__)}")
    parser.add_argument("--allow_config_change", action="store_true", help="go on with a changed configuration")
    flags = parser.parse_args(arguments)
    for name in ("stop_after", "stop_at"):
        if getattr(flags, name) is not None and getattr(flags, name) < 1:
            parser.error(f"--{name} must be at least 1; received --{name}={getattr(flags, name)}")
    return flags


def evaluates(settings: Experiment, examples: Examples) -> bool:
    """Whether the run ends with an evaluation; if it asks for one that can't be, that is said at its start."""
    if settings.evaluation is None:
        return False
    try:
        check_options(settings.evaluation, examples, resolution=settings.spec.resolution)
    except ValueError as error:
        print(f"The run will end without its evaluation: {error}")
        return False
    return True


def run_training(flags: argparse.Namespace) -> int:
    loaded = experiment.load(flags.gin_file, flags.gin_bindings, flags.data, flags.data_dir)
    settings: Experiment = loaded.value
    strategy = create_strategy(flags.strategy)
    check_batch_size(settings.batch_size, strategy.num_replicas_in_sync)
    examples = settings.data.open(settings.spec.resolution)
    for note in examples.notes:
        print(note)
    evaluation = evaluates(settings, examples)
    run = RunDirectory(flags.run_dir)
    run.prepare(loaded, examples, allow_change=flags.allow_config_change)
    if not train_run(run, settings, examples, strategy=strategy, flags=flags):
        report(run, settings, finished=False)
        return INTERRUPTED
    finished = run.checkpoints().steps()[-1] >= settings.total_steps
    if finished and evaluation and not run.is_evaluated(settings.total_steps):
        print(evaluate_run(run, settings.evaluation, examples=examples).summary())
    report(run, settings, finished)
    return 0


def main(arguments: Sequence[str] | None = None) -> int:
    flags = parse(arguments)
    try:
        return run_training(flags)
    except REFUSALS as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:  # during the evaluation at the end, which keeps what it has measured so far
        return INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())
