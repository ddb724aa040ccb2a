"""Operations and memory of the networks and of a training step, estimated from the description alone.

An operation is a multiplication or an addition in a convolution, a dense layer or the matrix products of attention.
Norms, activation functions, spectral normalization and the optimizer are left out; together they are a few percent.
The costs are listed in the order of the architecture table (models/parameters.py).
"""

from dataclasses import dataclass

from sagan_tf.foundation.attention_forms import ATTENTION_FORMS
from sagan_tf.models.parameters import (
    TableRow,
    discriminator_parameters,
    discriminator_table,
    generator_parameters,
    generator_table,
)
from sagan_tf.models.spec import GANSpec


@dataclass(frozen=True, kw_only=True)
class Algorithms:
    """The algorithms that compute the networks; see layers/resampling.py and layers/self_attention.py."""

    fused_up: tuple[int, ...] = ()  # low-resolution sides at which upsampling and 3x3 are one 4x4 convolution
    fused_down: tuple[int, ...] = ()  # the same for the 3x3 and average pooling
    low_shortcuts: bool = True  # whether the 1x1 of a block's shortcut is computed at the low resolution
    rgb_alone: bool = True  # whether a wide last convolution of G computes no more than the three channels of the image
    blocked_from: int | None = None  # scores per image from which attention recomputes its map; None: never


PLAIN = Algorithms(low_shortcuts=False, rgb_alone=False)  # every operation as the papers' figures show the blocks


@dataclass(frozen=True)
class Cost:
    """The cost of a stage for one image."""

    flops: int  # operations of the forward pass
    kept: int = 0  # values that are kept for the gradient, in the precision of the activations
    widened: int = 0  # those of them that are kept in float32 as well, which is a copy in any other precision
    kept_float32: int = 0  # further values, which are float32 in every precision

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(**{name: value + getattr(other, name) for name, value in vars(self).items()})

    def kept_bytes(self, precision: str) -> int:
        """Bytes that are kept for the gradient in a precision of the activations."""
        copies = 0 if precision == "float32" else self.widened
        return (4 if precision == "float32" else 2) * self.kept + 4 * (copies + self.kept_float32)


def convolution(size: int, inputs: int, outputs: int, side: int) -> int:
    """Operations of a size x size convolution whose output is side x side."""
    return 2 * size * size * inputs * outputs * side * side


def resampled(inputs: int, outputs: int, high: int, fused: bool) -> int:
    """Operations of a 3x3 convolution at the high resolution, or of the equal 4x4 of stride 2 (4 taps per pixel)."""
    return convolution(2 if fused else 3, inputs, outputs, high)


def attention(spec: GANSpec, channels: int, side: int, algorithms: Algorithms) -> Cost:
    """The 1x1 convolutions, the N x M scores, and the averages of the values; scores are kept in float32, if at all."""
    form = ATTENTION_FORMS[spec.attention_form]
    keys = form.keys(side * side)
    query, value = form.query_channels(channels), form.value_channels(channels)
    out = convolution(1, value, channels, side) if form.has_out else 0
    maps = convolution(1, channels, 2 * query + value, side) + out
    products = 2 * side * side * keys * (query + value)
    kept = side * side * (2 * channels + 2 * query + 2 * value)
    scores = side * side * keys
    recomputed = algorithms.blocked_from is not None and scores >= algorithms.blocked_from
    return Cost(maps + products, kept, kept_float32=0 if recomputed else scores)


def matched_residual(channels: int, side: int) -> Cost:
    hidden = channels // 8
    flops = convolution(3, channels, hidden, side) + convolution(1, hidden, channels, side)
    return Cost(flops, side * side * (2 * channels + hidden))


def long_range(spec: GANSpec, channels: int, side: int, algorithms: Algorithms) -> Cost:
    residual = spec.long_range == "residual"
    return matched_residual(channels, side) if residual else attention(spec, channels, side, algorithms)


def generator_block(inputs: int, outputs: int, high: int, algorithms: Algorithms) -> Cost:
    """An up block to high x high. Its two norms keep their inputs, as float32 for the moments."""
    low = high // 2
    first = resampled(inputs, outputs, high, low in algorithms.fused_up)
    shortcut = convolution(1, inputs, outputs, low if algorithms.low_shortcuts else high)
    normalized = inputs * low * low + outputs * high * high
    flops = first + convolution(3, outputs, outputs, high) + shortcut
    return Cost(flops, 2 * normalized, normalized)


