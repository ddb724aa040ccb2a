"""A run's truncation curve: each threshold measured once, kept with the run, drawn and tabled."""

import dataclasses
import sys
from collections.abc import Sequence

from sagan_tf.data.source import DataError
from sagan_tf.evaluation.options import EvaluationOptions
from sagan_tf.evaluation.protocol import EvaluationResult, over_seeds
from sagan_tf.evaluation.truncation_curve import CurvePoint, csv_text, reported_numbers, reported_points
from sagan_tf.figures import canvas
from sagan_tf.figures.truncation_curve import truncation_figure
from sagan_tf.foundation import files
from sagan_tf.runs.evaluation import CheckpointChoice, keep, measure_generator, measure_split
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
    """IS and FID without truncation and at each threshold, mean of the seeds; the four points that BigGAN reports.

    Each threshold has its own standing statistics, unless the options name others. What the run's metrics.jsonl has
    of exactly this protocol isn't measured again, so that an interrupted curve goes on. Writes
    RUN/truncation/step-*.csv and .png. Raises ValueError, before any work, for a threshold that isn't positive or a
    prior that can't be cut.
    """
    options = dataclasses.replace(options, metrics=("is", "fid"), statistics=options.statistics or "standing")
    SeededLatents(z_dim=1, latent=run.experiment().latent, mode=options.truncation_mode)
    cuts = [dataclasses.replace(options, truncation=cut) for cut in [None, *sorted(set(thresholds), reverse=True)]]
    results, points = [], []
    for cut in cuts:
        result = over_seeds(
            [
                measure_generator(run, dataclasses.replace(cut, seed=seed), reference, chosen, again=False)
                for seed in seeds
            ]
        )
        results.append(result)
        points.append(_point(result, cut.truncation))
        print(
            f"truncation {cut.truncation or 'none'}: FID {points[-1].fid:.4g}, IS {points[-1].inception_score:.4g}",
            file=sys.stderr,
        )
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
    keep(run, summary)
    place = run.path / "truncation" / f"step-{results[0].protocol['step']:08d}.csv"
    with files.dispensable("the truncation curve's table and figure"):
        files.write_text(place, csv_text(points).rstrip() + "\n")
        canvas.save(
            truncation_figure(points, reported, validation_score=score, caption=_caption(summary)),
            place.with_suffix(".png"),
        )
        print(f"curve: {place} and .png", file=sys.stderr)
    return summary


def _point(result: EvaluationResult, threshold: float | None) -> CurvePoint:
    found = result.metrics
    return CurvePoint(
        truncation=threshold,
        fid=found["fid"],
        inception_score=found["is"],
        fid_std=found.get("fid_over_seeds_std"),
        inception_score_std=found.get("is_over_seeds_std"),
    )


def _validation_score(run: RunDirectory, options: EvaluationOptions, reference: Reference) -> float | None:
    """IS of the data's own validation images; None, said aloud, where it has none."""
    try:
        return measure_split(
            run, dataclasses.replace(options, metrics=("is",)), reference, "validation", again=False
        ).metrics["is"]
    except DataError as error:
        print(f"The point of the validation images' IS is left out: {error}", file=sys.stderr)
        return None


def _caption(summary: EvaluationResult) -> str:
    p = summary.protocol
    return (
        f"step {p['step']:,}, {p['statistics']} statistics, {p['n_generated']:,} samples against "
        f"{p['reference']}, {p['extractor']}"
    )
