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


def generator_block(spec: GANSpec, inputs: int, outputs: int) -> int:
    convolutions = conv(3, inputs, outputs) + conv(3, outputs, outputs) + conv(1, inputs, outputs)
    return convolutions + norm(spec, inputs) + norm(spec, outputs)


def discriminator_block(inputs: int, hidden: int, outputs: int, pools: bool) -> int:
    shortcut = conv(1, inputs, outputs) if pools or inputs != outputs else 0
    return conv(3, inputs, hidden) + conv(3, hidden, outputs) + shortcut


def head(spec: GANSpec, channels: int) -> int:
    plain = channels + spec.head_bias
    if spec.head == "plain":
        return plain
    bias = spec.n_classes if spec.head == "auxiliary" and spec.classifier_bias else 0
    return plain + spec.n_classes * channels + bias


def generator_table(spec: GANSpec) -> tuple[TableRow, ...]:
    """The stages of G from z to image: shared embedding if any, dense, up blocks and attention, output layers.

    Raises:
      ValueError: if the number of classes is not known yet.
    """
    _require_classes(spec)
    channels, sizes = spec.generator_channels, spec.generator_sizes
    attends = spec.attends_after(sizes, spec.attention_g)
    rows = []
    if spec.conditioning == "shared":
        rows.append(TableRow("shared embedding", 1, spec.n_classes, spec.shared_dim, shared_embedding_parameters(spec)))
    rows.append(TableRow("dense", 4, spec.z_chunk, channels[0], (spec.z_chunk + 1) * 16 * channels[0]))
    for inputs, outputs, size, attend in zip(channels, channels[1:], sizes, attends, strict=False):
        rows.append(TableRow("up block", size, inputs, outputs, generator_block(spec, inputs, outputs)))
        if attend:
            rows.append(TableRow(spec.long_range, size, outputs, outputs, long_range(spec, outputs)))
    output = 2 * channels[-1] + conv(3, channels[-1], 3)
    return (*rows, TableRow("norm, ReLU, conv, tanh", spec.resolution, channels[-1], 3, output))


def discriminator_table(spec: GANSpec) -> tuple[TableRow, ...]:
    """The stages of D from image to logit: blocks that halve the map, blocks that keep it, attention, head.

    Raises:
      ValueError: if the number of classes is not known yet.
    """
    _require_classes(spec)
    channels, sizes = spec.discriminator_channels, spec.discriminator_sizes
    attends = spec.attends_after(sizes, spec.attention_d)
    rows, inputs = [], 3
    for i, (outputs, size, attend) in enumerate(zip(channels, sizes, attends, strict=True)):
        pools = i < spec.pools
        kind = "first block" if i == 0 else "down block" if pools else "block"
        parameters = discriminator_block(inputs, spec.hidden_channels(i), outputs, pools)
        rows.append(TableRow(kind, size, inputs, outputs, parameters))
        if attend:
            rows.append(TableRow(spec.long_range, size, outputs, outputs, long_range(spec, outputs)))
        inputs = outputs
    return (*rows, TableRow(f"ReLU, sum, {spec.head} head", 1, inputs, 1, head(spec, inputs)))


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
