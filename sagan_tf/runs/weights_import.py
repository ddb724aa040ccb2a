"""A run made of published weights: read, checked, and written as a checkpoint of step 0."""

import argparse
import contextlib
import dataclasses
import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf

from sagan_tf import experiment
from sagan_tf.data.class_names import listed
from sagan_tf.data.source import DataError, Examples
from sagan_tf.foundation import files
from sagan_tf.foundation.notes import note, warn
from sagan_tf.interop import biggan_pytorch, tfhub_biggan
from sagan_tf.runs import resumption
from sagan_tf.runs.build import build_state
from sagan_tf.runs.run_directory import RunDirectory, RunError

FORMATS = {"biggan_pytorch": biggan_pytorch.load, "tfhub_biggan": tfhub_biggan.load}

_IMAGENET = 1000  # classes
_SYNSET = re.compile(r"n\d{8}")


def import_weights(flags: argparse.Namespace) -> Path:
    """Reads and checks the weights, then writes a run with a checkpoint of step 0; returns the checkpoint's path.

    If the run keeps a moving average of G, the imported weights are both the average and the raw weights. Without
    `--discriminator`, D gets initial weights, which run.json records: training from the run warms its rate up.
    """
    loaded = experiment.load(flags.gin_file, flags.gin_bindings, flags.data, flags.data_dir)
    settings = loaded.value
    run = RunDirectory(flags.run_dir)
    if run.path.exists() and (not run.path.is_dir() or any(run.path.iterdir())):
        raise RunError(f"--run_dir must be new or empty; received --run_dir={run.path}. Name another directory.")
    files.check_output("--run_dir", run.path, folder=True)
    names = settings.data.class_names()
    note(f"The weights' classes are taken in this order: {listed(names)}")
    if len(names) == _IMAGENET and not all(_SYNSET.fullmatch(name) for name in names):
        warn(
            "Published ImageNet weights number their classes by sorted synset (n01440764, n01443537, ...); these names "
            "are no synsets. Make sure that they are in that order."
        )
    gan = build_state(settings, len(names), tf.distribute.get_strategy())
    read = FORMATS[flags.format]
    generator = read(Path(flags.generator), gan.spec, shapes(gan.g_variables))
    discriminator = read(Path(flags.discriminator), gan.spec, shapes(gan.d_variables)) if flags.discriminator else {}
    assign(gan.g_variables, generator)
    assign(gan.shadow, generator if gan.shadow else {})
    assign(gan.d_variables, discriminator)
    admission = resumption.admit(run, loaded, examples_of(settings, names, flags.generator))
    imported = {"format": flags.format, "generator": flags.generator, "discriminator": flags.discriminator}
    admission = dataclasses.replace(admission, facts={"imported": imported})
    made = [path for path in (run.path, *run.path.parents) if not path.exists()]
    try:
        saved = run.checkpoints().save(gan.variables(), 0)
        admission.record()
    except BaseException:
        shutil.rmtree(run.path / "checkpoints", ignore_errors=True)
        for path in made:
            with contextlib.suppress(OSError):
                path.rmdir()
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
        return settings.data.open(settings.spec.resolution)
    except DataError:
        note("The data set is not on this machine; its class names are kept with the run.")

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