def generator_bottleneck(
    inputs: int, hidden: int, outputs: int, high: int, upsamples: bool, algorithms: Algorithms
) -> Cost:
    """A block of BigGAN-deep's G to high x high. Its four norms keep their inputs, as float32 for the moments."""
    low = high // 2 if upsamples else high
    first = resampled(hidden, hidden, high, upsamples and low in algorithms.fused_up)
    flops = convolution(1, inputs, hidden, low) + first + convolution(3, hidden, hidden, high)
    normalized = (inputs + hidden) * low * low + 2 * hidden * high * high
    return Cost(flops + convolution(1, hidden, outputs, high), 2 * normalized, normalized)


def discriminator_block(inputs: int, hidden: int, outputs: int, high: int, pools: bool, algorithms: Algorithms) -> Cost:
    """A block of D from high x high. It keeps the outputs of the ReLUs and the pooled input of the shortcut."""
    low = high // 2 if pools else high
    second = resampled(hidden, outputs, high, pools and low in algorithms.fused_down)
    side = low if algorithms.low_shortcuts else high
    shortcut = convolution(1, inputs, outputs, side) if pools or inputs != outputs else 0
    kept = (inputs + hidden) * high * high + inputs * low * low
    return Cost(convolution(3, inputs, hidden, high) + second + shortcut, kept)


def discriminator_bottleneck(inputs: int, hidden: int, outputs: int, high: int, pools: bool) -> Cost:
    """A block of BigGAN-deep's D from high x high. It keeps the outputs of the ReLUs and what is pooled of them."""
    low = high // 2 if pools else high
    flops = convolution(1, inputs, hidden, high) + 2 * convolution(3, hidden, hidden, high)
    flops += convolution(1, hidden, outputs, low) + convolution(1, inputs, outputs - inputs, low)
    kept = (inputs + 3 * hidden) * high * high + (hidden + inputs) * low * low * pools
    return Cost(flops, kept)


def generator_costs(spec: GANSpec, algorithms: Algorithms) -> tuple[Cost, ...]:
    """The cost of each row of `generator_table(spec)`, for one image."""
    rows, hidden = [], iter(spec.generator_hidden)
    for stage in generator_table(spec):
        if stage.kind == "shared embedding":
            rows.append(Cost(0))
        elif stage.kind == "dense":
            rows.append(Cost(2 * stage.in_channels * 16 * stage.out_channels))
        elif stage.kind in ("up block", "block"):
            rows.append(_generator_block(spec, stage, next(hidden), algorithms))
        elif stage.kind == spec.long_range:
            rows.append(long_range(spec, stage.out_channels, stage.size, algorithms))
        else:
            kept = stage.in_channels * stage.size**2
            outputs = 3 if algorithms.rgb_alone else spec.rgb_channels
            rows.append(Cost(convolution(3, stage.in_channels, outputs, stage.size), 2 * kept, kept))
    return tuple(rows)


def _generator_block(spec: GANSpec, stage: TableRow, hidden: int, algorithms: Algorithms) -> Cost:
    """A block with the linear maps of its norms."""
    inputs, outputs = stage.in_channels, stage.out_channels
    condition = spec.condition_dim if spec.conditioning == "shared" else 0
    if spec.block == "basic":
        maps = Cost(2 * condition * 2 * (inputs + outputs))
        return maps + generator_block(inputs, outputs, stage.size, algorithms)
    maps = Cost(2 * condition * 2 * (inputs + 3 * hidden))
    upsamples = stage.kind == "up block"
    return maps + generator_bottleneck(inputs, hidden, outputs, stage.size, upsamples, algorithms)


