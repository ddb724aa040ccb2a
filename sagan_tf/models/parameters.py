"""Parameter arithmetic: the architecture tables of G and D, counted from the description alone, without TensorFlow."""

from dataclasses import dataclass

from sagan_tf.foundation.attention_forms import ATTENTION_FORMS, AttentionForm
from sagan_tf.models.spec import GANSpec


@dataclass(frozen=True)
class TableRow:
    """A row of the architecture table: a stage's kind, output size, channels and number of parameters."""

    kind: str
    size: int
    in_channels: int
    out_channels: int
    parameters: int


def conv(size: int, inputs: int, outputs: int, bias: bool = True) -> int:
    """Parameters of a size x size convolution."""
    return size * size * inputs * outputs + bias * outputs


def norm(spec: GANSpec, channels: int) -> int:
    """A gain and a bias per class, or two bias-free linear maps of the condition, or one gain and one bias."""
    return 2 * channels * {"tables": spec.n_classes, "shared": spec.condition_dim, "none": 1}[spec.conditioning]


def attention(form: AttentionForm, channels: int) -> int:
    """Bias-free 1x1 convolutions and gamma: 5C^2/4 + 1 parameters (code and v1) or C^2/2 + 1 (paper)."""
    query, value = form.query_channels(channels), form.value_channels(channels)
    outputs = 2 * query + value + (value if form.has_out else 0)
    return channels * outputs + 1


def matched_residual(channels: int) -> int:
    """SAGAN Table 1's residual block in place of attention, and gamma: 5C^2/4 + 1 as well."""
    hidden = channels // 8
    return conv(3, channels, hidden, bias=False) + conv(1, hidden, channels, bias=False) + 1


def long_range(spec: GANSpec, channels: int) -> int:
    residual = spec.long_range == "residual"
    return matched_residual(channels) if residual else attention(ATTENTION_FORMS[spec.attention_form], channels)


def generator_block(spec: GANSpec, inputs: int, hidden: int, outputs: int) -> int:
    if spec.block == "basic":
        convolutions = conv(3, inputs, outputs) + conv(3, outputs, outputs) + conv(1, inputs, outputs)
        return convolutions + norm(spec, inputs) + norm(spec, outputs)
    convolutions = conv(1, inputs, hidden) + 2 * conv(3, hidden, hidden) + conv(1, hidden, outputs)
    return convolutions + norm(spec, inputs) + 3 * norm(spec, hidden)


def discriminator_block(spec: GANSpec, inputs: int, hidden: int, outputs: int, pools: bool) -> int:
    if spec.block == "basic":
        shortcut = conv(1, inputs, outputs) if pools or inputs != outputs else 0
        return conv(3, inputs, hidden) + conv(3, hidden, outputs) + shortcut
    shortcut = conv(1, inputs, outputs - inputs) if outputs > inputs else 0
    return conv(1, inputs, hidden) + 2 * conv(3, hidden, hidden) + conv(1, hidden, outputs) + shortcut


def head(spec: GANSpec, channels: int) -> int:
    plain = channels + spec.head_bias
    if spec.head == "plain":
        return plain
    bias = spec.n_classes if spec.head == "auxiliary" and spec.classifier_bias else 0
    return plain + spec.n_classes * channels + bias


def generator_table(spec: GANSpec) -> tuple[TableRow, ...]:
    """The stages of G from z to image: shared embedding if any, dense, blocks and attention, output layers.

    Raises:
      ValueError: if the number of classes is not known yet.
    """
    _require_classes(spec)
    channels = spec.generator_channels
    columns = zip(
        channels,
        spec.generator_hidden,
        channels[1:],
        spec.generator_sizes,
        spec.generator_upsamples,
        spec.generator_attends,
        strict=False,
    )
    rows = []
    if spec.conditioning == "shared":
        rows.append(TableRow("shared embedding", 1, spec.n_classes, spec.shared_dim, shared_embedding_parameters(spec)))
    rows.append(TableRow("dense", 4, spec.dense_inputs, channels[0], (spec.dense_inputs + 1) * 16 * channels[0]))
    for inputs, hidden, outputs, size, upsamples, attends in columns:
        parameters = generator_block(spec, inputs, hidden, outputs)
        rows.append(TableRow("up block" if upsamples else "block", size, inputs, outputs, parameters))
        if attends:
            rows.append(TableRow(spec.long_range, size, outputs, outputs, long_range(spec, outputs)))
    output = 2 * channels[-1] + conv(3, channels[-1], spec.rgb_channels)
    return (*rows, TableRow("norm, ReLU, conv, tanh", spec.resolution, channels[-1], 3, output))


def discriminator_table(spec: GANSpec) -> tuple[TableRow, ...]:
    """The stages of D from image to logit: stem if any, blocks that halve the map or keep it, attention, head.

    Raises:
      ValueError: if the number of classes is not known yet.
    """
    _require_classes(spec)
    columns = zip(
        spec.discriminator_inputs,
        spec.discriminator_hidden,
        spec.discriminator_channels,
        spec.discriminator_sizes,
        spec.discriminator_pools,
        spec.discriminator_attends,
        strict=True,
    )
    rows = []
    if spec.discriminator_stem is not None:
        outputs = spec.discriminator_inputs[0]
        rows.append(TableRow("stem", spec.resolution, 3, outputs, conv(3, 3, outputs)))
    for inputs, hidden, outputs, size, pools, attends in columns:
        kind = "first block" if not rows else "down block" if pools else "block"
        rows.append(TableRow(kind, size, inputs, outputs, discriminator_block(spec, inputs, hidden, outputs, pools)))
        if attends:
            rows.append(TableRow(spec.long_range, size, outputs, outputs, long_range(spec, outputs)))
    features = spec.discriminator_channels[-1]
    return (*rows, TableRow(f"ReLU, sum, {spec.head} head", 1, features, 1, head(spec, features)))


def generator_parameters(spec: GANSpec) -> int:
    """All of G's parameters, the shared embedding included."""
    return sum(row.parameters for row in generator_table(spec))


def discriminator_parameters(spec: GANSpec) -> int:
    """All of D's parameters."""
    return sum(row.parameters for row in discriminator_table(spec))


def shared_embedding_parameters(spec: GANSpec) -> int:
    """The class embedding shared by G's norms, which BigGAN's Table 1 leaves out of its totals."""
    return spec.n_classes * spec.shared_dim if spec.conditioning == "shared" else 0


def _require_classes(spec: GANSpec) -> None:
    if spec.n_classes is None:
        raise ValueError(
            "n_classes must be known before the networks can be counted or built; received n_classes=None. "
            "Use spec.with_classes(n), with n from the data set."
        )
