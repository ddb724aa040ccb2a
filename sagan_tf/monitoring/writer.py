"""Scalars and pictures of training, as JSON lines and TensorBoard events."""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import tensorflow as tf


class Writer:
    """Writes to FOLDER/train.jsonl and FOLDER/tensorboard from `step` on.

    Lines of steps after `step` belong to a past that was lost (the run goes on from an older checkpoint): they are
    cut off, so that every step stands once.
    """

    def __init__(self, folder: Path, *, step: int = 0):
        self._path = Path(folder) / "train.jsonl"
        if self._path.exists():
            _cut_after(self._path, step)
        self._events = tf.summary.create_file_writer(str(Path(folder) / "tensorboard"))

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """One line and one event a value, at a step."""
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"step": step, **values}) + "\n")
        with self._events.as_default(step):
            for name, value in values.items():
                tf.summary.scalar(name, value)
        self._events.flush()

    def picture(self, step: int, name: str, image: np.ndarray) -> None:
        """A picture (H,W,3) uint8 for TensorBoard."""
        with self._events.as_default(step):
            tf.summary.image(name, image[None])
        self._events.flush()


def _cut_after(path: Path, step: int) -> None:
    """Drops the lines of later steps, and a last line that a crash cut short."""
    kept = []
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            if json.loads(line)["step"] <= step:
                kept.append(line + "\n")
        except (ValueError, KeyError):
            continue
    temporary = path.with_name("." + path.name)
    temporary.write_text("".join(kept), encoding="utf-8")
    temporary.replace(path)
