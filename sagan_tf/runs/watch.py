"""Measures a run while it trains, from another process: each checkpoint as it is written."""

import dataclasses
import time

from sagan_tf.evaluation.metrics import is_measured
from sagan_tf.evaluation.options import EvaluationOptions
from sagan_tf.evaluation.protocol import EvaluationResult
from sagan_tf.foundation import jsonl
from sagan_tf.foundation.notes import note
from sagan_tf.runs.default_statistics import default_statistics
from sagan_tf.runs.evaluation import CheckpointChoice, measure_generator
from sagan_tf.runs.reference import Reference
from sagan_tf.runs.run_directory import RunDirectory, RunError
from sagan_tf.runs.signs_of_life import SignsOfLife
from sagan_tf.training.checkpoints import CheckpointError

WATCH_SECONDS = 10


def watch(
    run: RunDirectory, options: EvaluationOptions, reference: Reference, chosen: CheckpointChoice
) -> EvaluationResult | None:
    """Measures every checkpoint without a result, including those that training still writes, until training ends.

    Training has ended when the last step is measured, when training stopped because it collapsed, or when the run
    directory has shown no sign of life for QUIET_SECONDS; the latter two are reported. Returns the newest result, None
    if there was nothing to measure.
    """
    done, result, signs = _measured(run, options, reference, chosen), None, SignsOfLife(run.path)
    while True:
        ended = signs.end()  # before the checkpoints are listed, so that none of them is missed
        for step in [step for step in run.checkpoints().steps() if step not in done]:
            done.add(step)
            try:
                result = measure_generator(run, options, reference, dataclasses.replace(chosen, step=step))
            except (RunError, CheckpointError, OSError):
                if step in run.checkpoints().steps():
                    raise
                note(f"step {step} was removed before it was measured")
                continue
            note(f"step {step}\n{result.summary()}")
        total = run.experiment().total_steps  # read again, since a run may be continued with more steps
        last = max(done, default=0)
        if last >= total:
            return result
        if ended:
            note(f"Watching ends at step {last} of {total}: {ended}.")
            return result
        time.sleep(WATCH_SECONDS)


def _measured(
    run: RunDirectory, options: EvaluationOptions, reference: Reference, chosen: CheckpointChoice
) -> set[int]:
    """The steps with a result in metrics.jsonl that has the protocol of this call."""
    averaged = run.experiment().average is not None if chosen.average is None else chosen.average
    truncation = options.sampler_truncation
    statistics = options.statistics or default_statistics(run.spec(), truncated=truncation is not None)
    wanted = {
        "truncation": options.truncation,
        "truncation_mode": truncation.mode if truncation else None,
        "statistics": statistics,
        "standing_passes": options.standing_passes if statistics == "standing" else None,
        "seed": options.seed,
        "extractor_hash": reference.extractor.hash,
        "n_generated": options.n_samples,
        "weights": "ema" if averaged else "raw",
        "reference_fingerprint": reference.real.fingerprint,
    }
    path = run.path / "metrics.jsonl"
    records = jsonl.read(path)
    return {
        record["protocol"]["step"]
        for record in records
        if record["protocol"].get("step") is not None
        and all(record["protocol"].get(name) == value for name, value in wanted.items())
        and all(is_measured(name, record) for name in options.metrics or ())
    }
