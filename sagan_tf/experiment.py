"""Experiment: everything that a gin file describes, as one frozen object; and the list of what gin can configure.

In gin files its name is `train`: `train.batch_size = 256`. To make a new class or function configurable, add it to
CONFIGURABLES.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sagan_tf import latents
from sagan_tf.configuration import gin_config
from sagan_tf.configuration.as_bindings import as_bindings
from sagan_tf.configuration.former_names import current_lines
from sagan_tf.data.from_flag import source_from_flag
from sagan_tf.data.image_folder.image_folder import ImageFolder
from sagan_tf.data.procedural.procedural import ProceduralSource
from sagan_tf.data.shards.prepared_shards import PreparedShards
from sagan_tf.data.source import Source
from sagan_tf.data.tfds import TfdsSource
from sagan_tf.data.transforms import Transform
from sagan_tf.evaluation.metrics import DEFAULTS, METRICS, check_best_by
from sagan_tf.evaluation.options import EvaluationOptions
from sagan_tf.foundation.choices import check_parts
from sagan_tf.foundation.home_folder import with_home
from sagan_tf.foundation.integers import check_integer
from sagan_tf.foundation.plain_numbers import store_plain_numbers
from sagan_tf.models import families
from sagan_tf.models.parts import Numerics
from sagan_tf.models.spec import GANSpec
from sagan_tf.monitoring.collapse import MonitorOptions
from sagan_tf.objectives.augmentation import AdaptiveAugmentation, DiffAugment
from sagan_tf.objectives.lecam import LeCam
from sagan_tf.objectives.objective import Objective
from sagan_tf.objectives.sigma_control import SigmaControl
from sagan_tf.sampling.seeds import SeededLatents
from sagan_tf.training.compiled import Xla, check_xla
from sagan_tf.training.ema import MovingAverage
from sagan_tf.training.optimizers import TwoTimescaleAdam
from sagan_tf.training.recovery import Safeguards
from sagan_tf.training.step import StepOptions


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """A training run. Steps count updates of G.

    Raises:
      ValueError: for a value out of range, or parts that don't fit together.
    """

    # The networks and their data
    spec: GANSpec  # both networks; the number of classes comes from the data
    data: Source  # real images and their classes
    transform: Transform = field(default_factory=Transform)  # how images become squares of the spec's resolution
    table_size: int | None = None  # rows of the class tables, such as 1000; None = the number of the data's classes
    latent: str = "normal"  # the prior of z by name, see latents.py
    numerics: Numerics = field(default_factory=Numerics)  # precision, and the form of the computation

    # What a step computes
    objective: Objective = field(default_factory=Objective)  # losses and penalties
    augmentation: DiffAugment | AdaptiveAugmentation | None = None  # random changes of what D sees; None = none
    optimizer: TwoTimescaleAdam = field(default_factory=TwoTimescaleAdam)  # Adam with a learning rate for G and for D
    average: MovingAverage | None = None  # the moving average of G's weights; None = none
    step_options: StepOptions = field(default_factory=StepOptions)  # details in which the papers' codes differ
    batch_size: int = 64  # real images per D update, over all replicas together; as many fakes
    discriminator_steps: int = 1  # D updates before each G update
    freeze_discriminator: int = 0  # how many of D's first blocks stay as in `--init_from` (FreezeD)
    accumulation: int = 1  # microbatches of each replica's share of a batch, see training/accumulation.py
    total_steps: int = 1_000_000  # steps of the whole run
    seed: int = 0  # of initial weights, the order of the data, z and labels

    # How it is computed
    xla: Xla = "auto"  # compile steps by XLA: True, False, or "auto" = on GPUs and TPUs
    steps_per_call: int = 10  # steps per compiled call; progress, logs and signals wait for its end
    cache_mb: int = 1024  # keep resized images in memory if all of them fit into this many MiB; 0 = never

    # What is saved and measured on the way
    checkpoint_every: int = 1000  # steps between checkpoints; 0 = only at the end
    keep_checkpoints: int = 3  # checkpoints kept, the newest ones
    log_every: int = 100  # steps between lines of train.jsonl and TensorBoard; 0 = never
    sample_every: int = 1000  # steps between sheets of samples; 0 = never
    evaluate_every: int = 0  # steps between evaluations; 0 = only at the end
    best_by: str = "fid"  # the metric by which the best checkpoint is kept in checkpoints/best
    evaluation: EvaluationOptions | None = None  # what is measured, and how; None = nothing
    safeguards: Safeguards = field(default_factory=Safeguards)  # what follows non-finite numbers or a device that hangs
    monitoring: MonitorOptions = field(default_factory=MonitorOptions)  # how closely the run is watched for collapse

    def __post_init__(self):
        store_plain_numbers(self)
        check_parts("train", self)
        if isinstance(self.data, type) or not callable(getattr(self.data, "open", None)):
            raise ValueError(f"train.data must be a Source; received train.data={self.data!r}. Bind it to a call.")
        latents.prior(self.latent)
        check_xla(self.xla)
        optional = ("table_size",) if self.table_size is not None else ()
        counts = ("batch_size", "discriminator_steps", "accumulation", "total_steps")
        for name in (*counts, "steps_per_call", "keep_checkpoints", *optional):
            self._check_integer(name, least=1)
        for name in ("checkpoint_every", "log_every", "sample_every", "evaluate_every", "cache_mb"):
            self._check_integer(name, least=0)
        self._check_integer("seed", least=0, most=latents.LARGEST_SEED)
        self._check_frozen()
        check_best_by(self.best_by, METRICS)
        if self.evaluate_every:
            if self.evaluation is None:
                raise ValueError(
                    "train.evaluate_every must be 0 without an evaluation; received train.evaluate_every="
                    f"{self.evaluate_every!r} and train.evaluation=None. Bind it to a call: "
                    "train.evaluation = @EvaluationOptions()."
                )
            check_best_by(self.best_by, self.evaluation.metrics or DEFAULTS)
        if self.evaluation and self.evaluation.sampler_truncation:
            SeededLatents(z_dim=1, latent=self.latent, mode=self.evaluation.truncation_mode)  # the prior must be normal

    def _check_frozen(self) -> None:
        self._check_integer("freeze_discriminator", least=0)
        blocks = len(self.spec.discriminator_ladder)
        if self.freeze_discriminator > blocks:
            raise ValueError(
                f"train.freeze_discriminator must be at most {blocks}, the number of the discriminator's blocks; "
                f"received train.freeze_discriminator={self.freeze_discriminator!r}."
            )

    def notes(self) -> list[str]:
        """Warnings about settings that are allowed but probably not intended, one sentence each."""
        end = self.optimizer.decay_to
        if end is None or end >= self.total_steps:
            return []
        return [
            f"Note: the learning rates are zero from step {end:,} on (TwoTimescaleAdam.decay_to), and the run has "
            f"{self.total_steps:,} steps. Set TwoTimescaleAdam.decay_to={self.total_steps} so that all of them train."
        ]

    def _check_integer(self, name: str, least: int, most: int | None = None) -> None:
        check_integer(f"train.{name}", getattr(self, name), least, most=most)

    def sized(self, n_classes: int | None = None) -> GANSpec:
        """The networks for a data set of `n_classes` (None: this one's), with class tables of `table_size` or more.

        Raises:
          ValueError: if the data set has more classes than `table_size`.
        """
        n_classes = n_classes or len(self.data.class_names())
        if self.table_size is not None and self.table_size < n_classes:
            raise ValueError(
                f"train.table_size must be at least the data set's {n_classes} classes; received "
                f"train.table_size={self.table_size}. Leave it out: the data set says how many there are."
            )
        return self.spec.with_classes(self.table_size or n_classes)


SOURCES = {source.__name__: source for source in (ProceduralSource, ImageFolder, PreparedShards, TfdsSource)}
FAMILIES = (families.sagan, families.sngan_projection, families.acgan, families.biggan, families.biggan_deep)
CONFIGURABLES = {
    "train": Experiment,
    **{f"families.{family.__name__}": family for family in FAMILIES},
    "TwoTimescaleAdam": TwoTimescaleAdam,
    "Objective": Objective,
    "SigmaControl": SigmaControl,
    "LeCam": LeCam,
    "DiffAugment": DiffAugment,
    "AdaptiveAugmentation": AdaptiveAugmentation,
    "StepOptions": StepOptions,
    "MovingAverage": MovingAverage,
    "Numerics": Numerics,
    "Transform": Transform,
    "MonitorOptions": MonitorOptions,
    "Safeguards": Safeguards,
    "EvaluationOptions": EvaluationOptions,
    **SOURCES,
}

# Beside these a run's record may name the networks' description itself, which Python builds and no gin file does.
_OF_RECORDS = {**CONFIGURABLES, "GANSpec": GANSpec}

# What may change when a run is resumed: how often it logs and saves, not what it computes.
HOUSEKEEPING = (
    "xla",
    "steps_per_call",
    "checkpoint_every",
    "keep_checkpoints",
    "log_every",
    "sample_every",
    "evaluate_every",
    "best_by",
    "safeguards.",
    "monitoring.",
    "cache_mb",
    "evaluation.",
)


def free_on_resume(settings: Experiment) -> tuple[str, ...]:
    """What may change when this run is resumed: the housekeeping, and its length unless the prior depends on it."""
    return HOUSEKEEPING if settings.latent == "annealed_normal" else ("total_steps", *HOUSEKEEPING)


def load(
    gin_file: list[str], gin_bindings: list[str], data: str | None = None, data_dir: str | None = None
) -> gin_config.Loaded:
    """The experiment that files, bindings and data flags describe; `--data` replaces the files' data set.

    Raises:
      ConfigError: if anything in it is wrong, before any work is done.
      DataError: if `--data` names nothing that can be read.
    """
    if not gin_file:
        raise gin_config.ConfigError(
            "a configuration must be named; received no --gin_file. Try --gin_file=gin/quickstart.gin"
        )
    if data and with_home(data).is_dir():
        data = str(with_home(data).resolve())  # the run must find it from any working directory
    extra: list[str] = []
    if data:
        source = source_from_flag(data, data_dir)
        name = type(source).__name__  # so that the run's own config.gin holds the source
        extra = [f"train.data = @{name}()", *as_bindings(name, source, {})]
    extra += [f"TfdsSource.data_dir = {data_dir!r}"] if data_dir and not data else []
    return gin_config.load(CONFIGURABLES, "train", files=gin_file, bindings=[*gin_bindings, *extra])


def load_saved(folder: Path) -> gin_config.Loaded:
    """The experiment that a run's folder holds (`gin_config.save`), even if its settings had other names at the time.

    Raises:
      ConfigError: if the file is not there or is wrong.
    """
    file = (folder / "config.gin").absolute()
    lines = file.read_text(encoding="utf-8").splitlines() if file.is_file() else []
    current = current_lines(lines)
    if current == lines:
        return gin_config.load(_OF_RECORDS, "train", files=[str(file)])
    return gin_config.load(_OF_RECORDS, "train", bindings=["\n".join(current)])


def with_bindings(loaded: gin_config.Loaded, bindings: Sequence[str]) -> gin_config.Loaded:
    """The same experiment with further bindings.

    Raises:
      ConfigError: for wrong bindings.
    """
    return gin_config.load(_OF_RECORDS, "train", bindings=[loaded.text, *bindings])


def in_code(experiment: Experiment) -> gin_config.Loaded:
    """An experiment that was described in Python, with the gin text by which its run records it.

    Raises:
      ConfigError: if gin can't express it, because a source or another part is not configurable.
    """
    names = {part: name for name, part in _OF_RECORDS.items() if isinstance(part, type)}
    lines = as_bindings("train", experiment, names)
    loaded = gin_config.load(_OF_RECORDS, "train", bindings=["\n".join(lines)])
    if loaded.value != experiment:
        raise gin_config.ConfigError(
            "the experiment must be the one that its gin text describes, so that its run can be read again; received "
            "one that uses a part twice with different values. Give each part one value."
        )
    return loaded
