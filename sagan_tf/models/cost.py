"""What a network costs: floating-point operations and kept activations, stage by stage, from the description alone.

An operation is a multiplication or an addition of a convolution, dense layer or attention's products; norms,
activations, spectral norms and the optimizer are left out (a few percent together). Rows match the architecture table.
"""

from dataclasses import dataclass

from sagan_tf.foundation.attention_forms import ATTENTION_FORMS
from sagan_tf.models.parameters import (
    discriminator_parameters,
    discriminator_table,
    generator_parameters,
    generator_table,
)
from sagan_tf.models.spec import GANSpec


@dataclass(frozen=True, kw_only=True)
class Forms:
    """How the networks are computed; see layers/resampling.py and layers/self_attention.py.

    fused_up, fused_down: sides of the low-resolution map at which the 3x3 and the resampling are one 4x4 convolution.
    low_shortcuts: whether a block's 1x1 shortcut stands on the low-resolution side.
    blocked_from: scores of one image from which attention forgets its map and computes it again (None: never).
    """

    fused_up: tuple[int, ...] = ()
    fused_down: tuple[int, ...] = ()
    low_shortcuts: bool = True
    blocked_from: int | None = None


PLAIN = Forms(low_shortcuts=False)  # operation by operation as the papers draw the blocks


@dataclass(frozen=True)
class Cost:
    """A stage's cost for one image.

    flops: of the forward pass. kept: values that the gradient needs, in the precision of the activations.
    widened: those of them that are needed in float32 too, which is a copy in any other precision. kept_float32: further
    values, float32 whatever the precision.
    """

    flops: int
    kept: int = 0
    widened: int = 0
    kept_float32: int = 0

    def __add__(self, other: "Cost") -> "Cost":
        mine, its = vars(self), vars(other)
        return Cost(**{name: mine[name] + its[name] for name in mine})

    def kept_bytes(self, precision: str) -> int:
        copies = 0 if precision == "float32" else self.widened
        return (4 if precision == "float32" else 2) * self.kept + 4 * (copies + self.kept_float32)


def convolution(size: int, inputs: int, outputs: int, side: int) -> int:
    """Operations of a size x size convolution whose output is side x side."""
    return 2 * size * size * inputs * outputs * side * side


def resampled(inputs: int, outputs: int, high: int, fused: bool) -> int:
    """A 3x3 on the high-resolution side, or the 4x4 of stride 2 that equals it: 4 products a high-resolution pixel."""
    return convolution(2 if fused else 3, inputs, outputs, high)


def attention(spec: GANSpec, channels: int, side: int, forms: Forms) -> Cost:
    """The 1x1 convolutions, and N x M scores and averages; the softmax is kept in float32, if it is kept."""
    form = ATTENTION_FORMS[spec.attention_form]
    keys = form.keys(side * side)
    query, value = form.query_channels(channels), form.value_channels(channels)
    out = convolution(1, value, channels, side) if form.has_out else 0
    maps = convolution(1, channels, 2 * query + value, side) + out
    products = 2 * side * side * keys * (query + value)
    kept = side * side * (2 * channels + 2 * query + 2 * value)
    scores = side * side * keys
    forgotten = forms.blocked_from is not None and scores >= forms.blocked_from
    return Cost(maps + products, kept, kept_float32=0 if forgotten else scores)


def matched_residual(channels: int, side: int) -> Cost:
    hidden = channels // 8
    flops = convolution(3, channels, hidden, side) + convolution(1, hidden, channels, side)
    return Cost(flops, side * side * (2 * channels + hidden))


def long_range(spec: GANSpec, channels: int, side: int, forms: Forms) -> Cost:
    residual = spec.long_range == "residual"
    return matched_residual(channels, side) if residual else attention(spec, channels, side, forms)


def generator_block(inputs: int, outputs: int, high: int, forms: Forms) -> Cost:
    """An up block to high x high. Its two norms keep their inputs, in float32 for the moments."""
    low = high // 2
    first = resampled(inputs, outputs, high, low in forms.fused_up)
    shortcut = convolution(1, inputs, outputs, low if forms.low_shortcuts else high)
    normalized = inputs * low * low + outputs * high * high
    flops = first + convolution(3, outputs, outputs, high) + shortcut
    return Cost(flops, 2 * normalized, normalized)


def discriminator_block(inputs: int, hidden: int, outputs: int, high: int, pools: bool, forms: Forms) -> Cost:
    """A block of D from high x high. The ReLUs' outputs are kept, and what the shortcut pooled."""
    low = high // 2 if pools else high
    second = resampled(hidden, outputs, high, pools and low in forms.fused_down)
    side = low if forms.low_shortcuts else high
    shortcut = convolution(1, inputs, outputs, side) if pools or inputs != outputs else 0
    kept = (inputs + hidden) * high * high + inputs * low * low
    return Cost(convolution(3, inputs, hidden, high) + second + shortcut, kept)


