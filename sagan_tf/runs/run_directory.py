"""The run directory: a self-contained folder with all files of a run.

runs/trained.py makes networks and samplers of it.

config.gin  config.json     what was asked for, and every value of it, defaults too
config-STEP.gin             what had been asked for up to that step, where it was changed
run.json                    data set (name, fingerprint, class names), commands, versions, changes (resumption.py)
init_from.json              what became of each variable of the networks that the run was started from (transfer.py)
training.lock               while the run is being trained: by whom (lock.py)
architecture.txt            both nets' tables
checkpoints/step-*/         the last ones, verified (training/checkpoints.py)
checkpoints/best/  checkpoints/before_collapse/    kept apart, if there is reason to (training_actions.py)
train.jsonl  metrics.jsonl  scalars of training; results of evaluations with their protocol
evaluation_attempts.json    evaluations that were begun and have not ended (evaluation_attempts.py)
health.jsonl                singular values, distances of samples, signs of collapse (monitoring/health_records.py)
published_statistics.npz    batch statistics that came with imported weights (published_statistics.py)
samples/step-*.png          sheets with a row per class
standing_statistics/        of the batch norms, for truncated samples (kept_statistics.py)
tensorboard/                the same for TensorBoard
"""

import dataclasses
import hashlib
import json
import os
from pathlib import Path

from sagan_tf.data.from_flag import source_from_flag
from sagan_tf.data.source import LabelKind
from sagan_tf.experiment import Experiment, load_saved
from sagan_tf.foundation import jsonl
from sagan_tf.models.spec import GANSpec
from sagan_tf.training.checkpoints import CheckpointStore

LOCK = "training.lock"


class RunError(RuntimeError):
    """A folder is not the run that was expected. The message says what to do."""


class RunDirectory:
    """A run on disk: its files and their content. It builds no networks.

    data: the data set in place of the recorded one, as `--data` names it; for a run whose data have moved. The labels
      still index the run's recorded class names.
    """

    def __init__(self, path: Path | str, *, data: str | None = None):
        self.path = Path(os.path.expanduser(path))
        self._data = data
        self._experiment: tuple[tuple[int, ...], Experiment] | None = None

    @property
    def exists(self) -> bool:
        return (self.path / "run.json").is_file()

    @classmethod
    def open(cls, path: Path | str, *, data: str | None = None) -> "RunDirectory":
        """An existing run.

        Raises:
          RunError: if the folder holds none.
        """
        run = cls(path, data=data)
        if not run.exists:
            raise RunError(
                f"the path must be a run's directory, with a run.json; received {path}, which has none. "
                "Start one with: python -m sagan_tf.train --gin_file=gin/quickstart.gin --run_dir=RUN"
            )
        return run

    def facts(self) -> dict:
        """The content of run.json.

        Raises:
          RunError: if it is damaged.
        """
        path = self.path / "run.json"
        try:
            facts = json.loads(path.read_text(encoding="utf-8"))
            tuple(facts["data"]["class_names"])
        except (ValueError, KeyError, TypeError) as error:
            raise RunError(
                f"{path} must contain the run's description as JSON, but does not. Restore it from a copy."
            ) from error
        return facts

    def experiment(self) -> Experiment:
        """The run's configuration. It is parsed once, and again only after a command has replaced config.gin.

        Raises:
          ConfigError: if config.gin is missing or wrong.
          DataError: if there is no data set of the name that stands in for the recorded one.
        """
        file = self.path / "config.gin"
        status = file.stat() if file.is_file() else None
        version = (status.st_ino, status.st_mtime_ns, status.st_size) if status else ()
        if self._experiment is None or self._experiment[0] != version:
            settings = load_saved(self.path).value
            if self._data:
                settings = dataclasses.replace(settings, data=source_from_flag(self._data))
            self._experiment = version, settings
        return self._experiment[1]

    @property
    def class_names(self) -> tuple[str, ...]:
        """The classes that labels index, in the order in which the run has recorded them."""
        return tuple(self.facts()["data"]["class_names"])

    @property
    def label_kind(self) -> LabelKind:
        """The kind of the run's labels; see `Examples`. Not recorded by early runs: data with one class had none."""
        names = self.class_names
        return self.facts()["data"].get("label_kind", "named" if len(names) > 1 else "none")

    @property
    def gray(self) -> bool:
        """Whether the run's data are gray, so that its images are gray too."""
        return self.facts()["data"].get("gray", False)

    def spec(self) -> GANSpec:
        """The networks' description, with the run's number of classes."""
        return self.experiment().sized(len(self.class_names))

    def is_evaluated(self, step: int, *, truncation: float | None = None) -> bool:
        """Whether metrics.jsonl has a result of samples of this step at this truncation."""
        protocols = [record["protocol"] for record in jsonl.read(self.path / "metrics.jsonl")]
        wanted = {"step": step, "truncation": truncation}
        return any(protocol.get("weights") and wanted.items() <= protocol.items() for protocol in protocols)

    def checkpoints(self, keep: int = 3) -> CheckpointStore:
        """The run's checkpoints. keep: how many of the last ones a save keeps."""
        return CheckpointStore(self.path / "checkpoints", keep=keep)

    def weights_hash(self, step: int) -> str:
        """The hash of a checkpoint's manifest, which holds the hash of every file of weights."""
        return hashlib.sha256((self.checkpoints().find(step) / "manifest.json").read_bytes()).hexdigest()[:16]
