"""Which stored runs raise the alarm of collapse, when, and how much variety there was: looks judged again.

    python benchmarks/collapse_watch.py                      # the table, from benchmarks/collapse_watch.jsonl
    python benchmarks/collapse_watch.py --store=RUN,RUN      # stores the looks of these runs there as well

One JSON line per look: the run's name, and what is judged of it: losses, distances of samples, the same relative to the
data's, and the top singular values of G's kernels. Signs are judged anew, so that a change of the rules or of their
thresholds (sagan_tf/monitoring/collapse.py) shows on all stored runs. A test holds what they say.
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
    """The stored looks by run, in order."""
    found: dict[str, list[HealthRecord]] = {}
    for record in jsonl.read(path):
        found.setdefault(record.pop("run"), []).append(HealthRecord.from_record(record))
    return found


def judged(looks: list[HealthRecord]) -> list[HealthRecord]:
    """The looks with the signs that today's rules see in them."""
    seen: list[HealthRecord] = []
    for look in looks:
        before = remembered(seen)
        found = signs(replace(look, signs=(), collapsed=False), before)
        seen.append(replace(look, signs=found, collapsed=has_collapsed(found, before)))
    return seen


def half_gone(looks: list[HealthRecord]) -> int | None:
    """The first step from which on the variety of shape stays below half of the most there was (the data's at most)."""
    best, since = 0.0, None
    for look in looks:
        shape = min(look.relative["shape"], 1.0)
        best = max(best, shape)
        if shape >= best / 2:
            since = None
        elif since is None:
            since = look.step
    return since


def store(folders: list[Path]) -> None:
    """Adds the runs' looks to the stored ones; a run of the same name is replaced."""
    lines = [line for line in jsonl.read(STORED) if line["run"] not in {folder.name for folder in folders}]
    for folder in folders:
        for look in read_health_records(folder):
            spectra = {name: top[:2] for name, top in look.spectra.items() if name.startswith("generator.")}
            record = replace(look, spectra=spectra, signs=(), collapsed=False).record()
            lines.append({"run": folder.name, **record})
    STORED.write_text("".join(json.dumps(_short(line)) + "\n" for line in lines), encoding="utf-8")


def _short(value):
    """Numbers to three digits, which is more than the rules look at."""
    if isinstance(value, float):
        return float(f"{value:.3g}")
    if isinstance(value, dict):
        return {key: _short(item) for key, item in value.items()}
    return [_short(item) for item in value] if isinstance(value, list) else value


def table() -> str:
    rows = ["| run | looks | variety at the end | half is gone at | first sign | alarm |", "|---|---|---|---|---|---|"]
    for name, looks in runs().items():
        seen = judged(looks)
        first = next((look.step for look in seen if look.signs), "none")
        alarm = next((look.step for look in seen if look.collapsed), "none")
        end = f"{looks[-1].relative['shape']:.0%} at {looks[-1].step:,}"
        rows.append(f"| {name} | {len(looks)} | {end} | {half_gone(looks) or 'never'} | {first} | {alarm} |")
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
