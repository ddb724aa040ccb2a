"""Two logical CPU devices for the tests of replicas, and one place that says so."""

import itertools
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import pytest
import tensorflow as tf

cpus = tf.config.list_physical_devices("CPU")
tf.config.set_logical_device_configuration(cpus[0], [tf.config.LogicalDeviceConfiguration()] * 2)


def pytest_collection_modifyitems(config, items):
    """Slow, GPU and network tests run when asked for by `-m`, and say why they are skipped."""
    asked = config.getoption("-m")
    reasons = {"slow": "takes minutes; run with -m slow", "network": "needs the network; run with -m network"}
    if not tf.config.list_physical_devices("GPU"):
        reasons["gpu"] = "no GPU here"
    for item in items:
        for marker, reason in reasons.items():
            if marker in item.keywords and marker not in asked:
                item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(scope="session")
def mirrored():
    """A MirroredStrategy of two replicas on the CPU.

    One for the session: TensorFlow numbers collectives from one in every strategy and remembers the shape of each
    number for the process's life.
    """
    from sagan_tf.training.strategy import create_strategy

    return create_strategy("mirrored")


@pytest.fixture(scope="module")
def unallocated():
    """Networks built inside a tf.Graph hold no memory, since their initial values are operations."""
    from sagan_tf.layers import initializers

    patch = pytest.MonkeyPatch()
    patch.setattr(initializers, "seeded", lambda name, seed: itertools.repeat("zeros"))
    patch.setattr(initializers, "scaled", lambda initializer, gain: initializer)
    yield
    patch.undo()


@pytest.fixture(scope="session")
def tiny_run(tmp_path_factory):
    """A run of four steps of a tiny SAGAN with attention at 8x8 in both networks, gammas far from zero, on 64 images.

    For whoever only reads it; who writes copies it.
    """
    from sagan_tf import train

    bindings = (
        "families.sagan.width=4", "families.sagan.discriminator_width=8", "families.sagan.z_dim=8",
        "families.sagan.attention=(8,)", "ProceduralSource.n_examples=64", "TwoTimescaleAdam.g_learning_rate=0.05",
        "TwoTimescaleAdam.d_learning_rate=0.05", "train.batch_size=4", "train.total_steps=4", "train.sample_every=2",
        "train.steps_per_call=2", "train.checkpoint_every=2", "train.log_every=2", "Watching.every=2",
        "train.evaluation=None", "train.average=None",
    )  # fmt: skip
    run = tmp_path_factory.mktemp("tiny") / "run"
    flags = ["--gin_file=gin/quickstart.gin", *("--gin_bindings=" + binding for binding in bindings)]
    assert train.main([*flags, f"--run_dir={run}"]) == 0
    return run


@pytest.fixture(scope="session")
def drawable_run(tmp_path_factory):
    """The directory of a run of small networks at step 3: raw and averaged weights, never trained, that draw images."""
    from sagan_tf import experiment
    from sagan_tf.layers.naming import named_variables
    from sagan_tf.models.generator import Generator
    from sagan_tf.run_directory import RunDirectory
    from sagan_tf.sampling.standing_statistics import StandingStatistics

    bindings = ["families.sagan.width = 4", "families.sagan.z_dim = 8", "families.sagan.attention = (8,)"]
    loaded = experiment.load(["gin/quickstart.gin"], [*bindings, "ProceduralSource.n_examples = 40"])
    run = RunDirectory(tmp_path_factory.mktemp("drawable") / "run")
    run.prepare(loaded, loaded.value.data.open(32))
    saved = {}
    for group, seed in (("generator", 1), ("average", 2)):
        network = Generator(run.spec(), numerics=loaded.value.numerics, seed=seed)
        (statistics,) = StandingStatistics(passes=2).gathered(network)
        for name, value in {**statistics, "long_range.0.gamma": 0.5}.items():
            named_variables(network)[name].assign(value)
        saved |= {f"{group}.{name}": variable for name, variable in named_variables(network).items()}
    run.checkpoints().save(saved, 3)
    return run.path
