"""Does attention help where distant parts must agree (Zhang et al. 2019, section 5.2)? A test paired by seed.

    python benchmarks/variety_study.py --out=FOLDER --arms=claim-attention,claim-none,claim-residual \\
        --seeds=0,1,2,3,4 --steps=2500
    python benchmarks/attention_claim.py --runs=FOLDER      # measures the agreement by class of what has been trained
    python benchmarks/attention_claim.py                    # the tables, from benchmarks/attention_claim.jsonl
    python benchmarks/attention_claim.py --plot=benchmarks/attention_claim.png
    python benchmarks/attention_claim.py --page=docs/attention.md

The arms differ only in the block at 16x16 of both networks: attention, nothing, or the residual block of the paper's
Table 1 with as many parameters. Runs of one seed share the order of the data, z and labels. Per run the file has one
JSON line: what variety_study.py measured, the long-range agreement of each structured class at the end, and its mean at
earlier checkpoints. A run that has its line is not measured again.

Two p-values per difference, both two-sided: that of the exact sign-flip test, which assumes only that the sign of a
seed's difference is arbitrary if there is no effect (with five seeds it can't be below 1/16 = 0.0625), and that of the
paired t-test, which assumes that the differences are normal.
"""

import itertools
import json
import statistics
import subprocess
import sys
from pathlib import Path

import numpy as np
from markdown_table import markdown_table
from study_command import run_study

from sagan_tf.foundation import jsonl
from sagan_tf.foundation.spelling import counted

STORED = Path(__file__).with_suffix(".jsonl")
ARMS = {"claim-attention": "attention", "claim-none": "none", "claim-residual": "residual block"}
KEPT = ("arm", "seed", "steps", "fid", "recall", "class_accuracy", "variety", "long_range_agreement", "variety_at")
MEASURES = {
    "long_range_agreement": "long-range agreement",
    "fid": "FID",
    "recall": "recall",
    "class_accuracy": "class accuracy",
    "variety": "variety of shape",
}
EVERY = 400  # steps between the checkpoints of the curves
PER_CLASS, PER_CLASS_OF_CURVES = 400, 100


def sign_flip_p(differences: list[float]) -> float:
    """The two-sided p-value of the exact sign-flip test of a mean of 0: the share of all sign patterns whose sum is as
    far from 0 as the observed one."""
    observed = abs(sum(differences))
    sums = [abs(sum(s * d for s, d in zip(signs, differences, strict=True))) for signs in _signs(len(differences))]
    return sum(total >= observed * (1 - 1e-12) for total in sums) / len(sums)


def _signs(count: int):
    return itertools.product((1, -1), repeat=count)


def t_test_p(differences: list[float]) -> float:
    """The two-sided p-value of the paired t-test, for two differences at least."""
    from scipy import stats

    return float(stats.ttest_1samp(differences, 0.0).pvalue)


def agreement_by_class(run: Path, step: int, per_class: int) -> dict[str, float]:
    """The mean agreement of far-apart parts in samples of each class that has such parts; averaged weights."""
    from sagan_tf.data.procedural.long_range_agreement import SYMMETRIES, agreement
    from sagan_tf.foundation.pixels import normalized
    from sagan_tf.runs.trained import TrainedModel

    model = TrainedModel(run, step=step)
    classes = [model.class_names.index(name) for name in SYMMETRIES]
    labels = np.tile(classes, per_class)
    scores = agreement(normalized(model.images(labels, seed=1).astype(np.float64)), labels)
    return {model.class_names[c]: round(float(scores[labels == c].mean()), 4) for c in classes}


def measure(run: Path) -> dict:
    """The agreement by class of a run's newest checkpoint, and its mean at the ones before."""
    from sagan_tf.runs.run_directory import RunDirectory

    steps = RunDirectory.open(run).checkpoints().steps()
    earlier = [step for step in steps if step % EVERY == 0 or step == steps[-1]]
    at = {step: agreement_by_class(run, step, PER_CLASS_OF_CURVES) for step in earlier}
    return {
        "agreement_by_class": agreement_by_class(run, steps[-1], PER_CLASS),
        "agreement_at": {step: round(statistics.mean(classes.values()), 4) for step, classes in at.items()},
    }


