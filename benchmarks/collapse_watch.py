"""Which stored runs raise the collapse alarm, when, and with how much variety left: evaluates health records again.

    python benchmarks/collapse_watch.py                      # the table, from benchmarks/collapse_watch.jsonl
    python benchmarks/collapse_watch.py --store=RUN,RUN      # stores the health records of these runs there as well

One JSON line per health record: the run's name and what is evaluated: losses, distances of samples, the same relative
to the data's, and the top singular values of G's kernels. Signs are evaluated again, so that a change of the rules or
of their thresholds (sagan_tf/monitoring/collapse.py) shows on all stored runs. A test checks the results.
"""

import argparse
import json
from dataclasses import replace
from pathlib import Path

from sagan_tf.foundation import jsonl
from sagan_tf.monitoring.collapse import has_collapsed, remembered, signs
from sagan_tf.monitoring.health_records import HealthRecord, read_health_records

STORED = Path(__file__).with_suffix(".jsonl")


def runs(path: Path = STORED) -> dict[str, list[HealthRecord]]:
    """The stored health records by run, in order."""
    found: dict[str, list[HealthRecord]] = {}
    for record in jsonl.read(path):
        found.setdefault(record.pop("run"), []).append(HealthRecord.from_record(record))
    return found


def judged(records: list[HealthRecord]) -> list[HealthRecord]:
    """The health records with the signs that today's rules see in them."""
    seen: list[HealthRecord] = []
    for record in records:
        before = remembered(seen)
        record = replace(record, signs=signs(record, before), collapsed=False)
        seen.append(replace(record, collapsed=has_collapsed(record, before)))
    return seen


def half_gone(records: list[HealthRecord]) -> int | None:
    """The first step from which on the variety of shape stays below half of the most there was (the data's at most).

    None also if there never was half of the data's.
    """
    best, since = 0.0, None
    for record in records:
        shape = min(record.relative["shape"], 1.0)
        best = max(best, shape)
        if shape >= best / 2:
            since = None
        elif since is None:
            since = record.step
    return since if best >= 0.5 else None


def store(folders: list[Path]) -> None:
    """Adds the runs' health records to the stored ones; a run of the same name is replaced."""
    lines = [line for line in jsonl.read(STORED) if line["run"] not in {folder.name for folder in folders}]
    for folder in folders:
        for record in read_health_records(folder):
            spectra = {name: top[:2] for name, top in record.spectra.items() if name.startswith("generator.")}
            stored = replace(record, spectra=spectra, signs=(), collapsed=False)
            lines.append({"run": folder.name, **stored.record()})
    STORED.write_text("".join(json.dumps(_short(line)) + "\n" for line in lines), encoding="utf-8")


def _short(value):
    """Numbers to three digits, which is more than the rules need."""
    if isinstance(value, float):
        return float(f"{value:.3g}")
    if isinstance(value, dict):
        return {key: _short(item) for key, item in value.items()}
    return [_short(item) for item in value] if isinstance(value, list) else value


def table() -> str:
    rows = [
        "| run | records | variety at the end | half is gone at | first sign | alarm |",
        "|---|---|---|---|---|---|",
    ]
    for name, records in runs().items():
        seen = judged(records)
        first = next((record.step for record in seen if record.signs), "none")
        alarm = next((record.step for record in seen if record.collapsed), "none")
        end = f"{records[-1].relative['shape']:.0%} at {records[-1].step:,}"
        rows.append(f"| {name} | {len(records)} | {end} | {half_gone(records) or 'never'} | {first} | {alarm} |")
    return "\n".join(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--store", type=lambda text: [Path(path) for path in text.split(",")], default=[])
    flags = parser.parse_args()
    if flags.store:
        store(flags.store)
    print(table())


if __name__ == "__main__":
    main()
