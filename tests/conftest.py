"""Two logical CPU devices for the tests of replicas, and one place that says so."""

import contextlib
import functools
import gc
import itertools
import os
import resource
import shutil
import signal
import warnings

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# XLA's programs for the CPU run once or twice here: LLVM's optimization of them takes longer than it saves.
os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=0")

import pytest
import tensorflow as tf

from tests import keras_free

# Tracing makes objects by the million, nearly all of which stay; looking for garbage among them as often as Python does
# by default would be an eighth of the suite's time.
gc.freeze()
gc.set_threshold(100_000, 10, 10)

# A shell starts its background jobs with these ignored, and children would inherit that: tests send them.
for number, usual in ((signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, signal.SIG_DFL)):
    if signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, usual)

cpus = tf.config.list_physical_devices("CPU")
tf.config.set_logical_device_configuration(cpus[0], [tf.config.LogicalDeviceConfiguration()] * 2)


@pytest.hookimpl(tryfirst=True)  # before pytest selects by markers
def pytest_collection_modifyitems(config, items):
    """Slow, GPU and network tests run when asked for by `-m`, and say why they are skipped."""
    asked = config.getoption("-m")
    if "keras_free" in asked:
        keras_free.mark(items)
    reasons = {"slow": "takes minutes; run with -m slow", "network": "needs the network; run with -m network"}
    if not tf.config.list_physical_devices("GPU"):
        reasons["gpu"] = "no GPU here"
    for item in items:
        for marker, reason in reasons.items():
            if marker in item.keywords and marker not in asked:
                item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(autouse=True)
def fixed_seeds():
    """Python's, NumPy's and TensorFlow's generators start alike in every test, whichever ran before."""
    tf.keras.utils.set_random_seed(0)


@pytest.fixture
def smooth(monkeypatch):
    """Softplus instead of ReLU (in hinge losses too) and average instead of max pooling.

    ReLU's gradient jumps at zero, and max pooling's where two entries are equal: for a unit that lies there, rounding
    decides, and it differs between processors. Gradients of smooth functions are compared instead; see closeness.py.
    """
    monkeypatch.setattr(tf.nn, "relu", tf.nn.softplus)
    monkeypatch.setattr(tf.nn, "max_pool2d", tf.nn.avg_pool2d)


@pytest.fixture
def limited_file_size():
    """A context in which no file may grow beyond so many bytes: a disk that is full in the middle of a write."""

    @contextlib.contextmanager
    def limit(n_bytes):
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, before[1]))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
            signal.signal(signal.SIGXFSZ, handler)

    return limit


@pytest.fixture(scope="module")
def smallest_ladder():
    """In the module, `families.X.resolution=8` gives networks of one block each.

    Most of a tiny run's time is the tracing and the optimization of its step, which goes by the number of layers: at
    8 px it is half of what it is at 32 px, the smallest resolution of the papers.
    """
    from sagan_tf.models import families

    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(families.LADDERS, 8, families.Ladder((1, 1), (1, 1), 1))
        patch.setitem(families.BIGGAN_ATTENTION, 8, ((), ()))
        yield


@pytest.fixture
def run_eagerly():
    """tf.functions run as Python, for tests of what surrounds a step or two.

    To trace and to optimize the graph takes several times as long as to run so few steps. What graphs compute is tested
    in tests/training/ and tests/end_to_end/.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Even though the `tf.config.experimental_run_functions_eagerly`")
        tf.config.run_functions_eagerly(True)
        yield
        tf.config.run_functions_eagerly(False)


@pytest.fixture
def short_classifier(monkeypatch):
    """The data set's classifier is trained for three steps: an extractor like any other, whose features say little."""
    from sagan_tf.evaluation import dataset_classifier

    short = functools.partial(dataset_classifier.ClassifierBudget, steps=3, batch_size=16)
    monkeypatch.setattr(dataset_classifier, "ClassifierBudget", short)


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
    patch.setattr(initializers, "seeded", lambda name, seed, *, first=0: itertools.repeat("zeros"))
    patch.setattr(initializers, "scaled", lambda initializer, gain: initializer)
    patch.setattr(initializers, "shifted", lambda center, initializer: "ones")
    yield
    patch.undo()


