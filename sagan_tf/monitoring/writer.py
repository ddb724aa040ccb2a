"""What is watched, written down: JSON lines for programs, TensorBoard events for eyes.

train.jsonl   every `log_every` steps: {"step": 25, "d_loss": ..., "g_loss": ..., "logits_real": ...,
              "gamma/generator.attention_64": ..., "images_per_second": ..., "seconds_per_step": ..., ...}
looks.jsonl   every `MonitorOptions.every` steps: spectra, distances of samples, signs of collapse; see looks.py
tensorboard/  the same numbers by tags in groups, and the sheets of samples
"""

import math
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import tensorflow as tf

from sagan_tf.foundation import files, jsonl
from sagan_tf.monitoring.health_records import HealthRecord

_TAGS = {
    "d_loss": "loss/D",
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
    "skipped": "loss/skipped_steps",
    "seconds_per_step": "speed/seconds_per_step",
    "images_per_second": "speed/images_per_second",
}
_NETWORKS = {"generator": "G", "discriminator": "D"}


def tag(name: str) -> str:
    """TensorBoard's tag for a name of train.jsonl, in a group that TensorBoard folds: "g_loss" -> "loss/G",
    "gamma/generator.attention_16" -> "gamma/G/attention_16"."""
    group, _, of = name.rpartition("/")
    network, _, layer = of.partition(".")
    if network in _NETWORKS and layer:
        return "/".join(filter(None, (group, _NETWORKS[network], layer)))
    return _TAGS.get(name, name if group else f"other/{name}")


class Writer:
    """Writes below `folder` from `step` on.

    Lines of steps after `step` belong to a past that was lost (the run goes on from an older checkpoint): they are
    cut off, so that every step stands once.

    What a full or unwritable disk loses is noted, once per kind of file; training goes on without it.
    """

    def __init__(self, folder: Path, *, step: int = 0):
        self._train, self._looks = Path(folder) / "train.jsonl", Path(folder) / "looks.jsonl"
        for path in (self._train, self._looks):
            with files.dispensable(path.name):
                jsonl.cut_after(path, step)
        self._folder, self._events = Path(folder) / "tensorboard", None

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """One line and one event a value, at a step; what isn't finite is null in the line, as JSON has no NaN."""
        finite = {name: value if math.isfinite(value) else None for name, value in values.items()}
        with files.dispensable(self._train.name):
            jsonl.append(self._train, {"step": step, **finite})
        self._scalar_events(step, {tag(name): value for name, value in values.items()})

    def look(self, look: HealthRecord) -> None:
        """One line; for TensorBoard the distances, and as "spectra/G/KERNEL" each kernel's largest singular value.

        Distances relative to those of real images are "distance/KIND_of_real". The second and third singular values are
        left to looks.jsonl: three charts per kernel would bury all others.
        """
        with files.dispensable(self._looks.name):
            jsonl.append(self._looks, look.record())
        distances = {f"distance/{kind}": value for kind, value in vars(look.distances).items()}
        distances |= {f"distance/{kind}_of_real": value for kind, value in look.relative.items()}
        spectra = {tag(f"spectra/{name}"): top[0] for name, top in look.spectra.items()}
        self._scalar_events(look.step, distances | spectra)

    def picture(self, step: int, name: str, image: np.ndarray) -> None:
        """A picture (H,W,3) uint8 for TensorBoard."""
        self._record(step, lambda: tf.summary.image(name, image[None]))

    def _scalar_events(self, step: int, values: Mapping[str, float]) -> None:
        self._record(step, lambda: [tf.summary.scalar(name, value) for name, value in values.items()])

    def _record(self, step: int, write: Callable[[], object]) -> None:
        """Writes events of a step and flushes them.

        A writer that failed is given up with the events that it holds; the next call begins a new file.
        """
        with files.dispensable("TensorBoard's events"):
            events, self._events = self._events, None
            events = events or tf.summary.create_file_writer(str(self._folder))
            with events.as_default(step):
                write()
            events.flush()
            self._events = events
