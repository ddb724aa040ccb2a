"""A run's report: one HTML page with everything that its directory tells."""

import datetime
import json
from pathlib import Path

import numpy as np
from PIL import Image

from sagan_tf import files, jsonl
from sagan_tf.figures import canvas, page
from sagan_tf.figures.records import names_of, series, spectra_of
from sagan_tf.figures.svg_chart import line_chart
from sagan_tf.runs import pictures
from sagan_tf.runs.run_directory import RunDirectory, RunError
from sagan_tf.runs.trained import TrainedModel

_MOST_SHEETS = 12
_MOST_ROWS = 4
_CHARTS = {
    "Losses": "?_loss",
    "Mean logits": "logits_*",
    "Share of saturated hinge terms": "saturated_*",
    "Gradient norms": "*_gradient_norm",
    "Gain gamma of attention": "gamma/*",
    "Learning rates": "*_learning_rate",
    "Images a second": "images_per_second",
}


def write_report(run: RunDirectory, out: Path) -> Path:
    """Writes the page, whole or not at all; everything that it shows lies in it.

    Raises:
      RunError: if the run has no checkpoint yet.
    """
    model = TrainedModel(run.path)
    train, looks = jsonl.read(run.path / "train.jsonl"), jsonl.read(run.path / "looks.jsonl")
    metrics = jsonl.read(run.path / "metrics.jsonl")
    made = page.page(
        f"Run {run.path.resolve().name}",
        _lead(model, metrics),
        {
            "Samples over time": _samples(run),
            "Attention": _attention(model),
            "Metrics": _metrics(metrics),
            "Curves": _curves(train, metrics),
            "Singular values": _spectra(looks),
            "Architecture": page.preformatted((run.path / "architecture.txt").read_text(encoding="utf-8")),
            "Configuration": _configuration(run),
            "Commands": _commands(run),
        },
    )
    files.write_text(out, made + "\n")
    return out


def _lead(model: TrainedModel, metrics: list[dict]) -> str:
    facts, spec = model.run.facts()["data"], model.spec
    weights = "averaged" if model.averaged else "raw"
    numbers = {
        "of steps " + f"{model.run.experiment().total_steps:,}": f"{model.step:,}",
        "parameters of G": f"{spec.generator_parameters:,}",
        "parameters of D": f"{spec.discriminator_parameters:,}",
    }
    for name in ("fid", "is"):
        if record := next((record for record in reversed(metrics) if record.get(name) is not None), None):
            numbers[f"{name.upper()}, last measured by {record['protocol']['extractor']}"] = f"{record[name]:.4g}"
    today = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d")
    return page.text(
        f"{spec.resolution}x{spec.resolution} images of {len(model.class_names)} classes, trained on "
        f"{facts['name']} ({facts['n_examples']:,} images). Pictures are of {weights} weights at step "
        f"{model.step:,}. Written {today}."
    ) + page.tiles(numbers)


def _samples(run: RunDirectory) -> str:
    sheets = sorted((run.path / "samples").glob("step-????????.png"))
    if not sheets:
        return page.text("The run has drawn no sheets (train.sample_every).")
    return page.text("The same latents at each step, a row a class.") + page.frames(
        {f"step {int(sheets[i].stem[5:]):,}": _opened(sheets[i]) for i in _spread(len(sheets), _MOST_SHEETS)}
    )


def _opened(path: Path) -> Image.Image:
    with Image.open(path) as image:
        return image.copy()


def _spread(count: int, most: int) -> np.ndarray:
    """At most `most` of `count` indices, both ends included, as evenly as it goes."""
    return np.unique(np.round(np.linspace(0, count - 1, min(count, most))).astype(int))


def _attention(model: TrainedModel) -> str:
    """A figure for every layer; a run without attention says so."""
    try:
        layers = pictures.layers_of(model)
    except RunError:
        return page.text("The networks have no self-attention.")
    labels = _spread(len(model.class_names), _MOST_ROWS)
    drawn = {layer.title: canvas.picture(pictures.attention(model, labels, layer)) for layer in layers.values()}
    return "".join(
        page.folded(title.capitalize(), page.picture(image, title), opened=number == 0)
        for number, (title, image) in enumerate(drawn.items())
    )


def _metrics(metrics: list[dict]) -> str:
    if not metrics:
        return page.text("Not evaluated yet: python -m sagan_tf.evaluate --run_dir=RUN")
    rows = []
    for record in metrics:
        protocol = record["protocol"]
        step = "" if protocol.get("step") is None else f"{protocol['step']:,}"
        how = protocol["extractor"], _drawn(protocol), f"{protocol['n_generated']:,}", str(protocol["reference"])
        rows += [
            (step, name, "not finite" if value is None else f"{value:.5g}", *how)
            for name, value in record.items()
            if value is None or isinstance(value, int | float)
        ]
    head = ("step", "metric", "value", "extractor", "generator", "images", "against")
    full = page.preformatted("\n".join(json.dumps(record["protocol"], indent=1) for record in metrics))
    return page.table(head, rows) + page.folded("The whole protocol of each", full)


def _drawn(protocol: dict) -> str:
    """How the images were drawn: weights, statistics, truncation; empty for images that no generator drew."""
    cut = protocol.get("truncation")
    said = (protocol.get("weights"), protocol.get("statistics"), None if cut is None else f"truncation {cut:g}")
    return ", ".join(filter(None, said))


def _curves(train: list[dict], metrics: list[dict]) -> str:
    charts = []
    for title, pattern in _CHARTS.items():
        lines = {name.removeprefix("gamma/"): series(train, name) for name in names_of(train, pattern)}
        charts.append(line_chart(lines, title=title))
    for name in ("fid", "is"):
        measured = [
            {"step": r["protocol"]["step"], name: r[name]}
            for r in metrics
            if r.get(name) is not None and r["protocol"].get("step") is not None
        ]
        if len(measured) > 1:
            charts.append(line_chart({name: series(measured, name)}, title=f"{name.upper()} of each evaluation"))
    return f'<div class="charts">{"".join(charts)}</div>' if any(charts) else ""


def _spectra(looks: list[dict]) -> str:
    charts = [
        line_chart(
            spectra_of(looks, network),
            title=f"{network.capitalize()}: largest singular value of each kernel",
            logarithmic=True,
            legend=False,
            by_depth=True,
        )
        for network in ("generator", "discriminator")
    ]
    if not any(charts):
        return ""
    return page.text("From dark to bright with depth; point at a line for its name.") + (
        f'<div class="charts">{"".join(charts)}</div>'
    )


def _configuration(run: RunDirectory) -> str:
    full = (run.path / "config.json").read_text(encoding="utf-8")
    asked = (run.path / "config.gin").read_text(encoding="utf-8")
    return page.preformatted(asked) + page.folded("Every value, defaults too", page.preformatted(full))


def _commands(run: RunDirectory) -> str:
    return page.table(
        ("time (UTC)", "command", "versions"),
        [
            (c["time"][:16].replace("T", " "), c["command"], ", ".join(f"{k} {v}" for k, v in c["versions"].items()))
            for c in run.facts()["commands"]
        ],
    )
