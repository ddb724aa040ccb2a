"""A run's report: one HTML page that shows the content of its directory."""

import datetime
import re
from pathlib import Path

from sagan_tf.figures import canvas, page
from sagan_tf.figures.expected_curves import ExpectedCurves, extractor_name
from sagan_tf.figures.labels import extremes, readable
from sagan_tf.figures.records import gradient_norms_of, names_of, names_of_part, part_of, series, spectra_of
from sagan_tf.figures.svg_chart import line_chart
from sagan_tf.foundation import files, jsonl
from sagan_tf.foundation.spelling import counted
from sagan_tf.models.parameters import discriminator_parameters, generator_parameters
from sagan_tf.monitoring.health_records import gradient_norm_variance, health_file
from sagan_tf.runs import figures, report_metrics, report_pictures
from sagan_tf.runs.run_directory import RunDirectory, RunError
from sagan_tf.runs.trained import TrainedModel

_MOST_SHEETS = 12
_MOST_ROWS = 4
_MOST_SIGNS = 30
_CHARTS = {
    "Losses": "?_loss",
    "D's adversarial loss on real and on fake images": "d_loss_[rf]*",
    "Mean logits": "logits_*",
    "Share of saturated hinge terms": "saturated_*",
    "Gradient norms": "*_gradient_norm",
    "Augmentation: its strength p, and the mean sign of logits of real images r_t": "augmentation_*",
    "Gain gamma of attention": "gamma/*",
    "Learning rates": "*_learning_rate",
    "Images per second": "images_per_second",
}


