"""What a run writes about itself, and the alarm on real networks: a scripted collapse, a resume, replicas."""

import contextlib
import io
import json
import shutil
from types import SimpleNamespace

import numpy as np
import pytest
import tensorflow as tf

from sagan_tf import experiment, train
from sagan_tf.evaluation.protocol import comparable_part
from sagan_tf.monitoring import collapse
from sagan_tf.monitoring.health_records import read_health_records
from sagan_tf.monitoring.writer import Writer
from sagan_tf.runs import build, resumption, training_actions
from sagan_tf.runs.layers_by_depth import kernels_of
from sagan_tf.runs.run_directory import RunDirectory
from sagan_tf.runs.trained import restore
from sagan_tf.training.checkpoints import CheckpointStore, Kept
from tests.closeness import LAYER, NETWORK, assert_close

BINDINGS = [
    "families.sagan.resolution=8",
    "families.sagan.width=8",
    "families.sagan.discriminator_width=8",
    "families.sagan.z_dim=8",
    "families.sagan.attention_g=(8,)",
    "families.sagan.attention_d=(4,)",
    "ProceduralSource.n_examples=64",
    "train.batch_size=4",
    "train.total_steps=4",
    "train.sample_every=0",
    "train.checkpoint_every=1",
    "train.keep_checkpoints=4",
    "train.log_every=1",
    "train.steps_per_call=1",
    "train.evaluation=None",
    "train.average=None",
    "MonitorOptions.every=1",
]
pytestmark = pytest.mark.usefixtures("smallest_ladder")
LOGS = {"d_loss": 2.0, "g_loss": 0.5}


def loaded(*bindings):
    return experiment.load(["gin/quickstart.gin"], [*BINDINGS, *bindings])


@pytest.fixture(scope="module")
def gan(smallest_ladder):
    return build.build_state(loaded().value, 10, tf.distribute.get_strategy())


def started(path, *bindings):
    """A run that has just begun, and its checkpoints."""
    description = loaded(*bindings)
    run = RunDirectory(path)
    resumption.prepare(run, description, description.value.data.open(description.value.spec.resolution))
    return description.value, run, run.checkpoints(keep=4)


def health_action_of(settings, gan, run, store, step=0):
    return training_actions.health_action(settings, gan, run, Writer(run.path, step=step), store).run


@pytest.fixture(scope="module")
def stopped(tmp_path_factory, smallest_ladder):
    """A run that is watched at every step and stops at its fourth: (its directory, exit code, what it said)."""
    path = tmp_path_factory.mktemp("runs") / "stopped"
    bindings = (f"--gin_bindings={b}" for b in [*BINDINGS, "MonitorOptions.collapse='stop'"])
    said = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stderr(said):
        patch.setattr(collapse, "signs", lambda record, before: ("one", "two") if record.step > 1 else ())
        code = train.main(["--gin_file=gin/quickstart.gin", *bindings, f"--run_dir={path}"])
    return path, code, said.getvalue()


