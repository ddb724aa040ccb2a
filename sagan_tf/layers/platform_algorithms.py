"""Which algorithms the layers use on each platform. Their results are equal up to rounding; time and memory differ.

The CPU's were timed on two cores. Those for TPUs were chosen by the estimates of the TPU's own compiler, without a TPU,
and those for GPUs by the memory that XLA's compiler reports. benchmarks/accelerators.md holds the figures.
"""

from dataclasses import dataclass

from sagan_tf.layers.target_platform import Platform, target_platform


@dataclass(frozen=True, kw_only=True)
class PlatformAlgorithms:
    """The choices for one platform.

    image_groups: whether blocked attention also divides the batch, and then prefers whole images to blocks of queries.
    block_scores: how many float32 scores (queries times keys) a block of attention has at most: those of all of its
      images with `image_groups`, of each image otherwise.
    block_queries: queries that a block of one image may have however many scores they make, since matrix products of
      fewer rows are slow.
    matrix_products: whether convolutions of small maps with large kernels are computed as matrix products
      (layers/im2col.py).
    joined_projections: whether attention computes query, key and value as one convolution, since the few channels of
      each would leave most of a TPU's 128 lanes empty.
    upsampling_by_axes: whether nearest-neighbor upsampling repeats rows and columns, rather than concatenating pixels
      and then rows with themselves.
    one_pass_moments: whether a batch norm in training reads its map once for both moments, instead of once for the mean
      and once more for the deviations from it.
    """

    image_groups: bool
    block_scores: int
    block_queries: int
    matrix_products: bool
    joined_projections: bool
    upsampling_by_axes: bool
    one_pass_moments: bool


# 32 MiB of scores, which stay in the fast memory of a v5e (128 MiB of VMEM) together with their gradients and the
# softmax; the blocks of all images at once, as on the CPU, go through HBM.
_ACCELERATOR = PlatformAlgorithms(
    image_groups=True,
    block_scores=2**23,
    block_queries=128,
    matrix_products=False,
    joined_projections=True,
    upsampling_by_axes=True,
    one_pass_moments=True,
)
# The CPU's blocks of attention have 1 MiB of scores per image, measured at 64x64 to be faster than 2 MiB.
ALGORITHMS: dict[Platform, PlatformAlgorithms] = {
    "cpu": PlatformAlgorithms(
        image_groups=False,
        block_scores=2**18,
        block_queries=128,
        matrix_products=True,
        joined_projections=False,
        upsampling_by_axes=False,
        one_pass_moments=False,
    ),
    "gpu": _ACCELERATOR,
    "tpu": _ACCELERATOR,
}


def platform_algorithms() -> PlatformAlgorithms:
    """The algorithms for the platform that the operations traced now are meant for."""
    return ALGORITHMS[target_platform()]
