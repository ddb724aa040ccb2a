"""`python -m sagan_tf.describe`: the architecture tables of a configuration, with every stage's parameters."""

import argparse
import json
import sys
from collections.abc import Sequence

from sagan_tf import experiment
from sagan_tf.config import ConfigError
from sagan_tf.data.source import DataError
from sagan_tf.models.counting import Stage
from sagan_tf.models.spec import GANSpec


def table(spec: GANSpec) -> str:
    """Both nets' stages, a line each: what, output size, channels in and out, parameters."""
    parts = [f"{spec.resolution}x{spec.resolution}, {spec.n_classes} classes, z {spec.z_dim}"]
    for name, stages in (("Generator", spec.generator_table), ("Discriminator", spec.discriminator_table)):
        parts += ["", f"{name:<26}{'size':>9}{'channels':>15}{'parameters':>14}", *map(_line, stages)]
        parts.append(f"{'total':<26}{sum(stage.parameters for stage in stages):>38,}")
    total = spec.generator_parameters + spec.discriminator_parameters
    parts += ["", f"{'Both':<26}{total:>38,}"]
    if spec.shared_embedding_parameters:
        parts.append(f"{'without the shared embedding':<30}{total - spec.shared_embedding_parameters:>34,}")
    return "\n".join(parts)


def _line(stage: Stage) -> str:
    channels = f"{stage.in_channels}->{stage.out_channels}"
    return f"  {stage.kind:<24}{f'{stage.size}x{stage.size}':>9}{channels:>15}{stage.parameters:>14,}"


def as_json(spec: GANSpec) -> dict:
    generator, discriminator = spec.generator_parameters, spec.discriminator_parameters
    return {
        "resolution": spec.resolution,
        "n_classes": spec.n_classes,
        "generator_parameters": generator,
        "discriminator_parameters": discriminator,
        "total_parameters": generator + discriminator,
        "shared_embedding_parameters": spec.shared_embedding_parameters,
        "generator": [vars(stage) for stage in spec.generator_table],
        "discriminator": [vars(stage) for stage in spec.discriminator_table],
    }


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m sagan_tf.describe", description=__doc__)
    experiment.add_flags(parser)
    parser.add_argument("--json", action="store_true", help="print JSON")
    flags = parser.parse_args(arguments)
    try:
        spec = experiment.load(flags.gin_file, flags.gin_bindings, flags.data, flags.data_dir).value.sized()
    except (ConfigError, DataError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(json.dumps(as_json(spec), indent=1) if flags.json else table(spec))
    return 0


if __name__ == "__main__":
    sys.exit(main())
