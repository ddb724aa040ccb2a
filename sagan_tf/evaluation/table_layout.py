"""Arranges measured numbers next to a paper's, and marks what is missing or has another protocol."""

import dataclasses
import json
import os
import shlex
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from sagan_tf.evaluation.metrics import METRICS
from sagan_tf.evaluation.paper_tables import PAPER_TABLES, Column, PaperTable
from sagan_tf.foundation import jsonl
from sagan_tf.foundation.choices import check_choice

# Numbers whose protocols differ in one of these fields are not comparable, and never share a table.
SAME_IN_A_TABLE = (
    "extractor",
    "extractor_hash",
    "resize",
    "resolution",
    "encoding",
    "n_generated",
    "reference",
    "reference_fingerprint",
    "n_real",
    "statistics",
    "standing_passes",
    "truncation_mode",
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class EvaluatedRun:
    """The records of a run's metrics.jsonl, oldest first, and the names of its classes (empty if unknown)."""

    records: list[dict]
    class_names: tuple[str, ...] = ()

    def value(self, record: dict, column: Column) -> float | None:
        """The column's value in a record; None if it has none."""
        value = record.get(column.metric)
        if value is None or column.of_class is None:
            return value
        index = next((i for i, name in enumerate(self.class_names) if name in column.of_class), None)
        return None if index is None else value[index]


def paper_table(name: str, run_dirs: Sequence[str]) -> str:
    """One of PAPER_TABLES as Markdown, with the runs' numbers next to the paper's.

    run_dirs: folders that are named as rows of the table, or ROW=FOLDER.

    Raises:
      ValueError: for an unknown table or row, or runs that were measured by different protocols.
    """
    check_choice("", "--table", name, PAPER_TABLES, hint="Name one of these, or runs.")
    runs = _runs_by_row(run_dirs)
    if unknown := sorted(set(runs) - set(PAPER_TABLES[name].rows)):
        raise ValueError(
            f"rows of {name} are {', '.join(PAPER_TABLES[name].rows)}; received row={unknown[0]}. "
            "Say which row a run belongs to: --run_dirs=ROW=FOLDER."
        )
    return lay_out(PAPER_TABLES[name], runs)


def runs_table(
    run_dirs: Sequence[str], metrics: Sequence[str], *, step: int | None = None, truncation: float | None = None
) -> str:
    """The runs' own numbers as Markdown, without a paper's: a row per name; runs of one name give mean and deviation.

    metrics: names as `evaluate --metrics` takes them, or of single numbers, such as "recall".
    step: None takes each run's last result. truncation: the threshold that the samples were truncated at.

    Raises:
      ValueError: for a step at which no run was measured, an unknown metric, or runs that were measured by different
        protocols.
    """
    runs = _runs_by_row(run_dirs)
    steps = {record["protocol"].get("step") for group in runs.values() for run in group for record in run.records}
    if step is not None and step not in steps:
        raise ValueError(
            f"--step must be one that was measured; received --step={step}. There are results of "
            f"{', '.join(str(known) for known in sorted(steps - {None})) or 'none'}."
        )
    records = [record for group in runs.values() for run in group for record in run.records]
    columns = tuple(Column(metric=number, step=step) for metric in metrics for number in _numbers(metric, records))
    return lay_out(
        PaperTable(title="Measured", columns=columns, protocol={}, rows={row: (None,) * len(columns) for row in runs}),
        runs,
        truncation=truncation,
    )


def _numbers(metric: str, records: Sequence[dict]) -> list[str]:
    """The numbers of a metric by their names in the records: "pr" gives precision, recall, density and coverage."""
    if any(metric in record for record in records):
        return [metric]
    if metric in METRICS and metric not in METRICS[metric].numbers:
        of_classes = {name for record in records for name, value in record.items() if isinstance(value, list)}
        return [number for number in METRICS[metric].numbers if number not in of_classes]
    known = {number for row in METRICS.values() for number in row.numbers}
    check_choice("", "--metrics", metric, dict.fromkeys([*METRICS, *sorted(known)]))
    return [metric]


def lay_out(table: PaperTable, runs: dict[str, list[EvaluatedRun]], *, truncation: float | None = None) -> str:
    """The table as Markdown, from the results at one truncation, or from whole curves if its columns are of curves."""
    cells_of = {
        (row, column): _latest(runs.get(row, []), column, truncation) for row in table.rows for column in table.columns
    }
    used = [record for measured in cells_of.values() for record, _ in measured]
    _refuse_mixed(table, [record["protocol"] for record in used])
    has_paper = any(value is not None for values in table.rows.values() for value in values)
    heading = _line(["", *(_heading(column, has_paper) for column in table.columns), "steps"])
    lines = [
        f"{table.title}{' (published values, unconfirmed)' if table.unconfirmed else ''}",
        "",
        heading,
        "|" + "---|" * (len(table.columns) + 2),
    ]
    for row, values in table.rows.items():
        cells = [
            _cell(table, paper, cells_of[row, column]) for column, paper in zip(table.columns, values, strict=True)
        ]
        of_row = [record["protocol"] for column in table.columns for record, _ in cells_of[row, column]]
        steps = sorted({protocol["step"] or 0 for protocol in of_row})
        lines.append(_line([row, *cells, ", ".join(f"{step:,}" for step in steps) or "-"]))
    return "\n".join([*lines, "", *_notes(table, used)])


def _runs_by_row(run_dirs: Sequence[str]) -> dict[str, list[EvaluatedRun]]:
    runs: dict[str, list[EvaluatedRun]] = {}
    for text in run_dirs:
        row, _, folder = ("", "", text) if Path(text).is_dir() or "=" not in text else text.partition("=")
        folder = os.path.expanduser(folder)
        path, facts = Path(folder) / "metrics.jsonl", Path(folder) / "run.json"
        if not path.is_file():
            raise ValueError(
                f"--run_dirs must name runs that were evaluated; received {folder}, without "
                f"metrics.jsonl. Evaluate it first: python -m sagan_tf.evaluate --run_dir={shlex.quote(folder)}"
            )
        names = json.loads(facts.read_text(encoding="utf-8"))["data"]["class_names"] if facts.is_file() else ()
        runs.setdefault(row or Path(folder).name, []).append(
            EvaluatedRun(records=jsonl.read(path), class_names=tuple(names))
        )
    return runs


def _latest(runs: Iterable[EvaluatedRun], column: Column, truncation: float | None) -> list[tuple[dict, float]]:
    """Each run's last record that has this column's value, and the value."""
    latest = []
    for run in runs:
        fitting = [
            (record, value)
            for record in run.records
            if (value := run.value(record, column)) is not None
            and column.step in (None, record["protocol"]["step"])
            and _is_truncated_at(record, truncation)
        ]
        latest += fitting[-1:]
    return latest


def _is_truncated_at(record: dict, truncation: float | None) -> bool:
    measured_at = record["protocol"].get("truncation")
    return isinstance(measured_at, list) or measured_at == truncation  # numbers of a list are of a whole curve


def _refuse_mixed(table: PaperTable, protocols: Sequence[dict]) -> None:
    for other in protocols[1:]:
        for key in SAME_IN_A_TABLE:
            if other.get(key) != protocols[0].get(key) and key not in table.may_differ:
                raise ValueError(
                    f"numbers in one table must share their protocol; received {key}="
                    f"{protocols[0].get(key)!r} and {other.get(key)!r}. Evaluate these runs with the same options."
                )


def _heading(column: Column, has_paper: bool) -> str:
    name = column.of_class[0] if column.of_class else column.metric
    return name + (f" at {column.step:,}" if column.step else "") + (", measured (paper)" if has_paper else "")


def _cell(table: PaperTable, paper: float | None, measurements: Sequence[tuple[dict, float]]) -> str:
    values = [value for _, value in measurements]
    measured = f"{np.mean(values):.4g}" if values else "missing"
    deviation = f" ± {np.std(values, ddof=1):.2g}" if len(values) > 1 else ""
    mark = " †" if any(_differences(table, record) for record, _ in measurements) else ""
    return measured + deviation + mark + (f" ({paper:g})" if paper is not None else "")


def _differences(table: PaperTable, record: dict) -> list[str]:
    return [key for key, value in table.protocol.items() if record["protocol"].get(key) != value]


def _notes(table: PaperTable, used: Sequence[dict]) -> list[str]:
    if not used:
        return ["Nothing was measured yet."]
    protocol = used[0]["protocol"]
    notes = [
        f"Measured with {protocol['extractor']} ({protocol['extractor_hash']}), {protocol['n_generated']:,} "
        f"images against {protocol['reference']}. ± is the deviation over runs."
    ]
    for key in dict.fromkeys(key for record in used for key in _differences(table, record)):
        ours = sorted({record["protocol"].get(key) for record in used} - {table.protocol[key]}, key=str)
        notes.append(
            f"† NOT THE PAPER'S PROTOCOL: {key} is {', '.join(map(str, ours))}, in the paper {table.protocol[key]}."
        )
    return notes


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"
