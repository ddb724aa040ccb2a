"""The actions of a training loop: it logs scalars, draws samples, watches for collapse, and evaluates checkpoints."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from sagan_tf.data.class_aliases import class_aliases
from sagan_tf.data.source import Examples
from sagan_tf.evaluation.metrics import is_better
from sagan_tf.evaluation.protocol import comparable_part
from sagan_tf.experiment import Experiment
from sagan_tf.figures import sheets
from sagan_tf.foundation import files, jsonl
from sagan_tf.foundation.notes import note, warn
from sagan_tf.layers.variable_names import named_variables
from sagan_tf.models.generator import Generator
from sagan_tf.monitoring import collapse
from sagan_tf.monitoring.distances import distances
from sagan_tf.monitoring.health_records import HealthRecord, read_health_records
from sagan_tf.monitoring.singular_values import Spectra
from sagan_tf.monitoring.writer import Writer
from sagan_tf.runs.data_distances import image_distances, real_distances
from sagan_tf.runs.evaluation import evaluate_run
from sagan_tf.runs.evaluation_attempts import attempt
from sagan_tf.runs.layers_by_depth import kernels_of, layer_gradient_norms
from sagan_tf.runs.run_directory import RunDirectory
from sagan_tf.runs.trained import sampler_of
from sagan_tf.sampling.attention_maps import gammas
from sagan_tf.training.checkpoints import CheckpointStore, Kept
from sagan_tf.training.logs import LAYERS
from sagan_tf.training.loop import Action
from sagan_tf.training.state import GAN

_SHEET_ROWS, _SHEET_COLUMNS = 10, 10
_HEALTH_CLASSES, _HEALTH_IMAGES = 4, 32
BEFORE_COLLAPSE, BEST = "before_collapse", "best"  # folders below checkpoints/


def actions(
    settings: Experiment, gan: GAN, run: RunDirectory, writer: Writer, store: CheckpointStore, examples: Examples
) -> list[Action]:
    """The actions that the experiment asks for.

    examples: the run's training data; distances between samples are compared with those between its images.
    """
    gan.generator.gray = run.gray
    scalars = Action(every=settings.log_every, run=scalars_of(gan, settings.batch_size, writer))
    sheets = [sheet_action(settings, gan, run, writer)] if settings.sample_every else []
    health = [health_action(settings, gan, run, writer, store, examples)] if settings.monitoring.every else []
    return [scalars, *sheets, *health]


def scalars_of(gan: GAN, batch_size: int, writer: Writer) -> Callable[[int, dict[str, float]], None]:
    """Writes the step's logs, the gamma of each attention layer, and the speed since the previous line.

    The speed includes everything between two lines, such as checkpoints and health records. The first line of a
    process has no speed, since compilation would distort it.
    """
    networks = {"generator": gan.generator, "discriminator": gan.discriminator}
    last: list[tuple[int, float]] = []

    def write(step: int, logs: dict[str, float]) -> None:
        now = time.perf_counter()
        speed = {}
        if last and step > last[0][0]:
            seconds = (now - last[0][1]) / (step - last[0][0])
            speed = {"seconds_per_step": seconds, "images_per_second": batch_size / seconds}
        last[:] = [(step, now)]
        gamma = {f"gamma/{name}.{layer}": g for name, net in networks.items() for layer, g in gammas(net).items()}
        # `bad_tensor` is an index for the loop alone, and the layers' many norms are part of the health records.
        scalars = {n: value for n, value in logs.items() if n != "bad_tensor" and not n.startswith(LAYERS)}
        writer.scalars(step, scalars | gamma | speed)

    return write


def sheet_action(settings: Experiment, gan: GAN, run: RunDirectory, writer: Writer) -> Action:
    """Draws the same latents every `sample_every` steps: one row per class, at most ten rows; ten without classes.

    The weights are the moving average if the run keeps one.
    """
    spec = gan.spec
    names, labels = sheet_rows(run)
    generator = gan.generator if gan.average is None else Generator(spec, numerics=settings.numerics, seed=None)
    generator.gray = run.gray
    sampler = sampler_of(generator, n_classes=len(run.class_names), latent=settings.latent)

    def draw_sheet(step: int, logs: dict[str, float]) -> None:
        if gan.average is not None:
            for name, variable in named_variables(generator).items():
                variable.assign(gan.shadow[name].read_value())
        image = sheets.sheet(sampler.images(labels), names)
        with files.dispensable("a sheet of samples"):
            sheets.save(image, run.path / "samples" / f"step-{step:08d}.png")
        writer.image(step, "samples", np.asarray(image))

    return Action(every=settings.sample_every, run=draw_sheet)


def sheet_rows(run: RunDirectory) -> tuple[list[str], np.ndarray]:
    """The names of a sheet's rows, and the labels of its images in row order."""
    if run.label_kind == "none":
        return [""] * _SHEET_ROWS, np.zeros(_SHEET_ROWS * _SHEET_COLUMNS, int)
    names = list(class_aliases(run.class_names).titles[:_SHEET_ROWS])
    return names, np.repeat(np.arange(len(names)), _SHEET_COLUMNS)


def evaluation_action(settings: Experiment, run: RunDirectory, store: CheckpointStore, examples: Examples) -> Action:
    """Measures the newest checkpoint every `evaluate_every` steps; keeps the best by `best_by` in checkpoints/best.

    KID stands in for FID where the data set is too small for it.
    """

    def evaluate(step: int, logs: dict[str, float]) -> None:
        options = settings.evaluation
        result = attempt(run.path, step, options, lambda: evaluate_run(run, options, examples=examples, step=step))
        if result is None:
            return
        note(f"step {step}\n{result.summary()}")
        by = "kid" if settings.best_by == "fid" and "fid" not in result.metrics else settings.best_by
        score = result.metrics.get(by)
        if score is None:
            note(f"step {step} is not compared with the best checkpoint: {settings.best_by} was not measured")
        else:
            records = jsonl.read(run.path / "metrics.jsonl")
            keep_best(store, step, float(score), by, comparable_part(result.protocol), records)

    return Action(every=settings.evaluate_every, run=evaluate, reads_checkpoint=True)


