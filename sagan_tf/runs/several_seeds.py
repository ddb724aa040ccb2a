"""Measures one checkpoint of a run with several seeds, while training may be writing newer checkpoints."""

import dataclasses
from collections.abc import Sequence

from sagan_tf.evaluation.options import EvaluationOptions
from sagan_tf.evaluation.protocol import EvaluationResult
from sagan_tf.runs.evaluation import CheckpointChoice, measure_generator
from sagan_tf.runs.reference import Reference
from sagan_tf.runs.run_directory import RunDirectory


def measure_seeds(
    run: RunDirectory,
    options: EvaluationOptions,
    reference: Reference,
    chosen: CheckpointChoice,
    seeds: Sequence[int],
    *,
    reuse: bool,
) -> list[EvaluationResult]:
    """One result per seed, all of the same checkpoint.

    The newest checkpoint, where `chosen` names none, is that of the first seed's measurement.

    reuse: as in `measure_generator`.
    """
    results = []
    for seed in seeds:
        result = measure_generator(run, dataclasses.replace(options, seed=seed), reference, chosen, reuse=reuse)
        chosen = dataclasses.replace(chosen, step=result.protocol["step"])
        results.append(result)
    return results
