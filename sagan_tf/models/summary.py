"""The architecture of both networks as a text table: sizes, channels, parameters and work per stage."""

from sagan_tf.foundation.spelling import counted
from sagan_tf.layers.blocked_attention import BLOCKED_FROM
from sagan_tf.layers.resampling import FUSED_SIDES
from sagan_tf.models.cost import Algorithms, Cost, discriminator_costs, generator_costs
from sagan_tf.models.parameters import (
    TableRow,
    discriminator_table,
    generator_table,
    shared_embedding_parameters,
)
from sagan_tf.models.parts import Numerics
from sagan_tf.models.spec import GANSpec


def algorithms_of(numerics: Numerics, resolution: int) -> Algorithms:
    """The algorithms that networks of a resolution use on this machine under these options."""
    sides = tuple(2**i for i in range(resolution.bit_length()))
    fused = {"auto": FUSED_SIDES, "fused": sides, "plain": ()}[numerics.resampling]
    blocked = {"auto": BLOCKED_FROM, "blocked": 0, "plain": None}
    return Algorithms(fused_up=fused, fused_down=fused, blocked_from=blocked[numerics.attention])


def table(spec: GANSpec, numerics: Numerics | None = None) -> str:
    """One line per stage of G and D: kind, output size, channels, parameters, and MFLOP of one image's forward pass.

    Raises:
      ValueError: if the number of classes is not known yet.
    """
    algorithms = algorithms_of(numerics or Numerics(), spec.resolution)
    networks = (
        ("Generator", generator_table(spec), generator_costs(spec, algorithms)),
        ("Discriminator", discriminator_table(spec), discriminator_costs(spec, algorithms)),
    )
    width = max(24, *(len(row.kind) for _, rows, _ in networks for row in rows))  # of the column that names the stages
    lines = [f"{spec.resolution}x{spec.resolution}, {counted(spec.n_classes, 'class')}, z {spec.z_dim}"]
    for name, rows, costs in networks:
        lines += ["", f"{name:<{width + 2}}{'size':>9}{'channels':>15}{'parameters':>14}{'MFLOP':>11}"]
        lines += [_line(row, cost, width) for row, cost in zip(rows, costs, strict=True)]
        flops = sum(cost.flops for cost in costs)
        lines.append(f"{'total':<{width + 2}}{sum(row.parameters for row in rows):>38,}{flops / 1e6:>11,.1f}")
    total = sum(row.parameters for _, rows, _ in networks for row in rows)
    lines += ["", f"{'Both':<{width + 2}}{total:>38,}"]
    if embedding := shared_embedding_parameters(spec):
        lines.append(f"{'without the shared embedding':<{width + 6}}{total - embedding:>34,}")
    return "\n".join(lines)


def _line(row: TableRow, cost: Cost, width: int) -> str:
    channels = f"{row.in_channels}->{row.out_channels}"
    size = f"{row.size}x{row.size}"
    return f"  {row.kind:<{width}}{size:>9}{channels:>15}{row.parameters:>14,}{cost.flops / 1e6:>11,.1f}"
