"""Batch statistics that were published with a generator, one set for each of several truncations.

DeepMind's BigGAN-deep modules have 51 sets, for the truncations 0, 0.02, ..., 1 of a z that is cut at 2 and scaled
("scaled_truncated"). A run that was imported from one stores them with its checkpoint of step 0, to whose weights they
belong; once the weights have been trained further, they are no longer valid.
"""

import contextlib
import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from sagan_tf.foundation.npz import read_npz, write_npz
from sagan_tf.layers.variable_names import named_variables
from sagan_tf.models.generator import Generator
from sagan_tf.runs.run_directory import RunDirectory, RunError
from sagan_tf.sampling.sampler import Truncation

FILE = "published_statistics.npz"
MODE = "scaled_truncated"  # of truncation, whose statistics these are
_THRESHOLDS = "thresholds"


@dataclasses.dataclass(frozen=True)
class PublishedStatistics:
    """Sets of statistics by the names of G's moving statistics.

    thresholds: the truncation of each set, ascending, (T,). values: for each name the sets (T,C), float32.

    Raises:
      ValueError: if the thresholds don't ascend, or are not as many as the sets.
    """

    thresholds: tuple[float, ...]
    values: Mapping[str, np.ndarray]

    def __post_init__(self):
        counts = {len(sets) for sets in self.values.values()}
        if counts != {len(self.thresholds)} or list(self.thresholds) != sorted(set(self.thresholds)):
            raise ValueError(
                f"thresholds must ascend and be as many as the sets of statistics; received {len(self.thresholds)} "
                f"for {sorted(counts)} sets."
            )

    @classmethod
    def of_sets(cls, sets: Sequence[Mapping[str, np.ndarray]]) -> "PublishedStatistics":
        """Sets for truncations that are evenly spaced from 0 to 1, as DeepMind's modules have them."""
        thresholds = tuple(i / (len(sets) - 1) for i in range(len(sets))) if len(sets) > 1 else (1.0,)
        return cls(thresholds, {name: np.stack([one[name] for one in sets]) for name in sets[0]})

    @property
    def largest(self) -> float:
        """The largest truncation for which there are statistics."""
        return self.thresholds[-1]

    def cover(self, truncation: Truncation | None) -> bool:
        """Whether there are statistics for this truncation; without truncation, those of the largest are used."""
        return truncation is None or (truncation.mode == MODE and truncation.threshold <= self.largest)

    def check_cover(self, truncation: Truncation | None) -> None:
        """Raises RunError for a truncation without statistics."""
        if not self.cover(truncation):
            raise RunError(
                f"published statistics are those of --truncation_mode={MODE} with a truncation up to "
                f"{self.largest:g}; received truncation {truncation.threshold:g} with {truncation.mode}. Leave "
                "--statistics out, and standing ones are gathered."
            )

    def at(self, threshold: float | None) -> dict[str, np.ndarray]:
        """The statistics (C,) at a truncation (None: the largest), interpolated linearly between the nearest two sets.

        Outside the range of the thresholds they are those of its end.
        """
        if threshold is None:
            return {name: sets[-1] for name, sets in self.values.items()}
        position = np.interp(threshold, self.thresholds, np.arange(len(self.thresholds)))
        below = int(position)
        share = np.float32(position - below)
        above = min(below + 1, len(self.thresholds) - 1)
        return {name: (1 - share) * sets[below] + share * sets[above] for name, sets in self.values.items()}

    @contextlib.contextmanager
    def used_by(self, generator: Generator, threshold: float | None) -> Iterator[Generator]:
        """A block in which the generator's moving statistics are those `at` a truncation, and then are restored."""
        variables = named_variables(generator)
        usual = {name: variables[name].numpy() for name in self.values}
        for name, value in self.at(threshold).items():
            variables[name].assign(value)
        try:
            yield generator
        finally:
            for name, value in usual.items():
                variables[name].assign(value)

    def sets(self) -> list[dict[str, np.ndarray]]:
        """Each set, as `models.inference.bake` takes them."""
        return [{name: sets[i] for name, sets in self.values.items()} for i in range(len(self.thresholds))]

    def save(self, folder: Path) -> None:
        """Writes them into a run's folder atomically."""
        write_npz(folder / FILE, {_THRESHOLDS: np.asarray(self.thresholds), **self.values}, durable=True)


def published_statistics(run: RunDirectory, step: int) -> PublishedStatistics | None:
    """The statistics that were published with the weights of this step, if any were.

    Raises:
      RunError: if the run's file is damaged.
    """
    path = run.path / FILE
    if step != 0 or not path.is_file():
        return None
    try:
        found = read_npz(path)
        return PublishedStatistics(tuple(found.pop(_THRESHOLDS).tolist()), found)
    except (ValueError, OSError, KeyError, TypeError) as error:  # of the file, or of what it holds
        raise RunError(
            f"{path} must hold the statistics that were published with the weights; received a damaged file ({error}). "
            "Import the weights again."
        ) from error


def check_published(found: PublishedStatistics | None, run: RunDirectory, step: int) -> None:
    """Raises RunError if no statistics were published with the weights of this step."""
    if found is None:
        raise RunError(
            f"published statistics must have come with imported weights; the run in {run.path} has none for step "
            f"{step}. Leave --statistics out."
        )