def measure_all(folder: Path, stored: Path) -> None:
    """Measures each finished run of the arms that has no line yet, in a process of its own."""
    have = {(r["arm"], r["seed"], r["steps"]) for r in jsonl.read(stored)}
    for line in jsonl.read(folder / "results.jsonl"):
        if line["arm"] not in ARMS or (line["arm"], line["seed"], line["steps"]) in have:
            continue
        run = folder / f"{line['arm']}-{line['seed']}"
        command = [sys.executable, __file__, f"--measure={run}"]
        found = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
        record = {key: line[key] for key in KEPT} | json.loads(found.splitlines()[-1])
        jsonl.append(stored, record)


def by_arm(records: list[dict], name: str) -> dict[str, dict[int, float]]:
    """A measure of each arm by seed; a class's name is its agreement."""
    found: dict[str, dict[int, float]] = {arm: {} for arm in ARMS}
    for record in records:
        value = record[name] if name in MEASURES else record["agreement_by_class"][name]
        found[record["arm"]][record["seed"]] = value
    return found


def classes(records: list[dict]) -> list[str]:
    return list(records[0]["agreement_by_class"])


def differences(values: dict[str, dict[int, float]], other: str) -> list[float]:
    """Attention's minus the other arm's, over the seeds that both have."""
    ours, theirs = values["claim-attention"], values[other]
    return [ours[seed] - theirs[seed] for seed in sorted(ours.keys() & theirs.keys())]


def table(records: list[dict]) -> str:
    """Means and standard deviations per arm, and attention's differences with their p-values, as Markdown."""
    seeds = {arm: len(values) for arm, values in by_arm(records, "fid").items()}
    head = ["", *(f"{label} ({counted(seeds[arm], 'seed')})" for arm, label in ARMS.items())]
    others = list(ARMS)[1:]
    head += [text for arm in others for text in (f"minus {ARMS[arm]}", "p, sign-flip", "p, t")]
    rows = []
    for name in (*MEASURES, *classes(records)):
        values = by_arm(records, name)
        cells = [MEASURES.get(name, f"agreement of {name}")]
        digits = 0 if name == "fid" else 3
        cells += [_mean(list(values[arm].values()), digits) for arm in ARMS]
        for other in others:
            found = differences(values, other)
            mean = f"{statistics.mean(found):+.{digits}f} (n = {len(found)})" if found else ""
            cells += [mean, *(f"{p(found):.2g}" if len(found) > 1 else "" for p in (sign_flip_p, t_test_p))]
        rows.append(cells)
    return markdown_table(head, rows)


def _mean(values: list[float], digits: int) -> str:
    if not values:
        return ""
    deviation = f" ± {statistics.stdev(values):.{digits}f}" if len(values) > 1 else ""
    return f"{statistics.mean(values):.{digits}f}{deviation}"


def plot(records: list[dict], path: Path) -> None:
    """Agreement and variety over the steps, a thin line per run and a thick one per arm; agreement by class."""
    from sagan_tf.figures import canvas

    figure, ((left, middle, right),) = canvas.figure(1, 3, size=(11.5, 3.4), wspace=0.28)
    for color, (arm, label) in zip(canvas.COLORS, ARMS.items(), strict=False):
        of = [record for record in records if record["arm"] == arm]
        for axes, key in ((left, "agreement_at"), (middle, "variety_at")):
            runs = [{int(step): value for step, value in record[key].items()} for record in of]
            steps = sorted(set.intersection(*map(set, runs))) if runs else []
            for run in runs:
                axes.plot(steps, [run[step] for step in steps], color=color, linewidth=0.7, alpha=0.4)
            means = [statistics.mean(run[step] for run in runs) for step in steps]
            axes.plot(steps, means, color=color, linewidth=2, label=label)
        shift = 0.22 * (list(ARMS).index(arm) - 1)
        for place, name in enumerate(classes(records)):
            values = list(by_arm(records, name)[arm].values())
            right.scatter([place + shift] * len(values), values, color=color, s=12, alpha=0.6, linewidths=0)
            if values:
                right.plot([place + shift - 0.1, place + shift + 0.1], [statistics.mean(values)] * 2, color=color, lw=2)
    left.set(title="Long-range agreement", xlabel="steps")
    middle.set(title="Variety of shape within classes (data: 1)", xlabel="steps")
    right.set(title="Agreement by class, at the end")
    right.set_xticks(range(len(classes(records))), classes(records))
    left.legend(frameon=False)
    figure.subplots_adjust(left=0.05, right=0.99, top=0.9, bottom=0.16)
    canvas.save(figure, path)


if __name__ == "__main__":
    run_study(
        __doc__,
        stored=STORED,
        measure=lambda run, _: print(json.dumps(measure(run))),
        measure_all=measure_all,
        table=table,
        plot=plot,
        head="p, sign-flip",
    )
