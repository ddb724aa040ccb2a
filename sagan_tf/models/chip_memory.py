"""The memory of a training step on an accelerator, estimated from the description, and how many images a device holds.

The constants are fitted to the memory that libtpu and XLA state for compiled steps (benchmarks/paper_plans.md). On v5e
the estimates miss SAGAN-128 and BigGAN-128 with 32 images and SNGAN-projection with 64 by up to 9%; SAGAN-128 with 256
and BigGAN-128 with 128 need about a third less than estimated. On A100 and H100 they miss the three
models, with 32 to 1,024 images, by up to 10%. `benchmarks/compile_for.py` asks the compilers themselves.
"""

import math
from dataclasses import dataclass
from typing import Literal

from sagan_tf.models.chips import Chip
from sagan_tf.models.cost import Algorithms, kept_per_image, state_bytes, weights_of
from sagan_tf.models.spec import GANSpec

PROGRAM = {"tpu": 150 << 20, "gpu": 0}  # the compiled program, which lies in the same memory on TPUs
PER_WEIGHT = 0.7  # float32 copies of each weight among the temporaries: gradients and normalized kernels
# Bytes of temporaries per byte that the gradients keep. What is fused keeps nothing; TPUs fill up their tiles.
PER_ACTIVATION = {"tpu": 0.9, "gpu": 0.75}
USABLE = 0.98  # the part of a device's memory that is left to programs: 15.75 of 16 GiB on v5e


@dataclass(frozen=True, kw_only=True)
class ChipMemory:
    """Estimated bytes on one device by purpose."""

    state: int  # weights, Adam's moments, the moving average: exact
    weights: int  # gradients and working copies of the kernels
    per_image: int  # temporaries of each image of a microbatch
    program: int

    def total(self, images: int) -> int:
        """Bytes that a step with so many images in a microbatch needs."""
        return self.state + self.weights + self.program + images * self.per_image

    def most_images(self, chip: Chip) -> int:
        """The largest power of two of images in a microbatch that a device of this kind holds; 0 if it holds none."""
        most = (USABLE * chip.memory - self.total(0)) / self.per_image
        return 1 << math.floor(math.log2(most)) if most >= 1 else 0


def chip_memory(
    spec: GANSpec, algorithms: Algorithms, *, precision: str, averaged: bool, platform: Literal["tpu", "gpu"]
) -> ChipMemory:
    """Estimates the memory of a training step on an accelerator.

    averaged: whether a moving average of G is kept.
    """
    return ChipMemory(
        state=state_bytes(spec, averaged),
        weights=round(4 * PER_WEIGHT * weights_of(spec)),
        per_image=round(PER_ACTIVATION[platform] * kept_per_image(spec, algorithms, precision)),
        program=PROGRAM[platform],
    )
