"""The run directory: everything that a verb needs to know about a run, in one folder that explains itself.

config.gin  config.json     what was asked for, and every value of it, defaults too
config-STEP.gin             what had been asked for up to that step, where it was changed
run.json                    data set (name, fingerprint, class names), commands, versions, changes (resumption.py)
training.lock               while the run is being trained: by whom (lock.py)
architecture.txt            both nets' tables
checkpoints/step-*/         the last ones, verified (training/checkpoints.py)
checkpoints/best/  checkpoints/before_collapse/    kept apart, if there is reason to (training_actions.py)
train.jsonl  metrics.jsonl  scalars of training; results of evaluations with their protocol
health.jsonl                singular values, distances of samples, signs of collapse (monitoring/health_records.py)
samples/step-*.png          sheets with a row per class
tensorboard/                the same for TensorBoard
"""

import dataclasses
import hashlib
import json
import sys
from collections.abc import Callable
from pathlib import Path

import tensorflow as tf

from sagan_tf import experiment
from sagan_tf.foundation import jsonl
from sagan_tf.layers.variable_names import named_variables
from sagan_tf.models.baking import BakedGenerator, bake
from sagan_tf.models.discriminator import Discriminator
from sagan_tf.models.folding import fold
from sagan_tf.models.generator import Generator
from sagan_tf.models.spec import GANSpec
from sagan_tf.sampling.sampler import Sampler, Truncation
from sagan_tf.sampling.standing_statistics import StandingStatistics, Statistics
from sagan_tf.training.checkpoints import CheckpointStore

LOCK = "training.lock"


class RunError(RuntimeError):
    """A folder is not the run that was expected. The message says what to do."""


class RunDirectory:
    """A run on disk. `experiment` and `class_names` are read from it, never from flags."""

    def __init__(self, path: Path | str):
        self.path = Path(path)

    @property
    def exists(self) -> bool:
        return (self.path / "run.json").is_file()

    @classmethod
    def open(cls, path: Path | str) -> "RunDirectory":
        """An existing run.

        Raises:
          RunError: if the folder holds none.
        """
        run = cls(path)
        if not run.exists:
            raise RunError(
                f"what is named must be a run's directory, with a run.json; received {path}, which has none. "
                "Start one with: python -m sagan_tf.train --gin_file=gin/quickstart.gin --run_dir=RUN"
            )
        return run

    def facts(self) -> dict:
        """What run.json says. Raises RunError if it is damaged."""
        path = self.path / "run.json"
        try:
            facts = json.loads(path.read_text(encoding="utf-8"))
            tuple(facts["data"]["class_names"])
        except (ValueError, KeyError, TypeError) as error:
            raise RunError(f"{path} must hold the run's facts as JSON and doesn't. Restore it from a copy.") from error
        return facts

    def experiment(self) -> experiment.Experiment:
        """What the run was started with."""
        return experiment.load_saved(self.path).value

    @property
    def class_names(self) -> tuple[str, ...]:
        return tuple(self.facts()["data"]["class_names"])

    def spec(self) -> GANSpec:
        return self.experiment().sized(len(self.class_names))

    def is_evaluated(self, step: int) -> bool:
        """Whether metrics.jsonl has a result of this step."""
        return any(record["protocol"]["step"] == step for record in jsonl.read(self.path / "metrics.jsonl"))

    def checkpoints(self, keep: int = 3, say: Callable[[str], None] = print) -> CheckpointStore:
        return CheckpointStore(self.path / "checkpoints", keep=keep, say=say)

    def weights_hash(self, step: int) -> str:
        """The hash of a checkpoint's manifest, which holds the hash of every file of weights."""
        return hashlib.sha256((self.checkpoints().find(step) / "manifest.json").read_bytes()).hexdigest()[:16]

    def generator(
        self, *, average: bool | None = None, step: int | None = None, statistics: Statistics | None = None
    ) -> tuple[Generator, int, bool]:
        """G with the weights of the newest good checkpoint (or of `step`), that step, and whether they are averaged.

        average: the moving average or the raw weights; None: the average if the run keeps one.
        statistics: what its norms divide by in inference; None: what the run's description says.

        Raises:
          RunError: if there is no checkpoint, or an average is asked for and the run keeps none.
        """
        settings, spec = self.experiment(), self.spec()
        averaged = settings.average is not None if average is None else average
        if averaged and settings.average is None:
            raise RunError(f"the run in {self.path} keeps no moving average of G. Leave --average out.")
        if statistics is not None:
            spec = dataclasses.replace(spec, inference_statistics="batch" if statistics == "batch" else "moving")
        generator = Generator(spec, numerics=settings.numerics, seed=None)
        return generator, self.restore(generator, "average" if averaged else "generator", step), averaged

    def discriminator(self, *, step: int | None = None) -> tuple[Discriminator, int]:
        """D with the weights of the newest good checkpoint (or of `step`), and that step.

        Raises:
          RunError: if there is no checkpoint.
        """
        discriminator = Discriminator(self.spec(), numerics=self.experiment().numerics, seed=None)
        return discriminator, self.restore(discriminator, "discriminator", step)

    def restore(self, network: tf.keras.Model, group: str, step: int | None = None) -> int:
        """Reads a network's weights of a group ("generator", "average", "discriminator"), and returns their step.

        Raises:
          RunError: if there is no checkpoint.
        """
        variables = {f"{group}.{name}": v for name, v in named_variables(network).items()}
        found = self.checkpoints(say=lambda line: print(line, file=sys.stderr)).restore(variables, step)
        if found is None:
            raise RunError(
                f"the run in {self.path} has no checkpoint yet. Train it first: repeat its command (run.json has it)."
            )
        return found

    def sampler_with(
        self, generator: Generator, *, truncation: Truncation | None, statistics: Statistics | None, passes: int = 100
    ) -> Sampler:
        """A sampler of this run's G at hand, folded; G itself stays as it is.

        statistics: what its norms divide by; None: what the run's description says. "standing" ones are gathered here,
          at this very truncation, in so many forward passes.
        """
        latent = self.experiment().latent
        if (statistics or generator.spec.inference_statistics) == "batch":
            inference = fold(generator)
        elif statistics == "standing":
            cut = {"truncation": truncation.mode, "threshold": truncation.threshold} if truncation else {}
            inference = bake(generator, StandingStatistics(passes=passes, latent=latent, **cut).gathered(generator))
        else:
            inference = bake(generator)
        return sampler_of(inference, n_classes=len(self.class_names), latent=latent, truncation=truncation)


def sampler_of(
    generator: Generator | BakedGenerator, *, n_classes: int, latent: str, truncation: Truncation | None = None
) -> Sampler:
    """A sampler of a built generator for a data set's classes."""
    return Sampler(
        generator,
        z_dim=generator.spec.z_dim,
        n_classes=n_classes,
        resolution=generator.spec.resolution,
        latent=latent,
        truncation=truncation,
    )