def generator_costs(spec: GANSpec, forms: Forms) -> tuple[Cost, ...]:
    """One for each row of `generator_table(spec)`."""
    channels, rows = spec.generator_channels, []
    for stage in generator_table(spec):
        if stage.kind == "shared embedding":
            rows.append(Cost(0))
        elif stage.kind == "dense":
            rows.append(Cost(2 * spec.z_chunk * 16 * channels[0]))
        elif stage.kind == "up block":
            condition = spec.condition_dim if spec.conditioning == "shared" else 0
            maps = Cost(2 * condition * 2 * (stage.in_channels + stage.out_channels))
            rows.append(maps + generator_block(stage.in_channels, stage.out_channels, stage.size, forms))
        elif stage.kind == spec.long_range:
            rows.append(long_range(spec, stage.out_channels, stage.size, forms))
        else:
            kept = stage.in_channels * stage.size**2
            rows.append(Cost(convolution(3, stage.in_channels, 3, stage.size), 2 * kept, kept))
    return tuple(rows)


def discriminator_costs(spec: GANSpec, forms: Forms) -> tuple[Cost, ...]:
    """One for each row of `discriminator_table(spec)`."""
    rows, block, high = [], 0, spec.resolution
    for stage in discriminator_table(spec):
        if stage.kind == spec.long_range:
            rows.append(long_range(spec, stage.out_channels, stage.size, forms))
        elif stage.kind.endswith("head"):
            logits = 1 + {"projection": 1, "auxiliary": spec.n_classes, "plain": 0}[spec.head]
            rows.append(Cost(2 * stage.in_channels * logits, stage.in_channels * high * high))
        else:
            hidden, pools = spec.hidden_channels(block), block < spec.pools
            rows.append(discriminator_block(stage.in_channels, hidden, stage.out_channels, high, pools, forms))
            block, high = block + 1, stage.size
    return tuple(rows)


def total(costs: tuple[Cost, ...]) -> Cost:
    return sum(costs, Cost(0))


def step_flops(spec: GANSpec, forms: Forms, *, batch_size: int, discriminator_steps: int = 1) -> int:
    """Operations of one training step: n_D updates of D and one of G.

    A gradient costs twice its forward pass: once for the weights, once for the inputs. D's update: G forward, D forward
    and gradient on 2B images. G's: G forward and gradient, D forward and its gradient for the inputs alone, on B.
    What blocked attention computes again and the R1 penalty are not counted.
    """
    g, d = total(generator_costs(spec, forms)).flops, total(discriminator_costs(spec, forms)).flops
    return batch_size * (discriminator_steps * (g + 6 * d) + 3 * g + 2 * d)


# What training's peak memory holds beside the state, measured as the resident memory of a process on two CPU cores
# (benchmarks/memory.py); a GPU's allocator differs.
PROCESS = 750 << 20  # Python, TensorFlow, and the compiled graph
PER_WEIGHT = 2.1  # float32 copies of every weight beside the state, at the peak
PER_WEIGHT_16_BITS = -0.2  # as many more if the kernels are cast: fewer, since what is kept of them is half
PER_ACTIVATION = 2.1  # bytes at the peak for each kept one


@dataclass(frozen=True, kw_only=True)
class MemoryEstimate:
    """Estimated bytes at the peak of training, by what they are for."""

    process: int
    state: int
    weights: int
    activations: int

    @property
    def total(self) -> int:
        return self.process + self.state + self.weights + self.activations


def training_memory(
    spec: GANSpec, forms: Forms, *, batch_size: int, precision: str = "float32", averaged: bool = False
) -> MemoryEstimate:
    """The peak of a training step.

    batch_size: images of one replica, and of one microbatch if gradients are accumulated. G's update keeps both nets'
    activations for the batch, D's update D's alone for twice the batch: the larger of the two counts.
    """
    g, d = (total(costs(spec, forms)).kept_bytes(precision) for costs in (generator_costs, discriminator_costs))
    weights = generator_parameters(spec) + discriminator_parameters(spec)
    copies = 3 * weights + (generator_parameters(spec) if averaged else 0)
    return MemoryEstimate(
        process=PROCESS,
        state=4 * copies,
        weights=round(4 * (PER_WEIGHT + PER_WEIGHT_16_BITS * (precision != "float32")) * weights),
        activations=round(PER_ACTIVATION * batch_size * max(g + d, 2 * d)),
    )
