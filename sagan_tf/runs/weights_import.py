"""Turns published weights into a run: they are read, checked, and written as a checkpoint of step 0."""

import argparse
import dataclasses
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf

from sagan_tf import experiment
from sagan_tf.configuration.gin_config import Loaded
from sagan_tf.data.class_aliases import class_aliases
from sagan_tf.data.class_names import listed, number_themselves
from sagan_tf.data.from_flag import source_from_flag
from sagan_tf.data.image_folder.image_folder import ImageFolder
from sagan_tf.data.imagenet_classes import imagenet_classes
from sagan_tf.data.source import DataError, Examples, Source
from sagan_tf.data.tfds import TfdsSource
from sagan_tf.evaluation.options import EvaluationOptions
from sagan_tf.foundation import files
from sagan_tf.foundation.first_line import first_line
from sagan_tf.foundation.home_folder import with_home
from sagan_tf.foundation.notes import note
from sagan_tf.foundation.tensorflow_names import check_tensorflow_name
from sagan_tf.interop import biggan_pytorch, published
from sagan_tf.interop.tensor_files import WeightsError
from sagan_tf.layers.variable_names import named_variables
from sagan_tf.models.generator import Generator
from sagan_tf.models.spec import GANSpec
from sagan_tf.runs import resumption
from sagan_tf.runs.build import build_state
from sagan_tf.runs.imported_classes import names_of
from sagan_tf.runs.lock import TrainingLock
from sagan_tf.runs.published_statistics import FILE, MODE, PublishedStatistics
from sagan_tf.runs.run_data import check_outside
from sagan_tf.runs.run_directory import LOCK, RunDirectory, RunError

# What must be the same in a gin file and in the description that comes with the weights.
_OF_GENERATORS = (
    *("resolution", "n_classes", "block", "width", "generator_ladder", "generator_upsamples", "generator_attends"),
    *("z_dim", "shared_dim", "condition_includes_z", "wide_rgb"),
    *("norm_epsilon", "final_norm_epsilon", "spectral_norm_epsilon"),
)


def import_weights(flags: argparse.Namespace) -> Path:
    """Reads and checks the weights, then writes a run with a checkpoint of step 0; returns the checkpoint's path.

    With a gin file the run has all that training needs: if it keeps a moving average of G, the imported weights are
    both the average and the raw weights, and without `--discriminator` D gets initial weights, which run.json records:
    training from the run then warms up its learning rate. Without a gin file, which requires weights that describe
    their networks, the checkpoint holds only G.
    """
    run = RunDirectory(flags.run_dir)
    held = [path.name for path in run.path.iterdir()] if run.path.is_dir() else []
    left = [name for name in held if name == LOCK or name.startswith(files.TEMPORARY)]  # by a command that was killed
    if len(held) > len(left) or (run.path.exists() and not run.path.is_dir()):
        raise RunError(f"--run_dir must be new or empty; received --run_dir={run.path}. Name another directory.")
    files.check_output("--run_dir", run.path, folder=True)
    check_tensorflow_name("--run_dir", run.path)
    configured = _configured(flags)
    if configured is not None or flags.data:
        source = configured.value.data if configured else source_from_flag(flags.data, flags.data_dir)
        check_outside("--run_dir", run.path, source)
    weights = published.opened(Path(flags.generator), flags.format)
    if weights.spec is None and configured is None:
        raise RunError(
            f"weights of the format {weights.form} must come with a gin file that describes their networks; received "
            "no --gin_file. Try --gin_file=gin/biggan_128.gin"
        )
    if flags.discriminator and weights.form != "biggan_pytorch":
        raise RunError(
            f"--discriminator must be left out with weights of the format {weights.form}, which are generators only."
        )
    if not weights.has_statistics:
        note(
            f"No statistics came with {flags.generator}: images use standing ones, which are gathered for each "
            "truncation, or those of their own batch."
        )
    n_classes = weights.spec.n_classes if weights.spec else None
    names = names_of(flags.class_names, _names_of_data(flags, configured), n_classes)
    if not number_themselves(names):
        note(f"The weights' classes are assumed to be in this order: {listed(class_aliases(names).titles)}")
    loaded = configured or _described(flags, weights, names)
    spec = loaded.value.sized(len(names))
    if weights.spec is not None:
        _check_same(weights.spec, spec)
    variables, statistics = _networks(loaded.value, spec, names, weights, flags, alone=configured is None)
    admission = resumption.admit(run, loaded, examples_of(loaded.value, names, flags.generator))
    imported = {"format": weights.form, "generator": flags.generator, "discriminator": flags.discriminator}
    admission = dataclasses.replace(admission, facts={"imported": imported})
    return _write(run, admission, variables, statistics)


def _configured(flags: argparse.Namespace) -> Loaded | None:
    """The experiment of the gin files; None without any."""
    if not flags.gin_file and not flags.gin_bindings:
        return None
    return experiment.load(flags.gin_file, flags.gin_bindings, flags.data, flags.data_dir)


