"""`python -m sagan_tf.evaluate`: metrics of a run's generator, each with its protocol."""

import argparse
import dataclasses
import json
import sys
from collections.abc import Sequence

from sagan_tf.config import ConfigError
from sagan_tf.data.source import DataError, Examples
from sagan_tf.evaluation.evaluator import EvaluationOptions, evaluate
from sagan_tf.evaluation.extractor_choice import choose_extractor
from sagan_tf.evaluation.protocol import EvaluationResult, GeneratorFacts
from sagan_tf.run_directory import RunDirectory, RunError
from sagan_tf.training.checkpoints import CheckpointError


def evaluate_run(
    run: RunDirectory,
    options: EvaluationOptions,
    *,
    examples: Examples | None = None,
    average: bool | None = None,
    step: int | None = None,
) -> EvaluationResult:
    """Measures a run's generator against the run's own data, and appends the result to RUN/metrics.jsonl.

    examples: the data, if it is open already. average, step: which weights; see RunDirectory.generator.
    """
    settings = run.experiment()
    sampler, found, averaged = run.sampler(average=average, step=step)
    examples = examples or settings.data.open(settings.spec.resolution)
    extractor = choose_extractor(
        options.extractor,
        examples=examples,
        resolution=settings.spec.resolution,
        transform=settings.transform,
        inception_location=options.inception_location,
    )
    result = evaluate(
        sampler,
        examples,
        extractor=extractor,
        resolution=settings.spec.resolution,
        transform=settings.transform,
        options=options,
        facts=GeneratorFacts(step=found, weights="ema" if averaged else "raw", statistics="moving"),
    )
    result.append_to(run.path / "metrics.jsonl")
    return result


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m sagan_tf.evaluate", description=__doc__)
    parser.add_argument("--run_dir", required=True, metavar="RUN")
    parser.add_argument("--extractor", help="auto, inception, dataset, or the folder of a SavedModel")
    parser.add_argument("--metrics", help="names separated by commas")
    parser.add_argument("--num", type=int, help="generated images")
    parser.add_argument("--step", type=int, help="a checkpoint's step; the newest by default")
    parser.add_argument("--average", action=argparse.BooleanOptionalAction, default=None)
    parser.add_argument("--json", action="store_true", help="print JSON")
    flags = parser.parse_args(arguments)
    try:
        run = RunDirectory.open(flags.run_dir)
        options = run.experiment().evaluation or EvaluationOptions()
        asked = {
            "extractor": flags.extractor,
            "metrics": tuple(flags.metrics.split(",")) if flags.metrics else None,
            "n_samples": flags.num,
        }
        options = dataclasses.replace(options, **{key: value for key, value in asked.items() if value is not None})
        result = evaluate_run(run, options, average=flags.average, step=flags.step)
    except (RunError, ConfigError, DataError, CheckpointError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(json.dumps(result.record(), indent=1) if flags.json else result.summary())
    return 0


if __name__ == "__main__":
    sys.exit(main())
