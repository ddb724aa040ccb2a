"""The same evaluation with several seeds, as one result: means and deviations."""

from collections.abc import Sequence

import numpy as np

from sagan_tf.evaluation.protocol import EvaluationResult


def over_seeds(results: Sequence[EvaluationResult]) -> EvaluationResult:
    """The one result, or for several each metric's mean and, as NAME_over_seeds_std, deviation (divided by n-1).

    Raises ValueError for results whose protocols differ in more than the seed: their mean would mean nothing.
    """
    if len(results) == 1:
        return results[0]
    protocols = [{**result.protocol, "seed": None} for result in results]
    differing = sorted(key for key in protocols[0] if any(other[key] != protocols[0][key] for other in protocols))
    if differing:
        raise ValueError(
            f"results of several seeds must share their protocol; received differences in "
            f"{', '.join(differing)}. Measure them alike."
        )
    metrics: dict[str, float | list[float]] = {}
    for name in results[0].metrics:
        values = np.array([result.metrics[name] for result in results])
        metrics |= {name: values.mean(axis=0).tolist(), f"{name}_over_seeds_std": values.std(axis=0, ddof=1).tolist()}
    seeds = [result.protocol["seed"] for result in results]
    return EvaluationResult(metrics=metrics, protocol={**results[0].protocol, "seed": seeds})
