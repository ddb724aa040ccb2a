"""Writes what is monitored during training: JSON lines for programs, TensorBoard events for people.

train.jsonl   every `log_every` steps: {"step": 25, "d_loss": ..., "g_loss": ..., "logits_real": ...,
              "gamma/generator.attention_64": ..., "images_per_second": ..., "seconds_per_step": ..., ...}
health.jsonl  every `MonitorOptions.every` steps: spectra, distances of samples, signs of collapse (health_records.py)
tensorboard/  the same numbers under grouped tags, and the sheets of samples
"""

import functools
import importlib.util
import math
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import tensorflow as tf

from sagan_tf.foundation import files, jsonl
from sagan_tf.foundation.notes import warn
from sagan_tf.monitoring.health_records import HealthRecord, gradient_norm_variance, health_file

_TAGS = {
    "d_loss": "loss/D",
    "d_loss_real": "loss/D_real",
    "d_loss_fake": "loss/D_fake",
    "g_loss": "loss/G",
    "logits_real": "logits/real",
    "logits_fake": "logits/fake",
    "saturated_real": "logits/saturated_real",
    "saturated_fake": "logits/saturated_fake",
    "d_gradient_norm": "gradient_norm/D",
    "g_gradient_norm": "gradient_norm/G",
    "d_learning_rate": "learning_rate/D",
    "g_learning_rate": "learning_rate/G",
    "d_loss_scale": "loss_scale/D",
    "g_loss_scale": "loss_scale/G",
    "augmentation_strength": "augmentation/strength",
    "augmentation_real_signs": "augmentation/real_signs",
    "skipped": "loss/skipped_steps",
    "seconds_per_step": "speed/seconds_per_step",
    "images_per_second": "speed/images_per_second",
}
_NETWORKS = {"generator": "G", "discriminator": "D"}


def tag(name: str) -> str:
    """TensorBoard's tag for a scalar of train.jsonl, such as "g_loss" -> "loss/G".

    The part before the first slash is the group that TensorBoard folds; layers keep their own names below it:
    "gamma/generator.attention_16" -> "gamma/G/attention_16".
    """
    group, _, of = name.rpartition("/")
    network, _, layer = of.partition(".")
    if network in _NETWORKS and layer:
        return "/".join(filter(None, (group, _NETWORKS[network], layer)))
    return _TAGS.get(name, name if group else f"other/{name}")


@functools.cache
def can_write_events() -> bool:
    """Whether TensorFlow can write events, for which it needs the package tensorboard; warns if it can't."""
    if importlib.util.find_spec("tensorboard") is not None:
        return True
    warn("TensorBoard's events are not written: the package tensorboard is not installed. Run: pip install tensorboard")
    return False


class Writer:
    """Writes the records of a run below `folder`, starting after `step`.

    When a run resumes from an older checkpoint, lines of later steps are removed first, so that every step appears
    once. If the disk is full or can't be written to, training continues without the records, and logs a warning once
    per kind of file. Without the package tensorboard it continues without events.
    """

    def __init__(self, folder: Path, *, step: int = 0):
        self._train, self._health = Path(folder) / "train.jsonl", health_file(folder)
        for path in (self._train, self._health):
            with files.dispensable(path.name):
                jsonl.cut_after(path, step)
        self._folder, self._events = Path(folder) / "tensorboard", None

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """Writes one line, and one event per value; non-finite values are null in the line, since JSON has no NaN."""
        finite = {name: value if math.isfinite(value) else None for name, value in values.items()}
        with files.dispensable(self._train.name):
            jsonl.append(self._train, {"step": step, **finite})
        self._scalar_events(step, {tag(name): value for name, value in values.items()})

    def health(self, record: HealthRecord) -> None:
        """Writes one line, and its numbers as events.

        They are the distances ("distance/KIND", and "distance/KIND_of_real" for those relative to real images), each
        kernel's largest singular value ("spectra/G/KERNEL"), the norm of each layer's gradient
        ("layer_gradient_norm/G/LAYER") and the variance of these norms ("gradient_norm/G_variance"). The second and
        third singular values are only written to the file: three charts per kernel would hide all others.
        """
        with files.dispensable(self._health.name):
            jsonl.append(self._health, record.record())
        distances = {f"distance/{kind}": value for kind, value in vars(record.distances).items()}
        distances |= {f"distance/{kind}_of_real": value for kind, value in record.relative.items()}
        spectra = {tag(f"spectra/{name}"): top[0] for name, top in record.spectra.items()}
        norms = {tag(f"layer_gradient_norm/{name}"): norm for name, norm in record.gradient_norms.items()}
        if norms:
            for network, letter in _NETWORKS.items():
                norms[f"gradient_norm/{letter}_variance"] = gradient_norm_variance(record.gradient_norms, network)
        self._scalar_events(record.step, distances | spectra | norms)

    def image(self, step: int, name: str, image: np.ndarray) -> None:
        """Writes an image (H,W,3) uint8 as an event."""
        self._record(step, lambda: tf.summary.image(name, image[None]))

    def _scalar_events(self, step: int, values: Mapping[str, float]) -> None:
        self._record(step, lambda: [tf.summary.scalar(name, value) for name, value in values.items()])

    def _record(self, step: int, write: Callable[[], object]) -> None:
        """Writes the events of a step and flushes them.

        A writer that failed is dropped together with the events that it holds; the next call starts a new file.
        """
        if not can_write_events():
            return
        with files.dispensable("TensorBoard's events"):
            events, self._events = self._events, None
            events = events or tf.summary.create_file_writer(str(self._folder))
            with events.as_default(step):
                write()
            events.flush()
            self._events = events
