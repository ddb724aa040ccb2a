"""Published BigGAN-deep generators become runs: random weights in the published forms, and the port's vectors."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

import sagan_tf
from sagan_tf import import_weights
from sagan_tf.interop import published, tfhub_biggan_deep, weight_files
from sagan_tf.interop.tensor_files import WeightsError
from sagan_tf.layers.variable_names import named_variables
from sagan_tf.models import families
from sagan_tf.models.generator import Generator
from sagan_tf.runs.run_directory import RunError
from tests.closeness import NETWORK, assert_close
from tests.interop.published_forms import CONFIG, EMA, state_dict, variables, write_graph, write_module, write_port
from tests.interop.torch_form import write_sequential, write_zip

GOLDEN = Path(__file__).parents[1] / "parity" / "biggan_deep_hf32_ch16.npz"


def imported(generator, run, *flags):
    assert import_weights.main([f"--generator={generator}", f"--run_dir={run}", *flags]) == 0
    return sagan_tf.load(run)


@pytest.fixture(scope="module")
def golden():
    with np.load(GOLDEN) as file:
        return {name: file[name] for name in file.files}


@pytest.fixture(scope="module")
def port(golden, tmp_path_factory):
    """The folder of the golden generator as the port publishes it."""
    state = {name.removeprefix("state/"): array for name, array in golden.items() if name.startswith("state/")}
    config = {name.removeprefix("config/"): array.tolist() for name, array in golden.items() if "config/" in name}
    config |= {"output_dim": 32, "num_classes": config.pop("n_classes"), "class_embed_dim": config["z_dim"]}
    return write_port(tmp_path_factory.mktemp("port") / "biggan-deep-32", state, config)


@pytest.fixture(scope="module")
def model(port, tmp_path_factory):
    return imported(port, tmp_path_factory.mktemp("imported") / "run")


@pytest.mark.parametrize("truncation", ["0.4", "0.5", "1.0"])
def test_the_ports_files_give_its_images_at_each_truncation(model, golden, truncation):
    images = model.generate(golden["z"], golden["y"].tolist(), truncation=float(truncation))
    assert_close(images.transpose(0, 3, 1, 2), golden[f"out/truncation_{truncation}"], relative=NETWORK)


def test_between_two_sets_the_nearer_one_counts_more(model, golden):
    """The port's own code would take 3/4 of the set at 0.42 here."""
    means = golden["state/generator.bn.running_means"]
    found = model.published.at(0.405)["final_norm.statistics.moving_mean"]
    np.testing.assert_allclose(found, 0.75 * means[20] + 0.25 * means[21], rtol=1e-5, atol=1e-6)
    assert not np.allclose(found, 0.25 * means[20] + 0.75 * means[21], rtol=1e-5, atol=1e-6)


def test_the_import_is_of_a_generator_alone(model):
    assert model.truncation_mode == "scaled_truncated" and not model.has_discriminator
    assert model.run.facts()["imported"]["format"] == "huggingface_biggan"
    with pytest.raises(RunError, match="has no discriminator"):
        _ = model.discriminator


@pytest.fixture(scope="module")
def parts():
    return variables(np.random.default_rng(0))


@pytest.fixture(scope="module")
def module(parts, tmp_path_factory):
    return write_module(tmp_path_factory.mktemp("tfhub") / "biggan-deep-16", *parts)


def test_a_module_and_its_port_are_one_generator(module, parts, tmp_path):
    ours = imported(module, tmp_path / "module")
    theirs = imported(write_port(tmp_path / "port", state_dict(*parts)), tmp_path / "run")
    assert ours.spec == theirs.spec and ours.spec.resolution == 16 and ours.class_names == ("0", "1", "2", "3", "4")
    z, y = np.random.default_rng(1).normal(size=(2, 6)), [0, 4]
    for truncation in (0.4, 0.987):
        a, b = (one.generate(z, y, truncation=truncation) for one in (ours, theirs))
        assert a.std() > 0.05
        assert_close(a, b, relative=NETWORK)
    for name, sets in theirs.published.values.items():
        np.testing.assert_array_equal(ours.published.values[name], sets)
    shared = named_variables(ours.generator)["shared.kernel"].numpy()
    np.testing.assert_array_equal(shared, parts[0][f"linear/w{EMA}"])


