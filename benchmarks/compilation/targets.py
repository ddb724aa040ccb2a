"""Targets of a compilation by name: a chip, and for TPUs the topology of the slice."""

import math
from dataclasses import dataclass

from sagan_tf.models.chips import CHIPS, Chip, chip_named

# Slices by their number of chips, in the notation of libtpu. v4 and v5p are three-dimensional.
PLANAR = {1: "1x1", 4: "2x2", 8: "2x4", 16: "4x4", 32: "4x8", 64: "8x8", 128: "8x16", 256: "16x16"}
SPATIAL = {4: "2x2x1", 8: "2x2x2", 16: "2x2x4", 32: "2x4x4", 64: "4x4x4", 128: "4x4x8", 256: "4x8x8", 512: "8x8x8"}
SLICES = {
    "v3": {4: "2x2", 16: "4x4", 64: "8x8", 256: "16x16"},
    "v4": SPATIAL,
    "v5e": PLANAR,
    "v5p": SPATIAL,
    "v6e": PLANAR,
}
# libtpu's name of the use of a chip's cores, where its default is not what TensorFlow gets: both cores as one device.
CHIP_CONFIGS = {"v4": "megacore"}


@dataclass(frozen=True, kw_only=True)
class Target:
    """What a program is compiled for."""

    chip: Chip
    topology: str | None = None  # of TPUs, such as "2x2"
    replicas: int = 1

    @property
    def name(self) -> str:
        return f"{self.chip.name}:{self.topology}" if self.topology else self.chip.name

    @property
    def chips(self) -> int:
        """How many chips the replicas occupy."""
        return math.ceil(self.replicas / self.chip.devices_per_chip)


def parse(text: str, replicas: int = 1) -> Target:
    """The target of "CHIP" or "CHIP:TOPOLOGY", such as "v5e", "v5e:2x2" or "H100".

    Without a topology, it is the smallest slice that has a device for each replica.

    Raises:
      ValueError: for an unknown chip or topology, or one that has fewer devices than replicas.
    """
    name, _, topology = text.partition(":")
    try:
        chip = chip_named(name)
    except ValueError as error:
        raise ValueError(
            f"--target must be one of {', '.join(CHIPS)}, for TPUs also with a topology as in v5e:2x2; received "
            f"--target={text}. Choose one of these."
        ) from error
    if chip.platform == "gpu":
        return _gpu(chip, text, topology, replicas)
    slices = SLICES[chip.name]
    if topology and topology not in slices.values():
        raise ValueError(
            f"the topology of {chip.name} must be one of {', '.join(slices.values())}; received --target={text}. "
            "Choose one of these, or leave it out for the smallest that is large enough."
        )
    for chips, found in slices.items():
        if topology in ("", found) and chips * chip.devices_per_chip >= replicas:
            return Target(chip=chip, topology=found, replicas=replicas)
    most = max(n for n, found in slices.items() if topology in ("", found)) * chip.devices_per_chip
    raise ValueError(
        f"--replicas must not exceed the devices of {text}, {most}; received --replicas={replicas}. "
        + ("Name a larger topology, or none." if topology else "Compile for fewer.")
    )


def _gpu(chip: Chip, text: str, topology: str, replicas: int) -> Target:
    if topology:
        raise ValueError(f"--target must be a GPU's name alone; received --target={text}. Try --target={chip.name}.")
    if replicas > 1:
        raise ValueError(
            f"--replicas must be 1 for a GPU, whose replicas TensorFlow does not compile into one program; received "
            f"--replicas={replicas}. Compile one replica with its share of the batch."
        )
    return Target(chip=chip)