@pytest.fixture(scope="session")
def tiny_run(tmp_path_factory):
    """What a run of four steps leaves behind, without training: two tiny networks with attention at 8x8, far from their
    start so that class and attention matter, 64 images, two health records and two sheets.

    For whoever only reads it; who writes copies it.
    """
    from dataclasses import replace

    import numpy as np

    from sagan_tf import experiment
    from sagan_tf.figures import sheets
    from sagan_tf.layers.variable_names import named_variables
    from sagan_tf.models.discriminator import Discriminator
    from sagan_tf.models.generator import Generator
    from sagan_tf.monitoring.distances import Distances
    from sagan_tf.monitoring.health_records import HealthRecord
    from sagan_tf.monitoring.writer import Writer
    from sagan_tf.runs import resumption
    from sagan_tf.runs.run_directory import RunDirectory

    tiny = ["train.spec = @families.sagan()", "families.sagan.resolution = 32", "families.sagan.attention = (8,)",
            "families.sagan.width = 4", "families.sagan.discriminator_width = 8", "families.sagan.z_dim = 8",
            "ProceduralSource.n_examples = 64", "train.total_steps = 4"]  # fmt: skip
    loaded = experiment.load(["gin/data/procedural.gin"], tiny)
    run = RunDirectory(tmp_path_factory.mktemp("tiny") / "run")
    resumption.prepare(run, loaded, loaded.value.data.open(32))
    nets = {"generator": Generator(run.spec(), seed=1), "discriminator": Discriminator(run.spec(), seed=2)}
    variables = {f"{net}.{name}": v for net, model in nets.items() for name, v in named_variables(model).items()}
    rng = np.random.default_rng(0)
    for name, variable in variables.items():
        if name.endswith(".gamma"):
            variable.assign(0.5)
        elif name.startswith("generator.blocks.") and name.endswith(("gain.kernel", "bias.kernel")):
            variable.assign_add(rng.normal(0, 0.5, variable.shape))
    run.checkpoints().save(variables, 4)
    writer = Writer(run.path)
    for step in (2, 4):
        writer.scalars(step, {"d_loss": 2.0 / step, "g_loss": 0.1 * step, "gamma/generator.attention_8": 0.125 * step})
        apart = Distances(overall=0.5, within_class=0.4, nearest=0.1, duplicates=0.0)
        spectra = {name.removesuffix(".kernel"): [1.0 + 0.1 * step, 0.5, 0.25] for name in variables if "conv_" in name}
        norms = {f"{net}.dense": step * scale for net, scale in (("generator", 0.5), ("discriminator", 2.0))}
        record = HealthRecord(step=step, d_loss=2.0 / step, g_loss=0.1 * step, distances=apart, spectra=spectra)
        writer.health(
            replace(record, gradient_norms=norms | {"generator.to_rgb": 1.0, "discriminator.head.dense": 1.0})
        )
        images = rng.integers(0, 256, (20, 32, 32, 3), np.uint8)
        sheets.save(sheets.sheet(images, run.class_names), run.path / "samples" / f"step-{step:08d}.png")
    return run.path


@pytest.fixture(scope="session")
def drawable_run(tmp_path_factory):
    """The directory of a run of small networks at step 3: raw and averaged weights, never trained, that draw images."""
    from sagan_tf import experiment
    from sagan_tf.layers.variable_names import named_variables
    from sagan_tf.models.generator import Generator
    from sagan_tf.runs import resumption
    from sagan_tf.runs.run_directory import RunDirectory
    from sagan_tf.sampling.standing_statistics import StandingStatistics

    bindings = ["families.sagan.width = 4", "families.sagan.z_dim = 8", "families.sagan.attention = (8,)"]
    loaded = experiment.load(["gin/quickstart.gin"], [*bindings, "ProceduralSource.n_examples = 40"])
    run = RunDirectory(tmp_path_factory.mktemp("drawable") / "run")
    resumption.prepare(run, loaded, loaded.value.data.open(32))
    saved = {}
    for group, seed in (("generator", 1), ("average", 2)):
        network = Generator(run.spec(), numerics=loaded.value.numerics, seed=seed)
        (statistics,) = StandingStatistics(passes=2).gathered(network)
        for name, value in {**statistics, "long_range.0.gamma": 0.5}.items():
            named_variables(network)[name].assign(value)
        saved |= {f"{group}.{name}": variable for name, variable in named_variables(network).items()}
    run.checkpoints().save(saved, 3)
    return run.path


@pytest.fixture
def browser():
    """A headless Chromium that reaches this machine alone."""
    webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
    program = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    driver_program = shutil.which("chromedriver")
    if program is None or driver_program is None:
        pytest.skip("no chromium with chromedriver on this machine")
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = program
    # Nothing but this machine can be reached: the page must need nothing else.
    for flag in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
                 "--disable-background-networking", "--disable-sync",
                 "--window-size=1280,900", "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1"):  # fmt: skip
        options.add_argument(flag)
    driver = webdriver.Chrome(options=options, service=Service(driver_program))
    yield driver
    driver.quit()


class StandIn(tf.Module):
    """Outputs of TF-GAN's Inception: `pool_3` (B,1,1,F) and `logits` (B,K), of images in [-1,1]."""

    def __init__(self, side):
        super().__init__()
        self.projection = tf.Variable(tf.random.stateless_normal([3, 4], [1, 2]))
        self.head = tf.Variable(tf.random.stateless_normal([4, 6], [3, 4]))
        self.function = tf.function(self.outputs, input_signature=[tf.TensorSpec([None, side, side, 3])])

    def outputs(self, images):
        pooled = tf.reduce_mean(images, [1, 2], keepdims=True) @ self.projection
        return {"pool_3": pooled, "logits": pooled[:, 0, 0] @ self.head}


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """The folder of an empty cache of this test's own; Inception is nowhere."""
    monkeypatch.setenv("SAGAN_TF_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("TFHUB_CACHE_DIR", raising=False)
    return tmp_path / "cache"


@pytest.fixture
def save_stand_in():
    """Saves a stand-in for Inception as a SavedModel."""

    def save(directory, side=None):
        model = StandIn(side)
        tf.saved_model.save(model, str(directory), signatures=model.function.get_concrete_function())
        return model

    return save
