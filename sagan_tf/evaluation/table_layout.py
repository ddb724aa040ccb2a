"""Measured numbers laid beside a paper's: what is missing and what was measured otherwise is marked."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from sagan_tf.evaluation.paper_tables import PAPER_TABLES, Column, PaperTable

# Numbers that differ in one of these compare nothing, and never stand in one table.
SAME_IN_A_TABLE = ("extractor", "extractor_hash", "resize", "resolution", "encoding", "n_generated", "reference",
                   "reference_fingerprint", "n_real")


def paper_table(name: str, run_dirs: Sequence[str]) -> str:
    """One of PAPER_TABLES with the runs' numbers; `run_dirs` are folders named as rows, or ROW=FOLDER.

    Raises ValueError for an unknown table or row, or for runs that were measured by different protocols.
    """
    if name not in PAPER_TABLES:
        raise ValueError(f"--table must be runs or one of {', '.join(PAPER_TABLES)}; received --table={name}. "
                         "Name one of these.")
    runs = _runs_by_row(run_dirs)
    if unknown := sorted(set(runs) - set(PAPER_TABLES[name].rows)):
        raise ValueError(f"rows of {name} are {', '.join(PAPER_TABLES[name].rows)}; received row={unknown[0]}. "
                         "Say which row a run belongs to: --run_dirs=ROW=FOLDER.")
    return lay_out(PAPER_TABLES[name], runs)


def runs_table(run_dirs: Sequence[str], metrics: Sequence[str]) -> str:
    """The runs' own numbers, a row a name, without a paper: several runs of a name give mean and deviation."""
    runs = _runs_by_row(run_dirs)
    columns = tuple(Column(metric=metric) for metric in metrics)
    return lay_out(PaperTable(title="Measured", columns=columns, protocol={},
                              rows={row: (None,) * len(columns) for row in runs}), runs)


def lay_out(table: PaperTable, runs: dict[str, list[list[dict]]]) -> str:
    """The table as Markdown. `runs`: for each row its runs, each the records of one metrics.jsonl, oldest first."""
    found = {(row, column): _latest(runs.get(row, []), column) for row in table.rows for column in table.columns}
    used = [record for records in found.values() for record in records]
    _refuse_mixed([record["protocol"] for record in used])
    has_paper = any(value is not None for values in table.rows.values() for value in values)
    heading = _line(["", *(_heading(column, has_paper) for column in table.columns), "steps"])
    lines = [f"{table.title}{' (published values, unconfirmed)' if table.unconfirmed else ''}", "",
             heading, "|" + "---|" * (len(table.columns) + 2)]
    for row, values in table.rows.items():
        cells = [_cell(table, paper, column, found[row, column])
                 for column, paper in zip(table.columns, values, strict=True)]
        steps = sorted({record["protocol"]["step"] or 0 for column in table.columns for record in found[row, column]})
        lines.append(_line([row, *cells, ", ".join(f"{step:,}" for step in steps) or "-"]))
    return "\n".join([*lines, "", *_notes(table, used)])


def read_records(path: Path) -> list[dict]:
    """The records of a metrics.jsonl, oldest first; a last line cut short by a crash is left out."""
    records = []
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            records.append(json.loads(line))
        except json.JSONDecodeError:
            continue
    return records


def _runs_by_row(run_dirs: Sequence[str]) -> dict[str, list[list[dict]]]:
    runs: dict[str, list[list[dict]]] = {}
    for text in run_dirs:
        row, _, folder = text.rpartition("=")
        path = Path(folder) / "metrics.jsonl"
        if not path.is_file():
            raise ValueError(f"--run_dirs must name runs that were evaluated; received {folder}, without "
                             f"metrics.jsonl. Evaluate it first: python -m sagan_tf.evaluate --run_dir={folder}")
        runs.setdefault(row or Path(folder).name, []).append(read_records(path))
    return runs


def _latest(runs: Iterable[list[dict]], column: Column) -> list[dict]:
    """Each run's last record that has this column's value."""
    fitting = [[record for record in records if record.get(column.metric) is not None
                and column.step in (None, record["protocol"]["step"])] for records in runs]
    return [records[-1] for records in fitting if records]


def _refuse_mixed(protocols: Sequence[dict]) -> None:
    for other in protocols[1:]:
        for key in SAME_IN_A_TABLE:
            if other[key] != protocols[0][key]:
                raise ValueError(f"numbers in one table must share their protocol; received {key}="
                                 f"{protocols[0][key]!r} and {other[key]!r}. Evaluate these runs alike.")


def _heading(column: Column, has_paper: bool) -> str:
    return column.metric + (f" at {column.step:,}" if column.step else "") + (", measured (paper)" if has_paper else "")


def _cell(table: PaperTable, paper: float | None, column: Column, records: Sequence[dict]) -> str:
    values = [record[column.metric] for record in records]
    measured = f"{np.mean(values):.4g}" if values else "missing"
    deviation = f" ± {np.std(values, ddof=1):.2g}" if len(values) > 1 else ""
    mark = " †" if any(_differences(table, record) for record in records) else ""
    return measured + deviation + mark + (f" ({paper:g})" if paper is not None else "")


def _differences(table: PaperTable, record: dict) -> list[str]:
    return [key for key, value in table.protocol.items() if record["protocol"][key] != value]


def _notes(table: PaperTable, used: Sequence[dict]) -> list[str]:
    if not used:
        return ["Nothing was measured yet."]
    protocol = used[0]["protocol"]
    notes = [f"Measured with {protocol['extractor']} ({protocol['extractor_hash']}), {protocol['n_generated']:,} "
             f"images against {protocol['reference']}. ± is the deviation over runs."]
    for key in dict.fromkeys(key for record in used for key in _differences(table, record)):
        ours = sorted({record["protocol"][key] for record in used} - {table.protocol[key]}, key=str)
        notes.append(f"† NOT THE PAPER'S PROTOCOL: {key} is {', '.join(map(str, ours))}, in the paper "
                     f"{table.protocol[key]}.")
    return notes


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"