def keep_best(
    store: CheckpointStore,
    step: int,
    score: float,
    by: str,
    protocol: dict | None = None,
    records: Sequence[Mapping] = (),
) -> bool:
    """Keeps this step's checkpoint in checkpoints/best if it is the best so far, and returns whether it is.

    A checkpoint whose score is of another metric or protocol is not compared: the new one replaces it, with a note.

    protocol: the `comparable_part` of the score's protocol.
    records: the run's results, which have the protocol of a checkpoint that an earlier version kept without it.
    """
    kept = store.kept(BEST)
    differing = differences(kept, by, protocol, records) if kept else []
    if not is_better(score, kept.score if kept and not differing else None, by):
        return False
    if differing:
        note(
            f"the best checkpoint so far, of step {kept.step} with {kept.why} {kept.score:.6g}, is not compared with "
            f"step {step}, which was measured by another protocol ({', '.join(differing)}). Step {step} is the first "
            "by the new protocol and takes its place"
        )
    with files.dispensable(f"checkpoints/{BEST}"):
        path = store.keep_apart(step, BEST, why=by, score=score, protocol=protocol)
        note(f"the best by {by} so far: {score:.6g} at step {step}, kept in {path}")
    return True


def differences(kept: Kept, by: str, protocol: dict | None, records: Sequence[Mapping]) -> list[str]:
    """In what the score of the kept checkpoint can't be compared with one of this metric and protocol."""
    former = kept.protocol
    if former is None:
        same = (r for r in reversed(records) if r["protocol"].get("step") == kept.step)
        former = next((comparable_part(r["protocol"]) for r in same if r.get(kept.why) == kept.score), None)
    if former is None and protocol is not None:
        return ["that of the former score is not recorded"]
    before, after = ({**(facts or {}), "metric": metric} for facts, metric in ((former, kept.why), (protocol, by)))
    return sorted(name for name in {*before, *after} if before.get(name) != after.get(name))


def health_action(
    settings: Experiment,
    gan: GAN,
    run: RunDirectory,
    writer: Writer,
    store: CheckpointStore,
    examples: Examples | None = None,
) -> Action:
    """Writes a health record every `MonitorOptions.every` steps.

    If its signs say that training has collapsed, a warning is logged, and the checkpoint from before the collapse is
    copied to `checkpoints/before_collapse`. After a resume, the earlier records are read from the run's directory. The
    samples are drawn from the raw weights, since a moving average collapses thousands of steps later. Without
    `examples` the samples are not compared with real images.

    Raises (the action):
      CollapseError: if training has collapsed and `MonitorOptions.collapse` is "stop".
    """
    n_classes = len(run.class_names)
    sampler = sampler_of(gan.generator, n_classes=n_classes, latent=settings.latent)
    classes = np.unique(np.linspace(0, n_classes - 1, _HEALTH_CLASSES).astype(int))
    labels = np.repeat(classes, _HEALTH_IMAGES // len(classes))
    spectra = Spectra(kernels_of(gan))
    before = collapse.remembered(read_health_records(run.path))
    real = real_distances(settings, examples, labels) if examples else None

    def record_health(step: int, logs: dict[str, float]) -> None:
        images = sampler.images(labels)
        record = HealthRecord(
            step=step,
            d_loss=logs["d_loss"],
            g_loss=logs["g_loss"],
            distances=distances(images, labels),
            spectra=spectra(),
            gradient_norms=layer_gradient_norms(logs),
            relative=image_distances(images, labels).relative_to(real) if real else {},
        )
        if settings.monitoring.collapse != "off":
            record = judged(record, before)
        writer.health(record)
        if record.collapsed:
            report(record, before, store, stop=settings.monitoring.collapse == "stop")
        before[:] = collapse.remembered([*before, record])

    return Action(every=settings.monitoring.every, run=record_health)


def judged(record: HealthRecord, before: list[HealthRecord]) -> HealthRecord:
    """The same record with its signs of collapse, given the records before it."""
    record = replace(record, signs=collapse.signs(record, before))
    return replace(record, collapsed=collapse.has_collapsed(record, before))


def report(record: HealthRecord, before: list[HealthRecord], store: CheckpointStore, *, stop: bool) -> None:
    """Reports the collapse and keeps the newest checkpoint from before it, or the oldest one if none is older.

    Raises:
      CollapseError: if `stop` is set.
    """
    seen = f"training seems to have collapsed by step {record.step}: {'; '.join(record.signs)}"
    healthy, steps = collapse.last_healthy_step(before), store.steps()
    kept = "There is no checkpoint yet"
    if steps:
        kept_before = store.apart(BEFORE_COLLAPSE).steps()  # from an earlier alarm
        step = max((s for s in (*steps, *kept_before) if s <= healthy), default=steps[0])
        which = "from before" if step <= healthy else "nearest to it"
        kept = f"The checkpoint {which} is that of step {step}"
        with files.dispensable(f"checkpoints/{BEFORE_COLLAPSE}"):
            path = store.keep_apart(step, BEFORE_COLLAPSE, why=seen)
            kept = f"The checkpoint {which} is kept in {path} (--step={step} samples it)"
    if stop:
        raise collapse.CollapseError(f"{seen}. {kept}.")
    warn(f"{seen}. {kept}.")
