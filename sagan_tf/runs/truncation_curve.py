"""Measures a run's truncation curve, records each threshold with the run, and writes a table and a figure."""

import dataclasses
from collections.abc import Sequence

from sagan_tf.evaluation.options import EvaluationOptions
from sagan_tf.evaluation.protocol import EvaluationResult, over_seeds
from sagan_tf.evaluation.truncation_curve import CurvePoint, csv_text, reported_numbers, reported_points
from sagan_tf.figures import canvas
from sagan_tf.figures.truncation_curve import truncation_figure
from sagan_tf.foundation import files
from sagan_tf.foundation.notes import note
from sagan_tf.runs.evaluation import CheckpointChoice, measure_generator, measure_split, record_result
from sagan_tf.runs.reference import Reference
from sagan_tf.runs.run_directory import RunDirectory
from sagan_tf.sampling.seeds import SeededLatents


def measure_curve(
    run: RunDirectory,
    options: EvaluationOptions,
    reference: Reference,
    chosen: CheckpointChoice,
    *,
    thresholds: Sequence[float],
    seeds: Sequence[int],
) -> EvaluationResult:
    """Measures IS and FID without truncation and at each threshold; returns the four points that BigGAN reports.

    Each number is the mean over the seeds. Each threshold has its own standing statistics, unless the options name
    others. Results of exactly this protocol in the run's metrics.jsonl are reused, so that the same call continues an
    interrupted curve. Writes RUN/truncation/step-*.csv and .png.

    Raises:
      ValueError: before any work, for a threshold that isn't positive or a prior that can't be truncated.
    """
    options = dataclasses.replace(options, metrics=("is", "fid"), statistics=options.statistics or "standing")
    SeededLatents(z_dim=1, latent=run.experiment().latent, mode=options.truncation_mode)
    descending = [None, *sorted(set(thresholds), reverse=True)]
    results, points = [], []
    for truncated in [dataclasses.replace(options, truncation=threshold) for threshold in descending]:
        result = over_seeds(
            [
                measure_generator(run, dataclasses.replace(truncated, seed=seed), reference, chosen, reuse=True)
                for seed in seeds
            ]
        )
        results.append(result)
        point = _point(result, truncated.truncation)
        points.append(point)
        note(f"truncation {point.truncation or 'none'}: FID {point.fid:.4g}, IS {point.inception_score:.4g}")
    score = _validation_score(run, options, reference)
    reported = reported_points(points, score)
    summary = EvaluationResult(
        metrics=reported_numbers(reported) | ({} if score is None else {"real_validation_is": score}),
        protocol={
            **results[0].protocol,
            "truncation": [point.truncation for point in points],
            "truncation_mode": options.truncation_mode,
        },
    )
    record_result(run, summary)
    table = run.path / "truncation" / f"step-{results[0].protocol['step']:08d}.csv"
    with files.dispensable("the truncation curve's table and figure"):
        files.write_text(table, csv_text(points).rstrip() + "\n")
        canvas.save(
            truncation_figure(points, reported, validation_score=score, caption=_caption(summary)),
            table.with_suffix(".png"),
        )
        note(f"The curve is in {table} and .png")
    return summary


def _point(result: EvaluationResult, threshold: float | None) -> CurvePoint:
    metrics = result.metrics
    return CurvePoint(
        truncation=threshold,
        fid=metrics["fid"],
        inception_score=metrics["is"],
        fid_std=metrics.get("fid_over_seeds_std"),
        inception_score_std=metrics.get("is_over_seeds_std"),
    )


def _validation_score(run: RunDirectory, options: EvaluationOptions, reference: Reference) -> float | None:
    """IS of the data's own validation images; None, with a note, if there are none, or too few for a score."""
    try:
        return measure_split(
            run, dataclasses.replace(options, metrics=("is",)), reference, "validation", reuse=True
        ).metrics["is"]
    except ValueError as error:  # a DataError, or what `compare` refuses
        note(f"The point of the validation images' IS is left out: {error}")
        return None


def _caption(summary: EvaluationResult) -> str:
    p = summary.protocol
    return (
        f"step {p['step']:,}, {p['statistics']} statistics, {p['n_generated']:,} samples against "
        f"{p['reference']}, {p['extractor']}"
    )