def test_a_module_without_its_graph_has_standing_statistics(parts, tmp_path, capsys):
    found = imported(write_module(tmp_path / "module", *parts, graph=False), tmp_path / "run")
    assert "No statistics came with" in capsys.readouterr().err
    assert found.published is None and found.spec.inference_statistics == "batch"
    assert found.statistics(found.as_truncation(0.5)) == "standing"


@pytest.mark.parametrize(("side", "blocks"), [(128, 10), (256, 12), (512, 14)])
def test_every_published_size_is_told_by_the_shapes(side, blocks):
    """The ladders are those of the port's converter."""
    ladder = {128: (16, 16, 16, 16, 8, 8, 4, 4, 2, 2, 1), 256: (16, 16, 16, 16, 8, 8, 8, 8, 4, 4, 2, 2, 1),
              512: (16, 16, 16, 16, 8, 8, 8, 8, 4, 4, 2, 2, 1, 1, 1)}[side]  # fmt: skip
    shapes = {f"linear/w{EMA}": (1000, 128), f"Generator/GenZ/G_linear/w{EMA}": (256, 32768)}
    shapes[f"Generator/conv_to_rgb/w{EMA}"] = (3, 3, 128, 128)
    shapes[f"Generator/attention/theta/w{EMA}"] = (1, 1, 256 if side == 128 else 512, 32 if side == 128 else 64)
    for i in range(blocks):
        scope = f"Generator/GBlock_{i}" if i else "Generator/GBlock"
        shapes[f"{scope}/conv0/w{EMA}"] = (1, 1, 128 * ladder[i], 32 * ladder[i])
        shapes[f"{scope}/conv3/w{EMA}"] = (1, 1, 32 * ladder[i], 128 * ladder[i + 1])
    found, known = tfhub_biggan_deep._spec(shapes, Path("module")), families.biggan_deep(side)
    for name in ("resolution", "generator_ladder", "generator_upsamples", "generator_attends", "width", "z_dim",
                 "shared_dim", "condition_order", "wide_rgb", "norm_epsilon", "final_norm_epsilon",
                 "spectral_norm_epsilon", "block", "conditioning", "condition_includes_z"):  # fmt: skip
        assert getattr(found, name) == getattr(known, name), name
    assert found.n_classes == 1000


def test_a_generator_of_1000_classes_goes_by_imagenets_names(tmp_path):
    config = CONFIG | {"num_classes": 1000}
    found = variables(np.random.default_rng(2), config)
    model = imported(write_port(tmp_path / "port", state_dict(*found, config), config, write_zip), tmp_path / "run")
    image = model.images("golden retriever", seeds=[5], truncation=0.4)
    assert image.shape == (1, 16, 16, 3)
    np.testing.assert_array_equal(image, model.images([207], seeds=[5], truncation=0.4))
    assert model.titles[1] == "goldfish" and model.labels(["n02099601", "cardigan"]).tolist() == [207, 474]
    with pytest.raises(RunError, match="Did you mean flat-coated retriever, curly-coated"):
        model.images("retriever")


def test_classes_go_by_the_names_of_a_file(port, tmp_path):
    (tmp_path / "names.txt").write_text("n02099601\ncat\ndog\nn00000001 red fish, blue fish\na\nb\nc\n")
    found = imported(port, tmp_path / "run", f"--class_names={tmp_path / 'names.txt'}")
    assert found.labels(["golden retriever", "dog", "blue fish"]).tolist() == [0, 2, 3]


def broken(port, folder, change):
    """A copy of the port's folder after `change(state, config)`."""
    state = weight_files.read(port / "pytorch_model.bin")
    config = json.loads((port / "config.json").read_text())
    change(state, config)
    return write_port(folder, state, config)


