"""`python -m sagan_tf.describe`: a configuration's networks, stage by stage, and what a training step costs."""

import argparse
import json
import sys
from collections.abc import Sequence

from sagan_tf import experiment
from sagan_tf.experiment import Experiment
from sagan_tf.foundation.refusals import Parser, answered
from sagan_tf.foundation.spelling import counted
from sagan_tf.layers.resampling import FUSED_SIDES
from sagan_tf.layers.self_attention import BLOCKED_FROM
from sagan_tf.models.cost import PLAIN, Cost, Forms, discriminator_costs, generator_costs, step_flops
from sagan_tf.models.memory import MemoryEstimate, training_memory
from sagan_tf.models.parameters import TableRow
from sagan_tf.models.parts import Numerics
from sagan_tf.models.spec import GANSpec

_KIND = 28  # Characters of the column that names the stages.


def forms_of(numerics: Numerics, resolution: int) -> Forms:
    """How networks of a resolution are computed on this machine with these options."""
    sides = tuple(2**i for i in range(resolution.bit_length()))
    fused = {"auto": FUSED_SIDES, "fused": sides, "plain": ()}[numerics.resampling]
    blocked = {"auto": BLOCKED_FROM, "blocked": 0, "plain": None}
    return Forms(fused_up=fused, fused_down=fused, blocked_from=blocked[numerics.attention])


def step_memory(settings: Experiment, spec: GANSpec, replicas: int = 1) -> MemoryEstimate:
    """The estimated peak of one of so many replicas."""
    return training_memory(
        spec,
        forms_of(settings.numerics, spec.resolution),
        batch_size=settings.batch_size // (replicas * settings.accumulation),
        precision=settings.numerics.precision,
        averaged=settings.average is not None,
    )


def table(spec: GANSpec, numerics: Numerics | None = None) -> str:
    """Both nets' stages, one per line: kind, output size, channels, parameters, and MFLOP of an image forward."""
    forms = forms_of(numerics or Numerics(), spec.resolution)
    networks = (
        ("Generator", spec.generator_table, generator_costs(spec, forms)),
        ("Discriminator", spec.discriminator_table, discriminator_costs(spec, forms)),
    )
    wide = max(24, *(len(stage.kind) for _, stages, _ in networks for stage in stages))
    parts = [f"{spec.resolution}x{spec.resolution}, {counted(spec.n_classes, 'class')}, z {spec.z_dim}"]
    for name, stages, costs in networks:
        parts += ["", f"{name:<{wide + 2}}{'size':>9}{'channels':>15}{'parameters':>14}{'MFLOP':>11}"]
        parts += [_line(stage, cost, wide) for stage, cost in zip(stages, costs, strict=True)]
        flops = sum(cost.flops for cost in costs)
        parts.append(f"{'total':<{wide + 2}}{sum(stage.parameters for stage in stages):>38,}{flops / 1e6:>11,.1f}")
    total = spec.generator_parameters + spec.discriminator_parameters
    parts += ["", f"{'Both':<{wide + 2}}{total:>38,}"]
    if spec.shared_embedding_parameters:
        parts.append(f"{'without the shared embedding':<{wide + 6}}{total - spec.shared_embedding_parameters:>34,}")
    return "\n".join(parts)


def _line(stage: TableRow, cost: Cost, wide: int) -> str:
    channels = f"{stage.in_channels}->{stage.out_channels}"
    size = f"{stage.size}x{stage.size}"
    return f"  {stage.kind:<{wide}}{size:>9}{channels:>15}{stage.parameters:>14,}{cost.flops / 1e6:>11,.1f}"


def step_costs(settings: Experiment, spec: GANSpec, replicas: int = 1) -> dict:
    """Operations of one step over all replicas, and the estimated peak of memory of one, in bytes by what it is for."""
    size = {"batch_size": settings.batch_size, "discriminator_steps": settings.discriminator_steps}
    memory = step_memory(settings, spec, replicas)
    return {
        **size,
        "replicas": replicas,
        "precision": settings.numerics.precision,
        "step_flops_plain": step_flops(spec, PLAIN, **size),
        "step_flops": step_flops(spec, forms_of(settings.numerics, spec.resolution), **size),
        "memory": {**vars(memory), "total": memory.total},
    }


