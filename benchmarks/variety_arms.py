"""The settings of variety_study.py: what all arms share, and what each one changes."""

# The settings that collapsed, whatever the quickstart's file says today.
BASE = [
    "train.spec=@families.sagan()",
    "families.sagan.width=16",
    "families.sagan.discriminator_width=32",
    "TwoTimescaleAdam.g_learning_rate=7e-4",
    "TwoTimescaleAdam.d_learning_rate=2e-3",
    "TwoTimescaleAdam.beta_2=0.9",
    "MovingAverage.decay=0.99",
    "MovingAverage.start=200",
    "TwoTimescaleAdam.decay_from=None",
    "TwoTimescaleAdam.decay_to=None",
    "Objective.likeness=0.0",
    "Numerics.precision='float32'",
    "train.batch_size=32",
    "train.evaluation=None",
    "train.sample_every=400",
    "train.checkpoint_every=200",
    "train.keep_checkpoints=100",
]
NARROW = ["families.{family}.width=8", "families.{family}.discriminator_width=16"]
BIGGAN = [
    "train.spec=@families.biggan()",
    "families.biggan.resolution=32",
    "families.biggan.width=16",
    "families.biggan.discriminator_width=32",
    "families.biggan.z_dim=128",
    "families.biggan.shared_dim=64",
    "Objective.orthogonal=1e-4",
]
TABLES = ["families.biggan.shared=False", "families.biggan.hierarchical=False"]


def rates(generator: float, discriminator: float) -> list[str]:
    return [
        f"TwoTimescaleAdam.g_learning_rate={generator:g}",
        f"TwoTimescaleAdam.d_learning_rate={discriminator:g}",
    ]


def narrow(family: str) -> list[str]:
    """A quarter of the work: half the channels in both networks."""
    return [binding.format(family=family) for binding in NARROW]


def sagan(*bindings: str) -> list[str]:
    """The collapsing settings in networks of half the width, and what an arm changes."""
    return [*narrow("sagan"), *bindings]


def biggan(*bindings: str) -> list[str]:
    """The same with parts of BigGAN."""
    return [*BIGGAN, *narrow("biggan"), *bindings]


def front(*bindings: str) -> list[str]:
    """Variety kept by the likeness term: candidates for the quickstart's file."""
    return [*narrow("sagan"), *KEPT, *bindings]


