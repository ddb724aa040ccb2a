"""Accelerators for which a training step can be planned: their memory and peak rates, as their makers publish them.

Sources: Google's "TPU architecture" pages of each version, NVIDIA's data sheets of H100 SXM and A100 SXM 80 GB.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from sagan_tf.foundation.choices import check_choice


@dataclass(frozen=True, kw_only=True)
class Chip:
    """One kind of accelerator, as the device that holds one replica: a TPU core, or a chip whose cores act as one."""

    name: str
    platform: Literal["tpu", "gpu"]
    memory: int  # bytes of high-bandwidth memory of one device
    flops: float  # operations per second of bfloat16 products
    bandwidth: float  # bytes per second from and to that memory
    devices_per_chip: int = 1
    clock: float | None = None  # cycles per second, in which libtpu's estimates count; None where there are none


_CHIPS = (
    Chip(name="v3", platform="tpu", memory=16 << 30, flops=61.5e12, bandwidth=450e9, devices_per_chip=2, clock=940e6),
    Chip(name="v4", platform="tpu", memory=32 << 30, flops=275e12, bandwidth=1228e9, clock=1050e6),
    Chip(name="v5e", platform="tpu", memory=16 << 30, flops=197e12, bandwidth=819e9, clock=1500e6),
    Chip(name="v5p", platform="tpu", memory=95 << 30, flops=459e12, bandwidth=2765e9, clock=1750e6),
    Chip(name="v6e", platform="tpu", memory=32 << 30, flops=918e12, bandwidth=1640e9, clock=1750e6),
    Chip(name="A100", platform="gpu", memory=80 << 30, flops=312e12, bandwidth=2039e9),
    Chip(name="H100", platform="gpu", memory=80 << 30, flops=989e12, bandwidth=3352e9),
)  # fmt: skip
CHIPS: Mapping[str, Chip] = MappingProxyType({chip.name: chip for chip in _CHIPS})


def chip_named(name: str) -> Chip:
    """The chip of that name, in upper or lower case.

    Raises:
      ValueError: if there is none.
    """
    known = {chip.lower(): chip for chip in CHIPS}
    check_choice("", "chip", known.get(name.lower(), name), CHIPS)
    return CHIPS[known[name.lower()]]