def _names_of_data(flags: argparse.Namespace, configured: Loaded | None) -> Sequence[str] | None:
    """The names of the classes of the data that the flags or the gin file name, unless a file names them."""
    if flags.class_names:
        return None
    if configured is not None:
        return configured.value.data.class_names()
    return source_from_flag(flags.data, flags.data_dir).class_names() if flags.data else None


def _described(flags: argparse.Namespace, weights: published.Published, names: Sequence[str]) -> Loaded:
    """The experiment for weights that describe their networks: enough for sampling; training needs a gin file."""
    statistics = "moving" if weights.has_statistics else "batch"
    spec = dataclasses.replace(weights.spec, n_classes=None, inference_statistics=statistics)
    evaluation = EvaluationOptions(truncation_mode=MODE)
    return experiment.in_code(experiment.Experiment(spec=spec, data=_data(flags, names), evaluation=evaluation))


def _data(flags: argparse.Namespace, names: Sequence[str]) -> Source:
    """Where other verbs look for the weights' data set."""
    if flags.data:
        return source_from_flag(flags.data, flags.data_dir)
    if tuple(names) == tuple(imagenet_classes()):
        return TfdsSource(name="imagenet2012", data_dir=flags.data_dir)
    return ImageFolder(path=str(with_home(flags.run_dir).resolve() / "data"))


def _check_same(there: GANSpec, here: GANSpec) -> None:
    """Refuses a gin file that describes another generator than the weights do."""
    wrong = [
        f"{name}={getattr(here, name)!r} instead of {getattr(there, name)!r}"
        for name in _OF_GENERATORS
        if getattr(here, name) != getattr(there, name)
    ]
    if wrong:
        raise WeightsError(
            f"the gin file must describe the networks of the weights; received {', '.join(wrong)}. Leave --gin_file "
            "out: these weights describe themselves."
        )


def _networks(
    settings: experiment.Experiment,
    spec: GANSpec,
    names: Sequence[str],
    weights: published.Published,
    flags: argparse.Namespace,
    *,
    alone: bool,
) -> tuple[dict[str, tf.Variable], PublishedStatistics | None]:
    """The variables of the checkpoint with the imported values, and the statistics that were published.

    alone: only G, or the whole training state.
    """
    if alone:
        generator = named_variables(Generator(spec, numerics=settings.numerics, seed=None))
        variables = {f"generator.{name}": variable for name, variable in generator.items()}
    else:
        gan = build_state(settings, len(names), tf.distribute.get_strategy())
        generator, variables = gan.g_variables, gan.variables()
    values = weights.values(spec, shapes(generator))
    sets = weights.sets(spec, shapes(generator))
    discriminator = {}
    if flags.discriminator:
        discriminator = biggan_pytorch.load(Path(flags.discriminator), spec, shapes(gan.d_variables))
        assign(gan.d_variables, discriminator)
    _check_variances([values, *sets])
    assign(generator, values)
    if not alone:
        assign(gan.shadow, values if gan.shadow else {})
    return variables, PublishedStatistics.of_sets(sets) if sets else None


def _check_variances(sets: Sequence[Mapping[str, np.ndarray]]) -> None:
    negative = [name for one in sets for name, array in one.items() if name.endswith("variance") and (array < 0).any()]
    if negative:
        raise WeightsError(f"published variances must not be negative; received one in {negative[0]}.")


def _write(
    run: RunDirectory,
    admission: resumption.Admission,
    variables: Mapping[str, tf.Variable],
    statistics: PublishedStatistics | None,
) -> Path:
    """Writes checkpoint, statistics and records, or nothing.

    Raises:
      RunError: if another process is writing to the directory, or has written there in the meantime.
    """
    with TrainingLock(run.path):  # which removes a directory that it made, if it stays empty
        if run.exists or run.checkpoints().steps():
            raise RunError(
                f"--run_dir must be new or empty; received --run_dir={run.path}, where another process has written a "
                "run in the meantime. Name another directory."
            )
        try:
            saved = run.checkpoints().save(variables, 0)
            if statistics is not None:
                statistics.save(run.path)
            admission.record()
        except BaseException:
            shutil.rmtree(run.path / "checkpoints", ignore_errors=True)
            (run.path / FILE).unlink(missing_ok=True)
            raise
    return saved


def shapes(variables: Mapping[str, tf.Variable]) -> dict[str, tuple[int, ...]]:
    return {name: tuple(variable.shape) for name, variable in variables.items()}


def assign(variables: Mapping[str, tf.Variable], values: Mapping[str, np.ndarray]) -> None:
    for name, value in values.items():
        variables[name].assign(value)


def examples_of(settings: experiment.Experiment, names: Sequence[str], source: str) -> Examples:
    """The configured data if they are on this machine, so that training can continue; else only their class names."""
    try:
        return settings.data.open(settings.spec.resolution, class_names=names)
    except DataError as error:
        reason = first_line(error, most=2000)
        note(f"The data set can't be read here, so that the run keeps only the names of the classes. {reason}")

    def absent(**_):
        raise DataError(f"the run holds weights imported from {source}; give its data set with --data to train on.")

    return Examples(
        name=f"imported from {source}",
        class_names=tuple(names),
        n_examples=1,
        fingerprint=f"imported {Path(source).name}",
        stream=absent,
        ordered=absent,
    )