NORM = "generator.layers.1.bn_2.running_vars"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda s, c: c.update(num_classes=9), r"embeddings\.weight: has shape \(12, 7\), \(12, 9\) is needed"),
        (lambda s, c: c.update(channel_width=8), "has shape"),
        (lambda s, c: c.update(output_dim=64), "output_dim=64 with layers for 32 pixels"),
        (lambda s, c: c.update(class_embed_dim=7), "class_embed_dim=7 with z_dim=12"),
        (lambda s, c: c.pop("layers"), "received no 'layers'"),
        (lambda s, c: c.update(n_stats=40), r"n_stats=40; received 51 in generator\.bn\.running_means"),
        (lambda s, c: c.update(n_stats="many"), "n_stats='many'"),
        (lambda s, c: s.update({NORM: s[NORM][:50]}), r"has shape \(50, 64\), \(51, 64\) is needed"),
        (lambda s, c: s.update({NORM: s[NORM][:, :9]}), r"has shape \(51, 9\), \(51, 64\) is needed"),
        (lambda s, c: s.update({NORM: -s[NORM]}), r"variances must not be negative; .* blocks\.1\.norm_3"),
        (lambda s, c: s.pop(NORM), f"{NORM}: missing"),
        (lambda s, c: s.update(extra=np.zeros(2, np.float32)), "extra: extra"),
    ],
)
def test_what_does_not_fit_is_told_and_nothing_is_written(port, tmp_path, capsys, change, said):
    folder = broken(port, tmp_path / "port", change)
    assert import_weights.main([f"--generator={folder}", f"--run_dir={tmp_path / 'run'}"]) == 2
    assert re.search(said, capsys.readouterr().err) and not (tmp_path / "run").exists()


def other_operation(graph_def):
    node = next(node for node in graph_def.node if node.name == "stack_6")
    node.input[0] = "Generator/other"


def test_statistics_of_a_graph_must_be_constants_that_fit(parts, tmp_path):
    _, statistics = parts
    folder = write_module(tmp_path / "module", *parts, graph=False)
    short = [*statistics[:-1], (statistics[-1][0][:, :3], statistics[-1][1])]
    fewer = [(a[:50], b[:50]) for a, b in statistics[:3]] + statistics[3:]
    for wrong, change, said in (
        (statistics, other_operation, "made of constants; received an operation VarHandleOp in Generator/other"),
        (statistics[:-1], lambda graph: None, "each of the network's 17 norms; received none named stack_81"),
        (short, lambda graph: None, r"has shape \(51, 3\), \(51, 8\) is needed"),
        (fewer, lambda graph: None, r"has shape \(50, 32\), \(51, 32\) is needed"),
    ):
        write_graph(folder, wrong, change)
        module = published.opened(folder, None)
        with pytest.raises(WeightsError, match=said):
            module.sets(module.spec, {name: tuple(v.shape) for name, v in generator_variables(module.spec).items()})
    (folder / "saved_model.pb").write_bytes(b"\xff\xff\xff")
    with pytest.raises(WeightsError, match="must be a whole SavedModel"):
        module.sets(module.spec, {})


def generator_variables(spec):
    return named_variables(Generator(spec, seed=None))


def test_files_tell_their_format(port, module, tmp_path):
    assert published.form_of(port) == published.form_of(port / "pytorch_model.bin") == "huggingface_biggan"
    assert published.form_of(module) == "tfhub_biggan_deep"
    alone = tmp_path / "G.pth"
    write_sequential(alone, {"a": np.zeros(2, np.float32)})
    assert published.form_of(alone) == "biggan_pytorch"
    for name in ("biggan-deep-128-pytorch_model.bin", "biggan-deep-128-config.json"):
        (tmp_path / name).write_bytes((port / name.removeprefix("biggan-deep-128-")).read_bytes())
    assert published.opened(tmp_path / "biggan-deep-128-pytorch_model.bin", None).spec.resolution == 32
