"""Training and evaluation from Python, on the same run directories as the commands."""

import argparse
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from sagan_tf.evaluation.options import EvaluationOptions
from sagan_tf.evaluation.protocol import EvaluationResult
from sagan_tf.experiment import Experiment, in_code
from sagan_tf.foundation.integers import is_integer
from sagan_tf.runs import training
from sagan_tf.runs.evaluation import CheckpointChoice, measure_generator
from sagan_tf.runs.reference import run_reference
from sagan_tf.runs.run_directory import RunDirectory
from sagan_tf.runs.trained import TrainedModel
from sagan_tf.training.loop import Action
from sagan_tf.training.strategy import StrategyName, create_strategy
from sagan_tf.training.workers import Workers

Callback = Callable[[int, dict[str, float]], None]


def fit(
    experiment: Experiment,
    run_dir: Path | str,
    *,
    steps: int | None = None,
    callbacks: Sequence[Callback] = (),
    strategy: StrategyName = "auto",
    init_from: Path | str | None = None,
    class_map: Mapping[str, str] | None = None,
) -> TrainedModel:
    """Trains a run, or resumes it, and returns its newest checkpoint as a model.

    ```
    run = Experiment(spec=families.sagan(32, width=8, attention=(16,)), data=ProceduralSource(), total_steps=1000)
    model = sagan_tf.fit(run, "RUN", steps=100, callbacks=[lambda step, logs: print(step, logs["d_loss"])])
    ```

    experiment: the complete description of the run. If the directory already holds a run, it must be this one.
    steps: the number of further steps; None: up to `experiment.total_steps`. Another call continues from the last
      checkpoint.
    callbacks: each is called as callback(step, logs) every `experiment.log_every` steps and at the end; logs holds the
      scalars of train.jsonl, such as "d_loss" and "g_loss", and the norms of the layers' gradients.
    strategy: as `--strategy` of the command.
    init_from: a run, or one of its checkpoints, from whose networks a new run starts; as `--init_from` of the command.
    class_map: new class -> class of `init_from`, for classes whose names differ; the others go by their names.

    Ctrl-C, or Jupyter's "interrupt", ends the training at the next step with a checkpoint; so does a callback that
    raises KeyboardInterrupt.

    Raises:
      ValueError, RunError, DataError, ConfigError, CheckpointError: where the command refuses, before any work.
      NonFiniteError, CollapseError: where the command stops.
    """
    if steps is not None and not is_integer(steps, 1):
        wanted = "at least 1" if type(steps) is int else "an integer of at least 1"
        raise ValueError(f"steps must be {wanted}; received steps={steps!r}. Leave it out to train to the end.")
    if callable(callbacks) or not all(map(callable, callbacks)):
        raise ValueError(
            f"callbacks must be a list of functions of (step, logs); received callbacks={callbacks!r}. Put a single "
            "function into a list."
        )
    devices = create_strategy(strategy)
    training.prepare_process(experiment, devices)
    flags = argparse.Namespace(
        run_dir=str(run_dir),
        dry_run=False,
        allow_config_change=False,
        stop_after=steps,
        stop_at=None,
        init_from=init_from,
        class_map=class_map,
    )
    every = experiment.log_every or experiment.total_steps  # without a log, at the end alone
    actions = [Action(every=every, run=callback) for callback in callbacks]
    training.train_and_evaluate(in_code(experiment), Workers(devices), devices, flags, actions)
    return TrainedModel(run_dir)


def measure(
    run_dir: Path | str,
    options: EvaluationOptions | None = None,
    *,
    step: int | None = None,
    average: bool | None = None,
    reference: str = "train",
    data_dir: str | None = None,
) -> EvaluationResult:
    """Measures samples of a run's checkpoint against real images, and records the result in the run's metrics.jsonl.

    ```
    result = sagan_tf.measure("RUN", EvaluationOptions(n_samples=10_000, metrics=("fid", "is")))
    result.metrics["fid"], result.protocol
    ```

    options: what is measured and how; None: as the run's description says.
    step: a checkpoint's; None: the newest. average: as of `sagan_tf.load`.
    reference, data_dir: as `--reference` and `--data_dir` of the command `evaluate`.

    Raises:
      ValueError, RunError, DataError: where the command refuses, before any work.
    """
    run = RunDirectory.open(run_dir)
    options = options or run.experiment().evaluation or EvaluationOptions()
    real = run_reference(run, options, reference=reference, data_dir=data_dir)
    return measure_generator(run, options, real, CheckpointChoice(average=average, step=step))
