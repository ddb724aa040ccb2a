"""Expected curves: the metrics and losses of earlier runs of a configuration, with which a run can be compared.

A file of them is JSON lines, one per run and step: {"run": "seed 0", "step": 400, "fid": 213.4, "d_loss": 0.61, ...}.
benchmarks/expected_curves.py writes such files from finished runs.
"""

import dataclasses
import math
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from sagan_tf.foundation import jsonl

_METRICS = ("fid", "is", "shape_variety", "feature_variety", "recall", "class_accuracy", "long_range_agreement")
_LOSSES = ("d_loss", "g_loss")


class ExpectedCurvesError(ValueError):
    """A file of expected curves can't be used."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Band:
    """The range of one scalar over the runs: `low[i] <= mean[i] <= high[i]` at `steps[i]`, ascending."""

    steps: Sequence[int]
    low: Sequence[float]
    mean: Sequence[float]
    high: Sequence[float]
    runs: int

    @property
    def label(self) -> str:
        return f"expected, {self.runs} runs" if self.runs > 1 else "expected, one run"


@dataclasses.dataclass(frozen=True)
class ExpectedCurves:
    """The records of a file of expected curves, each with a "run" and a "step"."""

    records: Sequence[dict]

    @classmethod
    def read(cls, path: Path | str) -> "ExpectedCurves":
        """Reads a file.

        Raises:
          ExpectedCurvesError: if there is no such file, or it has no records of a run, a step and numbers.
        """
        path = Path(path)
        if not path.is_file():
            raise ExpectedCurvesError(
                f"Expected curves must be a file of JSON lines; {path} is missing. benchmarks/expected/ has those of "
                "this repository, and benchmarks/expected_curves.py writes them from runs."
            )
        try:
            records = jsonl.read(path)
        except jsonl.JsonLinesError as error:
            raise ExpectedCurvesError(str(error)) from error
        bad = next((number for number, record in enumerate(records, start=1) if not _is_record(record)), None)
        if bad or not records:
            raise ExpectedCurvesError(
                'Expected curves must have lines such as {"run": "seed 0", "step": 400, "fid": 213.4}; received '
                + (f"line {bad}: {str(records[bad - 1])[:80]}" if bad else "no line")
                + f" in {path}. Write the file with benchmarks/expected_curves.py."
            )
        return cls(records)

    def extractors(self) -> set[str]:
        """The names of the extractors that measured the metrics."""
        return {record["extractor"] for record in self.records if "extractor" in record}

    def band(self, name: str) -> Band | None:
        """The range of a scalar at the steps that all runs with this scalar have; None if there are none."""
        runs: dict[str, dict[int, float]] = {}
        for record in self.records:
            if isinstance(record.get(name), int | float) and math.isfinite(record[name]):
                runs.setdefault(record["run"], {})[record["step"]] = record[name]
        steps = sorted(set.intersection(*(set(run) for run in runs.values()))) if runs else []
        if not steps:
            return None
        values = [[run[step] for run in runs.values()] for step in steps]
        return Band(
            steps=steps,
            low=[min(v) for v in values],
            mean=[sum(v) / len(v) for v in values],
            high=[max(v) for v in values],
            runs=len(runs),
        )


def records_of_run(name: str, metrics: Iterable[dict], train: Iterable[dict], *, every: int = 100) -> list[dict]:
    """The records of one run for a file of expected curves.

    metrics: those of metrics.jsonl; samples without truncation count, the last of a step wins.
    train: those of train.jsonl; the losses of each `every` steps are averaged.
    """
    records: dict[int, dict] = {}
    for record in metrics:
        protocol = record["protocol"]
        if protocol.get("step") and protocol.get("truncation") is None:
            numbers = {key: round(record[key], 5) for key in _METRICS if isinstance(record.get(key), int | float)}
            if numbers:  # else what was measured has other metrics, such as memorization
                records.setdefault(protocol["step"], {}).update(numbers, extractor=extractor_name(protocol))
    windows: dict[int, list[dict]] = {}
    for record in train:
        windows.setdefault(math.ceil(record["step"] / every) * every, []).append(record)
    for step, window in windows.items():
        for key in _LOSSES:
            values = [r[key] for r in window if isinstance(r.get(key), int | float) and math.isfinite(r[key])]
            if values:
                records.setdefault(step, {})[key] = round(sum(values) / len(values), 5)
    return [{"run": name, "step": step, **records[step]} for step in sorted(records)]


def extractor_name(protocol: dict) -> str:
    """The extractor of a measurement; a folder's classifier goes by the folder's contents, wherever the folder lies."""
    name = protocol["extractor"]
    content = re.search(r"\bcontent=\w+", protocol.get("reference_fingerprint") or "")
    if name.startswith("dataset-classifier:folder:") and content:
        return f"dataset-classifier:folder {content[0]}@{name.rpartition('@')[2]}"
    return name


def _is_record(record: dict) -> bool:
    named = isinstance(record.get("run"), str) and isinstance(record.get("extractor", ""), str)
    return named and type(record.get("step")) is int and record["step"] >= 0