def test_train_jsonl_has_losses_gammas_and_the_pace(stopped):
    lines = [json.loads(line) for line in (stopped[0] / "train.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [1, 2, 3, 4]
    gammas = {name for name in lines[0] if name.startswith("gamma/")}
    assert gammas == {"gamma/generator.attention_8", "gamma/discriminator.attention_4"}
    assert lines[-1]["gamma/discriminator.attention_4"] != 0, "it starts at zero and is trained"
    assert "images_per_second" not in lines[0]
    assert lines[1]["images_per_second"] == pytest.approx(4 / lines[1]["seconds_per_step"])
    assert {"d_loss", "d_loss_real", "d_loss_fake", "g_loss", "logits_real", "logits_fake"} <= set(lines[0])
    assert {"saturated_real", "saturated_fake", "d_gradient_norm", "g_learning_rate", "skipped"} <= set(lines[0])
    assert "bad_tensor" not in lines[0]
    assert not any(name.startswith("layer_gradient_norm/") for name in lines[0]), "health.jsonl has them"


def test_a_health_record_holds_the_singular_values_of_the_stored_kernels(stopped, gan):
    records = read_health_records(stopped[0])
    assert [record.step for record in records] == [1, 2, 3, 4]
    RunDirectory(stopped[0]).checkpoints().restore(gan.variables())
    for name, kernel in kernels_of(gan).items():
        expected = np.linalg.svd(kernel.numpy().reshape(-1, kernel.shape[-1]), compute_uv=False)[:3]
        assert_close(records[-1].spectra[name], expected, relative=NETWORK, name=name)
    layers = list(records[0].gradient_norms)
    assert layers[0] == "generator.dense" and layers[-1] == "discriminator.head.embedding"
    assert {*records[0].spectra} < {*layers} and all(norm > 0 for norm in records[-1].gradient_norms.values())
    assert "generator.blocks.0.norm_1.gain" in layers and "generator.long_range.0" in layers, "tables, and a gamma"
    names = list(records[0].spectra)
    assert names[0] == "generator.dense" and names[-1] == "discriminator.head.embedding"
    assert not any("norm" in name for name in names), "tables of gains and biases are no kernels"


def test_linear_maps_of_conditional_norms_and_the_shared_table_are_kernels():
    gan = build.build_state(
        loaded(
            "train.spec=@families.biggan()",
            "families.biggan.resolution=32",
            "families.biggan.width=4",
            "families.biggan.attention_g=(16,)",
            "families.biggan.attention_d=(16,)",
        ).value,
        10,
        tf.distribute.get_strategy(),
    )
    names = list(kernels_of(gan))
    assert names[:2] == ["generator.shared", "generator.dense"]
    assert {"generator.blocks.0.norm_1.gain", "generator.blocks.2.norm_2.bias"} <= set(names)


def test_stop_leaves_with_a_refusal_and_says_what_is_kept(stopped):
    path, code, said = stopped
    assert code == 2
    assert "collapsed by step 4: one; two. The checkpoint from before is kept in" in said
    assert RunDirectory(path).checkpoints().kept(training_actions.BEFORE_COLLAPSE).step == 1


def test_a_later_alarm_does_not_replace_the_checkpoint_from_before_by_one_of_the_collapse(gan, tmp_path):
    _, _, store = started(tmp_path / "run")
    of = lambda step, *signs: SimpleNamespace(step=step, signs=signs)  # noqa: E731
    store.save(gan.variables(), 3)
    training_actions.report(of(6), [of(3), of(4, "a", "b"), of(5, "a", "b")], store, stop=False)
    shutil.rmtree(store.path(3))
    for step in (8, 9):  # all that was kept since then
        store.save(gan.variables(), step)
    before = [of(3), of(7), *(of(step, "a", "b") for step in (8, 9))]
    training_actions.report(of(10), before, store, stop=False)
    assert store.kept(training_actions.BEFORE_COLLAPSE).step == 3
    assert store.apart(training_actions.BEFORE_COLLAPSE).steps() == [3]


def test_a_scripted_collapse_raises_the_alarm_across_a_resume_and_keeps_the_checkpoint_from_before(
    gan, tmp_path, capsys
):
    settings, run, store = started(tmp_path / "run")
    to_rgb = gan.generator.to_rgb.weights
    before, write = [w.numpy() for w in to_rgb], health_action_of(settings, gan, run, store)
    for step in range(1, 8):
        if step == 6:
            for weight in to_rgb:
                weight.assign(tf.zeros(weight.shape))
        store.save(gan.variables(), step)
        write(step, LOGS if step < 6 else {"d_loss": 0.0, "g_loss": 0.0})
    assert "collapsed" not in capsys.readouterr().err
    health_action_of(settings, gan, run, store, step=7)(8, {"d_loss": 0.0, "g_loss": 0.0})

    assert [seen.step for seen in read_health_records(run.path) if seen.collapsed] == [8]
    said = capsys.readouterr().err
    assert "the samples are equal" in said and "D's loss is zero" in said
    for step in (8, 9):
        store.save(gan.variables(), step)
    assert store.kept(training_actions.BEFORE_COLLAPSE).step == 5 and 5 not in store.steps()
    assert restore(run, gan.generator, "generator", step=5) == 5
    for weight, value in zip(to_rgb, before, strict=True):
        np.testing.assert_array_equal(weight.numpy(), value)


def test_off_judges_nothing(gan, tmp_path, monkeypatch):
    monkeypatch.setattr(collapse, "signs", lambda record, before: ("one", "two"))
    settings, run, store = started(tmp_path / "run", "MonitorOptions.collapse='off'")
    write = health_action_of(settings, gan, run, store)
    for step in range(1, 4):
        write(step, LOGS)
    assert [(seen.signs, seen.collapsed) for seen in read_health_records(run.path)] == [((), False)] * 3


def test_replicas_are_measured_without_collectives_and_alike(gan, tmp_path, mirrored):
    two = build.build_state(loaded().value, 10, mirrored)
    for name, variable in two.variables().items():
        variable.assign(gan.variables()[name].numpy())
    seen = []
    for name, state in (("one", gan), ("two", two)):
        settings, run, store = started(tmp_path / name)
        health_action_of(settings, state, run, store)(1, LOGS)
        seen += read_health_records(run.path)
    for name, values in seen[0].spectra.items():
        assert_close(values, seen[1].spectra[name], relative=LAYER, name=name)
    assert vars(seen[0].distances) == pytest.approx(vars(seen[1].distances), rel=1e-4)


@pytest.fixture
def store(tmp_path):
    made = CheckpointStore(tmp_path / "checkpoints", keep=9)
    for step in range(1, 5):
        made.save({"weights": tf.Variable(float(step))}, step)
    return made


PROTOCOL = {
    "extractor": "inception", "extractor_hash": "a", "resize": "none", "resolution": 32, "reference": "data",
    "reference_fingerprint": "d", "n_real": 100, "n_generated": 500, "seed": 0, "step": 1, "weights": "ema",
    "weights_hash": "w1", "statistics": "moving", "standing_passes": None, "truncation": None, "truncation_mode": None,
    "versions": {"tensorflow": "2.21"}, "images": "samples", "extractor_note": "",
}  # fmt: skip
OF_ANOTHER_CHECKPOINT = {"step": 2, "weights_hash": "w2", "versions": {"tensorflow": "2.22"}, "reference": "moved/data"}


@pytest.mark.parametrize(
    "changed",
    [
        {"n_generated": 5000},
        {"seed": 1},
        {"extractor": "dataset-classifier", "extractor_hash": "b"},
        {"statistics": "standing", "standing_passes": 100},
        {"truncation": 0.5, "truncation_mode": "resampled"},
        {"weights": "raw"},
        {"reference_fingerprint": "e"},
        {"an_option_of_a_later_version": 3},
    ],
    ids=str,
)
def test_a_score_by_another_protocol_is_not_compared_and_becomes_the_best(store, changed, capsys):
    by = comparable_part(PROTOCOL)
    assert training_actions.keep_best(store, 1, 4.0, "fid", by)
    assert not training_actions.keep_best(store, 2, 6.0, "fid", comparable_part(PROTOCOL | OF_ANOTHER_CHECKPOINT))
    assert "another protocol" not in capsys.readouterr().err
    new = comparable_part(PROTOCOL | OF_ANOTHER_CHECKPOINT | changed)
    assert not training_actions.keep_best(store, 2, float("nan"), "fid", new)
    assert training_actions.keep_best(store, 3, 9.0, "fid", new)
    said = capsys.readouterr().err
    assert f"by another protocol ({', '.join(sorted(changed))})" in said and "step 1 with fid 4" in said
    assert not training_actions.keep_best(store, 4, 9.5, "fid", new)
    assert store.kept("best") == Kept(step=3, why="fid", score=9.0, protocol=new)
    assert "another protocol" not in capsys.readouterr().err


def test_a_score_of_another_metric_is_not_compared(store, capsys):
    training_actions.keep_best(store, 1, 0.01, "kid", comparable_part(PROTOCOL))
    assert training_actions.keep_best(store, 2, 9.0, "fid", comparable_part(PROTOCOL))
    assert "by another protocol (metric)" in capsys.readouterr().err


def test_the_protocol_of_a_best_checkpoint_of_an_earlier_version_is_read_from_the_results(store, capsys):
    store.keep_apart(1, "best", why="fid", score=4.0)
    records = [{"fid": 4.0, "protocol": PROTOCOL}, {"fid": 5.0, "protocol": {**PROTOCOL, "seed": 7}}]
    same, other = (comparable_part(PROTOCOL | {"seed": seed}) for seed in (0, 7))
    assert not training_actions.keep_best(store, 2, 6.0, "fid", same, records)
    assert training_actions.keep_best(store, 2, 6.0, "fid", other, records)
    store.keep_apart(1, "best", why="fid", score=4.0)
    assert training_actions.keep_best(store, 3, 6.0, "fid", same)
    assert "that of the former score is not recorded" in capsys.readouterr().err
