"""The metrics in a run's report, each with its protocol."""

import json
from collections.abc import Sequence

from sagan_tf.figures import page
from sagan_tf.figures.expected_curves import ExpectedCurves
from sagan_tf.figures.labels import readable
from sagan_tf.figures.svg_chart import line_chart

_OPENED = 2  # number of latest evaluations that are shown expanded
# The most important metrics: a readable name, and the format of the number.
_HEADLINES = {
    "fid": ("FID", ".4g"),
    "fid_of_data": ("FID between two halves of the data", ".4g"),
    "fid_untrained": ("FID of the untrained generator", ".4g"),
    "is": ("IS", ".4g"),
    "shape_variety": ("variety of shape within classes, relative to the data's,", ".0%"),
}
_OF_NO_STEP = ("fid_of_data", "fid_untrained")  # they do not change during training
_CHARTED = ("fid", "is", "shape_variety", "recall", "class_accuracy", "long_range_agreement")


def blocks(metrics: list[dict]) -> str:
    """One block per evaluation with its protocol and its metrics."""
    if not metrics:
        return f"<p>Not evaluated yet: {page.command('python -m sagan_tf.evaluate --run_dir=RUN')}</p>"
    return "".join(
        page.folded(_summary(record["protocol"]), _numbers(record), opened=number >= len(metrics) - _OPENED)
        for number, record in enumerate(metrics)
    )


def headlines(metrics: list[dict]) -> dict[str, str]:
    """The last FID and its reference values, IS and variety of untruncated samples of the run, by readable names."""
    found = {}
    for name, (title, form) in _HEADLINES.items():
        for record in _of_samples(metrics, name)[-1:]:
            protocol = record["protocol"]
            when = "" if name in _OF_NO_STEP else f" at step {protocol['step']:,}"
            found[f"{title}{when}, by {protocol['extractor']}"] = format(record[name], form)
    return found


def charts(metrics: list[dict], expected: ExpectedCurves | None = None) -> list[str]:
    """Charts of the most important metrics without truncation over the steps, with one line per protocol.

    A metric that was measured at only one step is drawn only if `expected` has a band for it.
    """
    made = []
    for name in _CHARTED:
        lines: dict[str, dict[int, float]] = {}
        for record in _of_samples(metrics, name):
            protocol = record["protocol"]
            lines.setdefault(_conditions(protocol), {})[protocol["step"]] = record[name]
        curves = {said: (sorted(line), [line[step] for step in sorted(line)]) for said, line in lines.items()}
        bands = [band] if expected and (band := expected.band(name)) else []
        if bands or any(len(steps) > 1 for steps, _ in curves.values()):
            made.append(line_chart(curves, title=f"{readable(name)} without truncation", bands=bands))
    return made


def charted(metrics: list[dict]) -> list[dict]:
    """The records that the charts draw, which leaves out those of other numbers, such as memorization."""
    return [record for record in metrics if any(_of_samples([record], name) for name in _CHARTED)]


def _of_samples(metrics: list[dict], name: str) -> list[dict]:
    """The records with a finite value of this metric for the run's samples without truncation."""
    return [
        record
        for record in metrics
        if record.get(name) is not None
        and record["protocol"].get("step") is not None
        and record["protocol"].get("truncation") is None
    ]


def _summary(protocol: dict) -> str:
    """One line on the images that were measured, how they were drawn, and the reference and extractor."""
    step, images = protocol.get("step"), protocol.get("images", "images")
    whose = f"{images[:1].upper()}{images[1:]}" if step is None else f"Step {step:,}"
    return f"{whose}; {_conditions(protocol)}"


def _conditions(protocol: dict) -> str:
    counted = f"{protocol['n_generated']:,} images against {protocol['reference']}"
    return "; ".join(filter(None, (_drawn(protocol), counted, f"features of {protocol['extractor']}")))


def _drawn(protocol: dict) -> str:
    """How the images were drawn: weights, statistics and truncation; "" for images from elsewhere."""
    cut = protocol.get("truncation")
    cuts = ", ".join("none" if threshold is None else f"{threshold:g}" for threshold in _listed(cut))
    weights = {"ema": "averaged weights", "raw": "raw weights"}.get(protocol.get("weights"), protocol.get("weights"))
    statistics = protocol.get("statistics")
    parts = (weights, statistics and f"{statistics} statistics", None if cut is None else f"truncation {cuts}")
    return ", ".join(filter(None, parts))


def _listed(value) -> Sequence:
    return value if isinstance(value, list) else [value]


def _numbers(record: dict) -> str:
    rows = [
        (name, "not finite" if value is None else f"{value:.5g}")
        for name, value in record.items()
        if value is None or isinstance(value, int | float)
    ]
    whole = page.preformatted(json.dumps(record["protocol"], indent=1), wrapped=True)
    return page.table(("metric", "value"), rows) + page.folded("The whole protocol", whole)
