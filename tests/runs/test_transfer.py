"""Runs that start from another run's networks: what is taken, what is recorded, and how they go on."""

import dataclasses
import json
import shutil

import numpy as np
import pytest
import tensorflow as tf

import sagan_tf
from sagan_tf.data.procedural.procedural import ProceduralSource
from sagan_tf.experiment import Experiment
from sagan_tf.models import families
from sagan_tf.monitoring.collapse import MonitorOptions
from sagan_tf.runs.build import build_state
from sagan_tf.runs.origin import Origin, find_origin, located
from sagan_tf.runs.run_directory import RunDirectory, RunError
from sagan_tf.runs.transfer import take, transfer, warmed_up
from sagan_tf.training.ema import MovingAverage
from sagan_tf.training.optimizers import TwoTimescaleAdam
from sagan_tf.training.state_check import StateCheck
from sagan_tf.training.workers import Workers

OLD = ("ant", "bee", "cat", "dog")
NAMES = ("cat", "emu")
QUIET = {"sample_every": 0, "log_every": 0, "monitoring": MonitorOptions(every=0)}
TABLE, PROJECTION = "generator.blocks.1.norm_2.gain.kernel", "discriminator.head.embedding.layer.kernel"


def described(**options):
    spec = families.sagan(32, width=4, discriminator_width=8, z_dim=8, attention=(8,), **options.pop("spec", {}))
    options = {"average": MovingAverage(decay=0.5, start=0), "batch_size": 4, "total_steps": 4, **QUIET, **options}
    return Experiment(spec=spec, data=ProceduralSource(n_examples=64), **options)


def built(n_classes, strategy=None, **options):
    return build_state(described(**options), n_classes, strategy or tf.distribute.get_strategy())


@pytest.fixture(scope="module")
def origin():
    """Networks of four classes with values that are all their own, the average apart from the raw weights."""
    rng = np.random.default_rng(0)
    gan = built(4)
    values = {name: rng.normal(size=v.shape).astype(np.float32) for name, v in gan.variables().items()
              if name.partition(".")[0] in ("generator", "discriminator", "average")}  # fmt: skip
    return Origin(path="/old", step=7, spec=gan.spec, class_names=OLD, values=values, weights="", class_map={})


def arrays(gan):
    return {name: variable.numpy() for name, variable in gan.variables().items()}


def test_from_four_classes_to_two_of_which_one_is_new(origin, capsys):
    gan, fresh = built(2, seed=3), arrays(built(2, seed=3))
    record = json.loads(transfer(gan, origin, NAMES))
    found = arrays(gan)
    for name in (TABLE, PROJECTION, TABLE.replace("generator", "average")):
        table = origin.values[name]
        np.testing.assert_array_equal(found[name], [table[2], table.mean(0)])
    u = "discriminator.head.embedding.u"
    np.testing.assert_array_equal(found[u], fresh[u])
    for name, array in found.items():
        if name.startswith(("g_optimizer", "d_optimizer")) or name == "step":
            np.testing.assert_array_equal(array, fresh[name])
        elif array.shape == origin.values[name].shape:
            np.testing.assert_array_equal(array, origin.values[name], err_msg=name)
    assert record["classes"] == {"cat": "cat", "emu": None} and record["average"] == "taken" and record["step"] == 7
    assert record["variables"][TABLE] == "by class" and record["variables"][u] == "new"
    assert set(record["variables"]) == {name for name in found if name.startswith(("generator.", "discriminator."))}
    said = capsys.readouterr().err
    assert (
        "From /old, step 7" in said
        and "Classes taken by name: cat; new, starting as the mean of the others': emu" in said
    )


def test_the_whole_summary_leaves_no_name_out(origin):
    lines = take(built(2, spec={"attention_g": (), "attention_d": ()}), origin, NAMES).summary(most=None)
    attention = [n for n in origin.values if ".long_range." in n and not n.startswith("average.")]
    assert len(attention) > 4 and all(name in lines[-1] for name in attention)
    assert lines[-1].startswith("Not taken: ") and " more" not in lines[-1]


def test_a_class_map_names_rows_and_classes_in_another_order_are_found(origin):
    gan = built(4)
    transfer(gan, dataclasses.replace(origin, class_map={"emu": "ant"}), ("emu", "dog", "cat", "bee"))
    np.testing.assert_array_equal(arrays(gan)[TABLE], origin.values[TABLE][[0, 3, 2, 1]])