def step_text(costs: dict) -> str:
    """The same in words."""
    memory = {name: f"{value / 1e9:.2f}" for name, value in costs["memory"].items()}
    of = "" if costs["replicas"] == 1 else f" of one of {costs['replicas']} replicas"
    return "\n".join([
        f"One step, batch {costs['batch_size']}, {costs['discriminator_steps']} update(s) of D, {costs['precision']}",
        f"  work, as the papers draw it {costs['step_flops_plain'] / 1e9:>12,.0f} GFLOP",
        f"  work, as computed here      {costs['step_flops'] / 1e9:>12,.0f} GFLOP",
        f"  peak memory{of}, estimated: {memory['total']} GB (process {memory['process']}, state {memory['state']}, "
        f"kernels and gradients {memory['weights']}, activations {memory['activations']})",
    ])  # fmt: skip


def as_json(settings: Experiment, spec: GANSpec, replicas: int = 1) -> dict:
    generator, discriminator = spec.generator_parameters, spec.discriminator_parameters
    forms = forms_of(settings.numerics, spec.resolution)
    costs = {"generator": generator_costs(spec, forms), "discriminator": discriminator_costs(spec, forms)}
    stages = {"generator": spec.generator_table, "discriminator": spec.discriminator_table}
    return {
        "resolution": spec.resolution,
        "n_classes": spec.n_classes,
        "generator_parameters": generator,
        "discriminator_parameters": discriminator,
        "total_parameters": generator + discriminator,
        "shared_embedding_parameters": spec.shared_embedding_parameters,
        **{name: [vars(stage) | {"flops": cost.flops} for stage, cost in zip(stages[name], costs[name], strict=True)]
           for name in stages},
        "step": step_costs(settings, spec, replicas),
    }  # fmt: skip


def described(flags: argparse.Namespace) -> tuple[Experiment, GANSpec]:
    """The configuration of the flags or of a run, and its networks for the classes of its data."""
    if not flags.run_dir:
        settings = experiment.load(flags.gin_file, flags.gin_bindings, flags.data, flags.data_dir).value
        return settings, settings.sized()
    if flags.gin_file or flags.gin_bindings or flags.data or flags.data_dir:
        raise ValueError(
            f"--run_dir must stand without --gin_file, --gin_bindings, --data and --data_dir, since the run holds its "
            f"configuration; received --run_dir={flags.run_dir} beside them. Leave one or the other out."
        )
    from sagan_tf.runs.run_directory import RunDirectory  # here, since a run's directory is written with this file

    run = RunDirectory.open(flags.run_dir)
    return run.experiment(), run.spec()


def main(arguments: Sequence[str] | None = None) -> int:
    parser = Parser(prog="python -m sagan_tf.describe", description=__doc__)
    experiment.add_flags(parser)
    parser.add_argument("--run_dir", metavar="RUN", help="describe this run, in place of a configuration")
    parser.add_argument("--replicas", type=int, default=1, metavar="N", help="devices that share the batch")
    parser.add_argument("--json", action="store_true", help="print JSON")
    flags = parser.parse_args(arguments)

    def work() -> None:
        settings, spec = described(flags)
        if flags.replicas < 1 or settings.batch_size % (flags.replicas * settings.accumulation):
            raise ValueError(
                f"--replicas must divide the batch of {settings.batch_size} in its {settings.accumulation} part(s); "
                f"received --replicas={flags.replicas}."
            )
        if flags.json:
            print(json.dumps(as_json(settings, spec, flags.replicas), indent=1))
        else:
            print(table(spec, settings.numerics), step_text(step_costs(settings, spec, flags.replicas)), sep="\n\n")

    return answered(work)


if __name__ == "__main__":
    sys.exit(main())
