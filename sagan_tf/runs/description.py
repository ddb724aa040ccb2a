"""What `describe` prints: a configuration's networks, and the FLOPs and memory of a training step."""

import argparse

from sagan_tf import experiment
from sagan_tf.experiment import Experiment
from sagan_tf.models.chip_memory import chip_memory
from sagan_tf.models.chips import chip_named
from sagan_tf.models.cost import (
    PLAIN,
    MemoryEstimate,
    discriminator_costs,
    generator_costs,
    step_flops,
    training_memory,
)
from sagan_tf.models.parameters import (
    discriminator_parameters,
    discriminator_table,
    generator_parameters,
    generator_table,
    shared_embedding_parameters,
)
from sagan_tf.models.spec import GANSpec
from sagan_tf.models.summary import algorithms_of
from sagan_tf.runs.run_directory import RunDirectory


def step_memory(settings: Experiment, spec: GANSpec, replicas: int = 1) -> MemoryEstimate:
    """The estimated peak memory of one replica when the batch is divided among `replicas`."""
    return training_memory(
        spec,
        algorithms_of(settings.numerics, spec.resolution),
        batch_size=settings.batch_size // (replicas * settings.accumulation),
        precision=settings.numerics.precision,
        averaged=settings.average is not None,
    )


def step_costs(settings: Experiment, spec: GANSpec, replicas: int = 1) -> dict:
    """Operations of one training step over all replicas, and the estimated peak memory of one replica by purpose."""
    size = {"batch_size": settings.batch_size, "discriminator_steps": settings.discriminator_steps}
    memory = step_memory(settings, spec, replicas)
    return {
        **size,
        "replicas": replicas,
        "precision": settings.numerics.precision,
        "step_flops_plain": step_flops(spec, PLAIN, **size),
        "step_flops": step_flops(spec, algorithms_of(settings.numerics, spec.resolution), **size),
        "memory": {**vars(memory), "total": memory.total},
    }


def step_text(costs: dict) -> str:
    """The result of `step_costs` as text."""
    memory = {name: f"{value / 1e9:.2f}" for name, value in costs["memory"].items()}
    replicas = "" if costs["replicas"] == 1 else f" of one of {costs['replicas']} replicas"
    return "\n".join([
        f"One step, batch {costs['batch_size']}, {costs['discriminator_steps']} update(s) of D, {costs['precision']}",
        f"  work, as the papers show it {costs['step_flops_plain'] / 1e9:>12,.0f} GFLOP",
        f"  work, as computed here      {costs['step_flops'] / 1e9:>12,.0f} GFLOP",
        f"  peak memory{replicas}, estimated: {memory['total']} GB (process {memory['process']}, state "
        f"{memory['state']}, kernels and gradients {memory['weights']}, activations {memory['activations']})",
    ])  # fmt: skip


def on_chip(settings: Experiment, spec: GANSpec, name: str, replicas: int = 1) -> dict:
    """What a training step needs on devices of a chip when the batch is divided among `replicas`, estimated.

    Raises:
      ValueError: for an unknown chip.
    """
    chip = chip_named(name)
    precision, averaged = settings.numerics.precision, settings.average is not None
    algorithms = algorithms_of(settings.numerics, spec.resolution)
    memory = chip_memory(spec, algorithms, precision=precision, averaged=averaged, platform=chip.platform)
    images = settings.batch_size // (replicas * settings.accumulation)
    most = memory.most_images(chip)
    return {
        "chip": chip.name,
        "chip_memory": chip.memory,
        "images_at_once": images,
        "memory": memory.total(images),
        "state": memory.state,
        "most_images_at_once": most,
        "least_devices": -(-settings.batch_size // most) if most else None,
    }


def chip_text(found: dict, batch_size: int) -> str:
    """The result of `on_chip` as a line."""
    state, memory, size = (f"{found[name] / 1e9:.1f}" for name in ("state", "memory", "chip_memory"))
    needs = (
        f"On {found['chip']}, estimated (benchmarks/compile_for.py asks its compiler): {found['images_at_once']} "
        f"images at once need {memory} of {size} GB (state {state})"
    )
    if not found["most_images_at_once"]:
        return f"{needs}; not even one image fits."
    devices = found["least_devices"]
    whole = "one device holds" if devices == 1 else f"{devices} devices hold"
    return (
        f"{needs}; up to {found['most_images_at_once']} fit, so that {whole} the batch of {batch_size:,} without "
        "accumulation."
    )


def as_json(settings: Experiment, spec: GANSpec, replicas: int = 1) -> dict:
    """Everything that the text says, and each stage's parameters and FLOPs, as plain data."""
    algorithms = algorithms_of(settings.numerics, spec.resolution)
    stages = {
        "generator": zip(generator_table(spec), generator_costs(spec, algorithms), strict=True),
        "discriminator": zip(discriminator_table(spec), discriminator_costs(spec, algorithms), strict=True),
    }
    parameters = {"generator": generator_parameters(spec), "discriminator": discriminator_parameters(spec)}
    return {
        "resolution": spec.resolution,
        "n_classes": spec.n_classes,
        **{f"{name}_parameters": count for name, count in parameters.items()},
        "total_parameters": sum(parameters.values()),
        "shared_embedding_parameters": shared_embedding_parameters(spec),
        **{name: [vars(row) | {"flops": cost.flops} for row, cost in rows] for name, rows in stages.items()},
        "step": step_costs(settings, spec, replicas),
    }


def described(flags: argparse.Namespace) -> tuple[Experiment, GANSpec]:
    """The configuration that the flags or a run give, and its networks for the classes of its data.

    Raises:
      ValueError: if both a run and a configuration are given.
    """
    if not flags.run_dir:
        settings = experiment.load(flags.gin_file, flags.gin_bindings, flags.data, flags.data_dir).value
        return settings, settings.sized()
    if flags.gin_file or flags.gin_bindings or flags.data or flags.data_dir:
        raise ValueError(
            "--run_dir must not be combined with --gin_file, --gin_bindings, --data and --data_dir, since the run "
            f"contains its configuration; received --run_dir={flags.run_dir} together with them. Use one or the other."
        )
    run = RunDirectory.open(flags.run_dir)
    return run.experiment(), run.spec()