def discriminator_costs(spec: GANSpec, algorithms: Algorithms) -> tuple[Cost, ...]:
    """The cost of each row of `discriminator_table(spec)`, for one image."""
    rows, high = [], spec.resolution
    blocks = zip(spec.discriminator_hidden, spec.discriminator_pools, strict=True)
    for stage in discriminator_table(spec):
        inputs, outputs = stage.in_channels, stage.out_channels
        if stage.kind == spec.long_range:
            rows.append(long_range(spec, outputs, stage.size, algorithms))
        elif stage.kind.endswith("head"):
            logits = 1 + {"projection": 1, "auxiliary": spec.n_classes, "plain": 0}[spec.head]
            rows.append(Cost(2 * inputs * logits, inputs * high * high))
        elif stage.kind == "stem":
            rows.append(Cost(convolution(3, inputs, outputs, high), inputs * high * high))
        else:
            hidden, pools = next(blocks)
            if spec.block == "basic":
                rows.append(discriminator_block(inputs, hidden, outputs, high, pools, algorithms))
            else:
                rows.append(discriminator_bottleneck(inputs, hidden, outputs, high, pools))
            high = stage.size
    return tuple(rows)


def total(costs: tuple[Cost, ...]) -> Cost:
    """The sum of the costs of stages."""
    return sum(costs, Cost(0))


def step_flops(spec: GANSpec, algorithms: Algorithms, *, batch_size: int, discriminator_steps: int = 1) -> int:
    """Operations of one training step: n_D updates of D and one of G.

    A gradient costs twice its forward pass, once for the weights and once for the inputs. An update of D runs G forward
    on B images, and D forward and backward on 2B. The update of G runs G forward and backward, and D forward and
    backward to its inputs alone, on B images. The recomputations of blocked attention and the R1 penalty are not
    counted.
    """
    g, d = total(generator_costs(spec, algorithms)).flops, total(discriminator_costs(spec, algorithms)).flops
    return batch_size * (discriminator_steps * (g + 6 * d) + 3 * g + 2 * d)


# What the peak memory of training holds beside the state, fitted to the resident memory of processes on two CPU cores
# (benchmarks/memory.py); the allocator of a GPU differs.
PROCESS = 750 << 20  # Python, TensorFlow, and the compiled graph
PER_WEIGHT = 2.1  # float32 copies of each weight at the peak: normalized and resampled kernels, gradients
PER_WEIGHT_16_BITS = -0.2  # added to it in 16 bits, in which the copies that are kept are half as large
PER_ACTIVATION = 2.1  # bytes at the peak per kept byte of activations


@dataclass(frozen=True, kw_only=True)
class MemoryEstimate:
    """Estimated bytes of one replica at the peak of training, by purpose."""

    process: int  # Python, TensorFlow and the compiled graph
    state: int  # weights, Adam's two moments, and the moving average: exact
    weights: int  # gradients and working copies of the kernels
    activations: int  # what the gradients need of the forward passes, and the backward pass's own

    @property
    def total(self) -> int:
        return self.process + self.state + self.weights + self.activations


def training_memory(
    spec: GANSpec, algorithms: Algorithms, *, batch_size: int, precision: str = "float32", averaged: bool = False
) -> MemoryEstimate:
    """Estimates the peak memory of a training step on one replica.

    Args:
      batch_size: images of one replica, or of one of its microbatches if gradients are accumulated.
      averaged: whether a moving average of G is kept.
    """
    precise = precision == "float32"
    return MemoryEstimate(
        process=PROCESS,
        state=state_bytes(spec, averaged),
        weights=round(4 * (PER_WEIGHT + PER_WEIGHT_16_BITS * (not precise)) * weights_of(spec)),
        activations=round(PER_ACTIVATION * batch_size * kept_per_image(spec, algorithms, precision)),
    )


def weights_of(spec: GANSpec) -> int:
    """The number of weights of both networks."""
    return generator_parameters(spec) + discriminator_parameters(spec)


def state_bytes(spec: GANSpec, averaged: bool) -> int:
    """Bytes of the weights, Adam's two moments, and the moving average of G if there is one."""
    return 4 * (3 * weights_of(spec) + (generator_parameters(spec) if averaged else 0))


def kept_per_image(spec: GANSpec, algorithms: Algorithms, precision: str) -> int:
    """Bytes that a training step keeps of the forward passes for the gradients, for each image of the batch.

    The update of G keeps the activations of both networks for the batch; that of D keeps those of D alone for twice the
    batch. The larger of the two counts.
    """
    g, d = (total(costs(spec, algorithms)).kept_bytes(precision) for costs in (generator_costs, discriminator_costs))
    return max(g + d, 2 * d)