def write_report(run: RunDirectory, out: Path, *, expected: ExpectedCurves | None = None) -> Path:
    """Writes the page atomically; it is self-contained.

    expected: curves of earlier runs, whose range is drawn behind this run's losses and metrics.

    Raises:
      RunError: if the run has no checkpoint yet.
    """
    model = TrainedModel(run)
    train, health = jsonl.read(run.path / "train.jsonl"), jsonl.read(health_file(run.path))
    metrics = jsonl.read(run.path / "metrics.jsonl")
    stored = report_pictures.stored_pictures(run)
    made = page.page(
        f"Run {run.path.resolve().name}",
        _lead(model, metrics),
        {
            "Samples over time": _samples(run),
            "Real images and samples": report_pictures.beside_real(model),
            "Nearest training images": stored["Nearest training images"],
            "Class sheets": stored["Class sheets"],
            "Interpolation": stored["Interpolation"],
            "Truncation": stored["Truncation"],
            "Attention": _attention(model) + stored["Attention"],
            "Other pictures": stored["Other pictures"],
            "Metrics": report_metrics.blocks(metrics),
            "Curves": _curves(train, metrics, expected),
            "Variety and signs of collapse": _variety(health),
            "Singular values": _spectra(health),
            "Gradients": _gradients(health),
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
    classes = f"of {counted(len(model.class_names), 'class')}" if model.has_classes else "without classes"
    numbers = {
        f"of {model.run.experiment().total_steps:,} steps": f"{model.step:,}",
        "parameters of G": f"{generator_parameters(spec):,}",
        "parameters of D": f"{discriminator_parameters(spec):,}",
    }
    numbers |= report_metrics.headlines(metrics)
    now = datetime.datetime.now(datetime.timezone.utc)
    return page.text(
        f"{spec.resolution}x{spec.resolution} images {classes}, trained on "
        f"{facts['name']} ({counted(facts['n_examples'], 'image')}). Pictures are of {weights} weights at step "
        f"{model.step:,}. Written on {now.day} {now:%B %Y}."
    ) + page.tiles(numbers)


def _samples(run: RunDirectory) -> str:
    sheets = sorted((run.path / "samples").glob(f"step-{'[0-9]' * 8}.png"))
    if not sheets:
        return page.text("The run has drawn no sheets (train.sample_every).")
    chosen = [sheets[i] for i in report_pictures.spread(len(sheets), _MOST_SHEETS)]
    rows = "" if run.label_kind == "none" else ", one class per row"
    return page.text(f"The same latents at each step{rows}.") + page.frames(
        {f"step {int(path.stem[5:]):,}": image for path, image in report_pictures.opened(chosen).items()}
    )


def _attention(model: TrainedModel) -> str:
    """One figure per attention layer, or a sentence if there is none."""
    try:
        layers = figures.layers_of(model)
    except RunError:
        return page.text("The networks have no self-attention.")
    labels = report_pictures.spread(len(model.class_names), _MOST_ROWS)
    drawn = {layer.title: canvas.picture(figures.attention(model, labels, layer)) for layer in layers.values()}
    return "".join(
        page.folded(title.capitalize(), page.picture(image, title), opened=number == 0)
        for number, (title, image) in enumerate(drawn.items())
    )


def _curves(train: list[dict], metrics: list[dict], expected: ExpectedCurves | None) -> str:
    charts = []
    for title, pattern in _CHARTS.items():
        lines = {readable(name.removeprefix("gamma/")): series(train, name) for name in names_of(train, pattern)}
        charts.append(line_chart(lines, title=title))
    if expected:
        charts[:1] = _losses(train, expected) or charts[:1]
    charts += report_metrics.charts(metrics, expected)
    if not any(charts):
        return ""
    return _other_extractor(metrics, expected) + f'<div class="charts">{"".join(charts)}</div>'


def _losses(train: list[dict], expected: ExpectedCurves) -> list[str]:
    """One chart per loss, each drawn over its band if it has one; none if no loss has."""
    bands = {name: expected.band(name) for name in names_of(train, "?_loss")}
    if not any(bands.values()):
        return []
    return [
        line_chart({readable(name): series(train, name)}, title=readable(name), bands=[band] if band else [])
        for name, band in bands.items()
    ]


def _other_extractor(metrics: list[dict], expected: ExpectedCurves | None) -> str:
    """A warning if the expected metrics were measured with a different extractor than the run's."""
    theirs = expected.extractors() if expected else set()
    ours = {extractor_name(record["protocol"]) for record in report_metrics.charted(metrics)}
    if not theirs or not ours or theirs & ours:
        return ""
    return page.text(
        f"The expected metrics were measured by {', '.join(sorted(theirs))}, this run's by {', '.join(sorted(ours))}: "
        "FID and IS of different extractors can't be compared."
    )


def _variety(records: list[dict]) -> str:
    """Charts of the distances between samples, and the signs of collapse."""
    if not records:
        return page.text("The run has no health records (MonitorOptions.every).")
    measured = {name: part_of(records, "distances", name) for name in names_of_part(records, "distances")}
    shares = {name: measured.pop(name) for name in ("duplicates",) if name in measured}
    charts = [
        line_chart(
            {readable(name): curve for name, curve in measured.items()},
            title="Distance of samples of the raw weights (root mean square, 0 to 2)",
        ),
        line_chart({readable(n): c for n, c in shares.items()}, title="Share of pairs of samples that are equal"),
    ]
    relative = {name: part_of(records, "relative", name) for name in names_of_part(records, "relative")}
    charts += [
        line_chart(
            {readable(n): c for n, c in relative.items()}, title="Distances of samples over those of real images"
        )
    ]
    return f'<div class="charts">{"".join(charts)}</div>' + _signs(records)


def _signs(records: list[dict]) -> str:
    seen = [(record, sign) for record in records for sign in record.get("signs", ())]
    if not seen:
        return page.text(f"No sign of collapse in {len(records):,} health records.")
    alarms = [f"{record['step']:,}" for record in records if record.get("collapsed")]
    said = f"The alarm was raised at step {', '.join(alarms)}." if alarms else "They raised no alarm."
    rows = [(f"{record['step']:,}", sign[:1].upper() + sign[1:]) for record, sign in seen[-_MOST_SIGNS:]]
    latest = f"; the last {_MOST_SIGNS} are listed" if len(seen) > _MOST_SIGNS else ""
    found = f"{len(seen):,} sign{'s' if len(seen) > 1 else ''} of collapse in {len(records):,} health records{latest}."
    return page.text(f"{found} {said}") + page.table(("step", "sign"), rows)


def _spectra(records: list[dict]) -> str:
    charts = []
    for network in ("generator", "discriminator"):
        curves = {name.removeprefix(network + "."): curve for name, curve in spectra_of(records, network).items()}
        title = f"{network.capitalize()}: largest singular value of each kernel"
        charts.append(line_chart(curves, title=title, logarithmic=True, named=extremes(curves)))
    if not any(charts):
        return ""
    said = "In color: the greatest, the least and the fastest growing. Point at a gray line for its name."
    return page.text(said) + f'<div class="charts">{"".join(charts)}</div>'


def _gradients(records: list[dict]) -> str:
    """Charts of the norms of all layers' gradients, as in Figure 26 of Brock et al. 2018; "" if the run has none."""
    charts, variances = [], {}
    for network in ("generator", "discriminator"):
        curves = {name.removeprefix(network + "."): c for name, c in gradient_norms_of(records, network).items()}
        title = f"{network.capitalize()}: norm of each layer's gradient"
        charts.append(line_chart(curves, title=title, logarithmic=True, named=extremes(curves)))
        steps = [record["step"] for record in records]
        variance = [gradient_norm_variance(record.get("gradient_norms", {}), network) for record in records]
        variances[network.capitalize()] = (steps, variance)
    charts.append(line_chart(variances, title="Variance of the layers' gradient norms", logarithmic=True))
    return f'<div class="charts">{"".join(charts)}</div>' if any(charts) else ""


def _configuration(run: RunDirectory) -> str:
    full = (run.path / "config.json").read_text(encoding="utf-8")
    asked = (run.path / "config.gin").read_text(encoding="utf-8")
    rules = re.compile(r"^# =+\n", re.MULTILINE)
    whole = page.folded("All values, including defaults", page.preformatted(full, wrapped=True))
    return page.preformatted(rules.sub("", asked), wrapped=True) + whole


def _commands(run: RunDirectory) -> str:
    return page.table(
        ("time (UTC)", "command", "versions"),
        [
            (c["time"][:16].replace("T", " "), c["command"], ", ".join(f"{k} {v}" for k, v in c["versions"].items()))
            for c in run.facts()["commands"]
        ],
        code=("command",),
    )
