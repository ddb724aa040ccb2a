"""Saves standing statistics with the run, since gathering them takes a hundred passes for each truncation.

    RUN/standing_statistics/step-00004000-average-0.5-resampled-100.npz

A file is named by step, weights, threshold, mode and number of passes. In addition to the statistics, it holds an
identity that changes with the checkpoint's content, the networks, and everything else that the statistics depend on. A
file with another identity is not used, and is replaced. Files of steps whose checkpoint is gone are removed.
"""

import dataclasses
import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from sagan_tf.foundation import files
from sagan_tf.foundation.npz import NpzError, read_npz, write_npz
from sagan_tf.models.generator import Generator
from sagan_tf.runs.run_directory import RunDirectory
from sagan_tf.sampling.standing_statistics import StandingStatistics

FOLDER = "standing_statistics"
_IDENTITY = "identity"  # no name of a statistic, all of which have dots

Statistics = dict[str, np.ndarray]


def kept_or_gathered(
    run: RunDirectory,
    generator: Generator,
    options: StandingStatistics,
    thresholds: Sequence[float | None],
    *,
    step: int,
    averaged: bool,
    weights: str,
) -> list[Statistics]:
    """`options.gathered` at each threshold (None: of the whole prior), read from the run's files if they have them.

    Gathered statistics are written there; if that fails, a warning is logged.

    generator: with the weights of the checkpoint of `step`, `averaged` or raw.
    weights: the hash of the checkpoint's files, which may be gone by now.

    Raises:
      ValueError: for a threshold that is not positive.
    """
    wanted = [dataclasses.replace(options, threshold=threshold) for threshold in thresholds]
    paths = [run.path / FOLDER / _name(chosen, step, averaged) for chosen in wanted]
    identities = [_identity(weights, generator, chosen, averaged) for chosen in wanted]
    found = [_read(path, identity) for path, identity in zip(paths, identities, strict=True)]
    missing = [i for i, statistics in enumerate(found) if statistics is None]
    gathered = options.gathered(generator, [thresholds[i] for i in missing]) if missing else []
    for i, statistics in zip(missing, gathered, strict=True):
        found[i] = statistics
        _keep(run, paths[i], identities[i], statistics)
    return found


def _name(options: StandingStatistics, step: int, averaged: bool) -> str:
    weights = "average" if averaged else "raw"
    threshold = "untruncated" if options.threshold is None else f"{options.threshold:g}-{options.truncation}"
    return f"step-{step:08d}-{weights}-{threshold}-{options.passes}.npz"


def _identity(weights: str, generator: Generator, options: StandingStatistics, averaged: bool) -> str:
    """A hash of everything on which the statistics depend, which excludes the choice of statistics for inference."""
    spec = dataclasses.replace(generator.spec, inference_statistics="moving")
    facts = (weights, averaged, spec, generator.numerics, options)
    fewer = () if options.n_classes in (None, spec.n_classes) else (options.n_classes,)
    return hashlib.sha256(repr(facts + fewer).encode()).hexdigest()


def _read(path: Path, identity: str) -> Statistics | None:
    """The statistics of the file; None if there is none, if it is damaged, or if it has another identity."""
    try:
        found = read_npz(path)
    except (OSError, NpzError):
        return None
    return found if str(found.pop(_IDENTITY, "")) == identity else None


def _keep(run: RunDirectory, path: Path, identity: str, statistics: Statistics) -> None:
    with files.dispensable("the run's standing statistics"):
        path.parent.mkdir(exist_ok=True)
        write_npz(path, {_IDENTITY: np.asarray(identity), **statistics})
        for other in path.parent.glob(f"step-{'[0-9]' * 8}-*.npz"):
            if not run.checkpoints().find(int(other.name[5:13])).exists():
                other.unlink(missing_ok=True)