KEPT = ["Objective.likeness=3.0"]
BFLOAT16 = ["Numerics.precision='bfloat16'"]
CLAMPED = ["Objective.sigma=@SigmaControl()", "SigmaControl.mode='clamped'", "SigmaControl.ratio=1.0"]
DECAY = ["TwoTimescaleAdam.decay_from=2500", "TwoTimescaleAdam.decay_to=4000"]
SLOW_AVERAGE = ["MovingAverage.decay=0.995"]
ARMS: dict[str, list[str]] = {
    "full-width": ["MonitorOptions.every=50"],
    # What drives the first singular value of G's dense layer, in networks of half the width.
    "rates-7-20": sagan(),
    "rates-4-16": sagan(*rates(4e-4, 16e-4)),
    "rates-2-8": sagan(*rates(2e-4, 8e-4)),
    "rates-2-20": sagan(*rates(2e-4, 20e-4)),
    "rates-7-7": sagan(*rates(7e-4, 7e-4)),
    "beta2-0.999": sagan("TwoTimescaleAdam.beta_2=0.999"),
    "batch-64": sagan("train.batch_size=64"),
    "d-steps-2": sagan("train.discriminator_steps=2"),
    "wide-d": sagan("families.sagan.discriminator_width=32"),
    "no-sn-in-g": sagan("families.sagan.spectral_norm_g=False"),
    "orthogonal-start": [*BIGGAN, *TABLES, "Objective.orthogonal=0.0", *narrow("biggan")],
    "orthogonal-held": sagan("Objective.orthogonal=1e-2", "Objective.orthogonal_form='identity'"),
    "likeness-1": sagan("Objective.likeness=1.0"),
    "likeness-3": sagan("Objective.likeness=3.0"),
    "likeness-1-4-16": sagan(*rates(4e-4, 16e-4), "Objective.likeness=1.0"),
    "rates-4-4": sagan(*rates(4e-4, 4e-4)),
    "rates-1-4": sagan(*rates(1e-4, 4e-4)),
    "batch-16": sagan("train.batch_size=16"),
    "batch-128": sagan("train.batch_size=128"),
    "d-steps-4": sagan("train.discriminator_steps=4"),
    "narrow-d": sagan("families.sagan.discriminator_width=8"),
    "r1-0.1": sagan("Objective.r1=0.1"),
    "r1-1": sagan("Objective.r1=1.0"),
    "r1-10": sagan("Objective.r1=10.0"),
    # What holds the first layer's singular values, or starts them elsewhere.
    "clamp": sagan(*CLAMPED),
    "clamp-4-16": sagan(*CLAMPED, *rates(4e-4, 16e-4)),
    "clamp-likeness-1": sagan(*CLAMPED, "Objective.likeness=1.0"),
    "sigma-penalty": sagan(*CLAMPED, "SigmaControl.mode='regularized'", "SigmaControl.strength=1e-2"),
    "dense-orthogonal": sagan("families.sagan.dense_initializer='orthogonal'"),
    "dense-normal": sagan("families.sagan.dense_initializer='normal'"),
    "all-orthogonal": sagan("families.sagan.initializer='orthogonal'"),
    # The start of biases, the first layer's among them, and of the class tables.
    "bias-torch": sagan("families.sagan.bias_initializer='torch'"),
    "tables-glorot": sagan("families.sagan.table_initializer='glorot_uniform'"),
    "tables-bias-peer": sagan(
        "families.sagan.table_initializer='glorot_uniform'", "families.sagan.bias_initializer='torch'"
    ),
    # BigGAN's parts, together and one by one.
    "biggan-7-20": biggan(),
    "biggan-4-16": biggan(*rates(4e-4, 16e-4)),
    "biggan-2-8": biggan(*rates(2e-4, 8e-4)),
    "shared-embedding": biggan("families.biggan.hierarchical=False", "Objective.orthogonal=0.0"),
    "hierarchical-z": biggan("Objective.orthogonal=0.0"),
    "hierarchical-glorot": biggan("Objective.orthogonal=0.0", "families.biggan.initializer='glorot_uniform'"),
    "hierarchical-clamp": biggan(*CLAMPED),
    # Candidates for the quickstart, at 4,000 steps unless the table says otherwise.
    "front-decay": front(*DECAY),
    "front-constant": front(*SLOW_AVERAGE),
    "front-likeness-2": front(*SLOW_AVERAGE, "Objective.likeness=2.0"),
    "front-likeness-1": front(*SLOW_AVERAGE, "Objective.likeness=1.0"),
    "front-batch-48": front(*SLOW_AVERAGE, "train.batch_size=48"),
    "front-d-steps-2": front(*SLOW_AVERAGE, "train.discriminator_steps=2"),
    "front-beta2-0.99": front(*SLOW_AVERAGE, "TwoTimescaleAdam.beta_2=0.99"),
    "front-rates-7-7": front(*SLOW_AVERAGE, *rates(7e-4, 7e-4)),
    "front-rates-7-12": front(*SLOW_AVERAGE, *rates(7e-4, 12e-4)),
    "front-attention-g": front(*SLOW_AVERAGE, "families.sagan.attention_d=()"),
    # The paper's claims with variety kept: what attention adds (Zhang et al. 2019, Table 1), and what spectral norm
    # in G and two time scales do (its Figure 3). For five seeds: --seeds=0,1,2,3,4.
    "claim-attention": front(),
    "claim-none": front("families.sagan.attention=()"),
    "claim-residual": front("families.sagan.long_range='residual'"),
    "figure3-sn-d": front(*rates(7e-4, 7e-4), "families.sagan.spectral_norm_g=False"),
    "figure3-sn-g-d": front(*rates(7e-4, 7e-4)),
    "figure3-ttur": front(),
    # Broken on purpose, for the signs of collapse (sagan_tf/monitoring/collapse.py).
    "broken-high-rates": sagan(*rates(5e-3, 20e-3), "MonitorOptions.every=25"),
    "broken-dead-d": sagan(*rates(7e-4, 1e-6), "MonitorOptions.every=25"),
    "broken-g-alone": sagan(*rates(7e-3, 1e-4), "MonitorOptions.every=25"),
}