def test_to_networks_without_classes_and_back(origin):
    gan = built(1, spec={"conditioning": "none"})
    record = json.loads(transfer(gan, origin, ("all",)))
    name = TABLE.removesuffix(".kernel")
    found = arrays(gan)
    for network in ("generator", "average"):
        mean = origin.values[TABLE.replace("generator", network)].mean(0)
        np.testing.assert_array_equal(found[name.replace("generator", network)], mean)
    kernel = "discriminator.head.dense.layer.kernel"
    np.testing.assert_array_equal(found[kernel], origin.values[kernel])
    assert record["not_taken"] == [PROJECTION, "discriminator.head.embedding.u"]
    plain = Origin(path="/p", step=1, spec=gan.spec, class_names=("all",), values=found, weights="", class_map={})
    again = built(2)
    transfer(again, plain, NAMES)
    np.testing.assert_array_equal(arrays(again)[TABLE], [found[name]] * 2)


def test_without_a_discriminator_or_average_there(origin):
    values = {name: array for name, array in origin.values.items() if name.startswith("generator.")}
    alone = dataclasses.replace(origin, values=values)
    gan, fresh = built(2), arrays(built(2))
    record = json.loads(transfer(gan, alone, NAMES))
    found = arrays(gan)
    np.testing.assert_array_equal(found[PROJECTION], fresh[PROJECTION])
    np.testing.assert_array_equal(found["average.dense.layer.kernel"], values["generator.dense.layer.kernel"])
    assert record["discriminator"] == "new" and record["average"] == "a copy of the generator"
    settings = described(optimizer=TwoTimescaleAdam(d_warmup=7))
    assert warmed_up(settings, fresh_discriminator=False) is settings
    optimizer = warmed_up(settings, fresh_discriminator=True).optimizer
    assert (optimizer.d_warmup, optimizer.g_warmup) == (7, 500)


def test_all_replicas_get_the_same(origin, mirrored):
    gan = built(2, strategy=mirrored)
    transfer(gan, origin, NAMES)
    StateCheck(gan.variables(), mirrored).check(0)
    one = built(2)
    transfer(one, origin, NAMES)
    expected = arrays(one)
    for name, variable in gan.variables().items():
        np.testing.assert_array_equal(variable.numpy(), expected[name], err_msg=name)


@pytest.mark.usefixtures("run_eagerly")
def test_training_beside_a_generator_without_a_discriminator_warms_the_rates_up(drawable_run, tmp_path, capsys):
    settings = dataclasses.replace(
        RunDirectory(drawable_run).experiment(), batch_size=4, evaluation=None, **{**QUIET, "log_every": 1}
    )
    rates = []
    path = tmp_path / "run"
    sagan_tf.fit(settings, path, steps=1, init_from=drawable_run, callbacks=[lambda _, logs: rates.append(logs)])
    assert rates[0]["d_learning_rate"] == pytest.approx(settings.optimizer.d_learning_rate / 100)
    assert rates[0]["g_learning_rate"] == pytest.approx(settings.optimizer.g_learning_rate / 500)
    assert "The discriminator starts from new weights" in capsys.readouterr().err
    groups = ("generator", "average")
    _, before = RunDirectory(drawable_run).checkpoints().load(groups)
    _, at_start = RunDirectory(path).checkpoints().load(groups, 0)
    assert set(before) == set(at_start)
    for name, array in before.items():
        np.testing.assert_array_equal(at_start[name], array)
    run = RunDirectory(path)
    assert run.facts()["init_from"]["discriminator"] == "new" and run.experiment() == settings


@pytest.fixture(scope="module")
def places(tmp_path_factory, tiny_run):
    """A run with a checkpoint kept apart, and one without any."""
    root = tmp_path_factory.mktemp("places")
    shutil.copytree(tiny_run, root / "run")
    RunDirectory(root / "run").checkpoints().keep_apart(4, "best", why="fid", score=1.0)
    shutil.copytree(tiny_run, root / "bare", ignore=shutil.ignore_patterns("checkpoints"))
    return root


@pytest.mark.parametrize(
    ("place", "step"),
    [("run", None), ("run/checkpoints", None), ("run/checkpoints/step-00000004", 4), ("run/checkpoints/best", 4),
     ("run/checkpoints/best/step-00000004", 4)],
)  # fmt: skip
def test_a_path_names_a_run_or_one_of_its_checkpoints(places, place, step):
    run, found = located(str(places / place))
    assert run.path == places / "run" and found == step


@pytest.mark.parametrize(
    "place", ["run/samples", "run/checkpoints/worst", "run/checkpoints/step-00000005", "run/run.json"]
)
def test_other_places_in_a_run_are_refused_with_its_checkpoints(places, place):
    with pytest.raises(RunError, match=r"which is neither. Checkpoints: best, step-00000004"):
        located(str(places / place))


def test_a_damaged_newest_checkpoint_is_passed_over_and_a_torn_only_one_is_refused(places, tmp_path):
    workers = Workers(tf.distribute.get_strategy())
    torn = tmp_path / "torn"
    shutil.copytree(places / "run", torn, ignore=shutil.ignore_patterns("best"))
    checkpoints = torn / "checkpoints"
    shutil.copytree(checkpoints / "step-00000004", checkpoints / "step-00000006")
    data = next((checkpoints / "step-00000006").glob("*.data-*"))
    data.write_bytes(data.read_bytes()[:-9])
    found = find_origin(RunDirectory(tmp_path / "new"), described(), torn, workers=workers)
    assert found.step == 4 and found.has_discriminator and len(found.class_names) == 10
    assert not any("optimizer" in name for name in found.values)
    shutil.rmtree(checkpoints / "step-00000004")
    with pytest.raises(RuntimeError, match="no usable checkpoint"):
        find_origin(RunDirectory(tmp_path / "new"), described(), torn, workers=workers)
    with pytest.raises(RunError, match="a run that has a checkpoint"):
        find_origin(RunDirectory(tmp_path / "new"), described(), places / "bare", workers=workers)


@pytest.mark.usefixtures("run_eagerly")
def test_a_run_that_was_started_from_another_goes_on_without_it(places, tmp_path):
    settings = described(freeze_discriminator=1, total_steps=3)
    run, source = RunDirectory(tmp_path / "run"), places / "run"
    workers = Workers(tf.distribute.get_strategy())
    sagan_tf.fit(settings, run.path, steps=1, init_from=source / "checkpoints" / "best")
    assert run.checkpoints().steps() == [0, 1]
    assert run.facts()["init_from"]["step"] == 4 and run.facts()["init_from"]["discriminator"] == "taken"
    record = json.loads((run.path / "init_from.json").read_text())
    assert record["path"].endswith("checkpoints/best") and set(record["variables"].values()) == {"taken"}
    groups = ("generator", "discriminator")
    _, before = RunDirectory(source).checkpoints().load(groups, 4)
    _, at_start = run.checkpoints().load(groups, 0)
    _, after = run.checkpoints().load(groups, 1)
    for name, array in before.items():
        np.testing.assert_array_equal(at_start[name], array)
        frozen = name.startswith(("discriminator.blocks.0.", "discriminator.long_range.0."))
        if frozen or not name.endswith("bias"):
            assert np.array_equal(after[name], array) == frozen, name
    # Interrupted before its first checkpoint: it starts from the same weights again.
    early = RunDirectory(tmp_path / "early")
    shutil.copytree(run.path, early.path, ignore=shutil.ignore_patterns("checkpoints"))
    again = find_origin(early, settings, None, workers=workers)
    assert again.step == 4 and again.weights == run.facts()["init_from"]["weights"]
    # With a checkpoint, the origin is not needed any more, and can't be another.
    shutil.move(source, tmp_path / "moved")
    try:
        for named in (None, source / "checkpoints" / "best"):
            assert find_origin(run, settings, named, workers=workers) is None
        with pytest.raises(
            RunError, match=r"must keep its weights; received --init_from=.*bare for the run in .* started"
        ):
            find_origin(run, settings, places / "bare", workers=workers)
        with pytest.raises(RunError, match=r"received the --class_map {'dots': 'eyes'}"):
            find_origin(run, settings, None, {"dots": "eyes"}, workers=workers)
        model = sagan_tf.fit(settings, run.path, steps=1)
        assert model.step == 2
    finally:
        shutil.move(tmp_path / "moved", source)
