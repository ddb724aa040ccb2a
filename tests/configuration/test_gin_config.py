"""The one door: what is refused, with which words; what is saved; what counts as drift."""

import dataclasses
import json
import re

import pytest

from sagan_tf import experiment
from sagan_tf.configuration import gin_config
from sagan_tf.configuration.former_names import current_lines

QUICKSTART = ["gin/quickstart.gin"]


@pytest.mark.parametrize(
    ("bindings", "message"),
    [
        (["TwoTimescaleAdam.g_lerning_rate=1.0"], r"Did you mean TwoTimescaleAdam\.g_learning_rate\?"),
        (["TwoTimescaleAdm.g_learning_rate=1.0"], r"Did you mean TwoTimescaleAdam\.g_learning_rate\?"),
        (
            ["trian.batch_size=3"],
            r"no configurable 'trian'; received .*=3\. Did you mean train\.batch_size\?",
        ),
        (["train.average=@MovingAvrage()"], r"Did you mean @MovingAverage\(\)\?"),
        (
            ["train.resolution=64"],
            r"^train has no .* 'resolution'.*Did you mean families\.sagan\.resolution\? Param",
        ),
        (["train.learning_rate=1"], r"mean TwoTimescaleAdam\.g_learning_rate or TwoTimescaleAdam\.d_learning_rate\?"),
        (["train.precision='bfloat16'"], r"Did you mean Numerics\.precision\?"),
        (["optimizer.beta1=0.5"], r"Did you mean TwoTimescaleAdam\.beta_1\?"),
        (["resolution=64"], r"nothing uses the macro resolution\. Did you mean families\.sagan\.resolution\?"),
        (["families.biggan.width=3"], r"is not part of this configuration\. Did you mean families\.sagan\.width\?"),
        (["nosuch/train.batch_size=3"], "nothing uses the scope 'nosuch'"),
        (["TfdsSource.name='cifar10'"], "TfdsSource is not part of this configuration.*refer to it as @TfdsSource"),
        (
            ["Numerics.precision=bfloat16"],
            r"Put quotes around it: Numerics\.precision='bfloat16' \(in a shell: --gin",
        ),
        (["Objective.loss=hing"], "loss must be one of 'hinge', .* received Objective.loss=hing. Did you mean 'hinge'"),
        (["Transform.flip=true"], r"received Transform\.flip=true\. Write: Transform\.flip=True$"),
        (["train.average=null"], r"Write: train\.average=None$"),
        (["train.data=ImageFolder()"], r"Write: train\.data=@ImageFolder\(\)$"),
        (["train.data=/home/x"], r"train\.data must be a Source; received train\.data=/home/x\. Bind it to @Proced"),
        (["train.batch_size=three"], r"^train\.batch_size must be an integer; received train\.batch_size=three\."),
        (["train.batch_size="], r"^train\.batch_size must be given a value"),
        (["train.batch_size"], r"made of NAME=VALUE; received train\.batch_size\."),
        (["families.sagan.attention=(8"], "attention must be a Python literal or a reference.*Check its brackets"),
        (
            ["train.average=@MovingAverage"],
            r"^train\.average must be a MovingAverage or None;.* Call it: .*\(\)\.$",
        ),
        (
            ["train.augmentation=@DiffAugment()", "DiffAugment.transformations='cutout'"],
            r"must be a tuple of strings; received .*='cutout'\. Write DiffAugment\.transformations=\('cutout',\)\.$",
        ),
        (["train.augmentation='ada'"], r"Bind it to @DiffAugment\(\) or @AdaptiveAugmentation\(\)\.$"),
        (["train.evaluation=@EvaluationOptions"], r"Call it: train\.evaluation=@EvaluationOptions\(\)\.$"),
        (["train.spec=@families.sagan"], r"train\.spec must be a GANSpec.*Call it: train\.spec=@families\.sagan\(\)"),
        (["train.optimizer=@MovingAverage()"], r"must be a TwoTimescaleAdam;.*Bind it to @TwoTimescaleAdam\(\)\."),
        (["train.data=@families.sagan()"], r"train\.data must be a Source; received train\.data=@families\.sagan\(\)"),
        (
            ["train.batch_size='3'"],
            r"must be an integer; received .*='3'\. Remove the quotes: .*=3\.$",
        ),
        (["train.batch_size=True"], "train.batch_size must be an integer; received train.batch_size=True"),
        (["train.batch_size=0"], "train.batch_size must be an integer of at least 1; received train.batch_size=0"),
        (["SIZE='3'", "train.batch_size=%SIZE"], "train.batch_size must be an integer; received train.batch_size='3'"),
        (
            ["MonitorOptions.every=1.5"],
            r"^MonitorOptions\.every must be an integer; received MonitorOptions\.every=1\.5\.$",
        ),
        (["families.sagan.attention=[8]"], r"a tuple of integers; received .*=\[8\]\. Write .*attention=\(8,\)\.$"),
        (["train.batch_size=%SIZE"], "received %SIZE without one"),
        (["train.spec=3"], "train.spec must be a GANSpec.*@families.sagan"),
        (["families.sagan.resolution=48"], "^families.sagan: resolution must be one of 32, 64"),
        (
            ["TwoTimescaleAdam.g_learning_rate='1e-4'"],
            "rate must be a finite number; .*Remove the quotes: .*=0.0001",
        ),
        (["TwoTimescaleAdam.g_learning_rate=0"], "g_learning_rate must be a number above 0"),
        (["train.latent='gauss'"], "latent must be one of normal"),
    ],
)
def test_what_is_wrong_is_said_in_one_sentence_with_what_would_be_right(bindings, message):
    with pytest.raises(gin_config.ConfigError, match=message) as error:
        experiment.load(QUICKSTART, bindings)
    assert "\n" not in str(error.value) and " at 0x" not in str(error.value) and "ast." not in str(error.value)


def test_a_misspelled_parameter_in_a_file_is_named_with_file_and_line(tmp_path):
    file = tmp_path / "mine.gin"
    file.write_text("include 'gin/quickstart.gin'\n\ntrain.batchsize = 3\n")
    with pytest.raises(gin_config.ConfigError, match=r"mine\.gin, line 3.*Did you mean train\.batch_size\?"):
        experiment.load([str(file)], [])
    file.write_text("include 'gin/quickstart.gin'\n\nNumerics.precision = bfloat16\n")
    with pytest.raises(
        gin_config.ConfigError, match=r"mine\.gin, line 3: Num.*around it: Numerics\.precision='bfloat16'$"
    ):
        experiment.load([str(file)], [])
    file.write_text("include 'gin/quickstrat.gin'\n")
    with pytest.raises(
        gin_config.ConfigError, match=r"include must name a file that exists; received gin/quickstrat\.gin"
    ):
        experiment.load([str(file)], [])
    file.write_bytes(b"train.seed = 1  # \xff\n")
    with pytest.raises(gin_config.ConfigError, match=r"a gin file must be text in UTF-8; received .*mine\.gin"):
        experiment.load([str(file)], [])


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ("gin/quickstrat.gin", "gin/quickstart.gin"),
        ("quickstart.gin", "gin/quickstart.gin"),
        ("sagan_128", "gin/sagan_128.gin"),
        ("gin/biggan128.gin", "gin/biggan_128.gin"),
    ],
)
def test_a_missing_file_offers_the_three_nearest(given, meant):
    with pytest.raises(gin_config.ConfigError, match=rf"Did you mean {re.escape(meant)}\? The next") as error:
        experiment.load([given], [])
    assert str(error.value).count(".gin") == 3 + given.endswith(".gin")


def test_no_file_at_all_is_refused():
    with pytest.raises(gin_config.ConfigError, match="received no --gin_file"):
        experiment.load([], [])


def test_files_are_found_from_any_working_directory_without_a_word(tmp_path, monkeypatch, caplog):
    checkout, shipped = gin_config.SEARCH_PATHS
    assert (checkout / QUICKSTART[0]).is_file() and shipped == checkout / "sagan_tf" / "shipped"
    monkeypatch.chdir(tmp_path)
    assert experiment.load(QUICKSTART, []).value.spec.resolution == 32
    assert not caplog.records


def test_files_are_searched_in_the_working_directory_of_the_moment(tmp_path, monkeypatch):
    (tmp_path / "own.gin").write_text("include 'gin/quickstart.gin'\ntrain.batch_size = 4\n")
    with pytest.raises(gin_config.ConfigError, match=r"own\.gin"):
        experiment.load(["own.gin"], [])
    monkeypatch.chdir(tmp_path)
    assert experiment.load(["own.gin"], []).value.batch_size == 4
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert experiment.load(QUICKSTART, []).value.spec.resolution == 32


@pytest.mark.parametrize("folder", ["/data/Watching birds", "/data/Procedure", "/a/train.watching"])
def test_a_folder_that_is_called_like_a_former_setting_keeps_its_name(folder):
    lines = [f"ImageFolder.path = {folder!r}", "Watching.every = 2  # of Watching", "train.watching = @Watching()"]
    assert current_lines(lines) == [
        lines[0],
        "MonitorOptions.every = 2  # of Watching",
        "train.monitoring = @MonitorOptions()",
    ]


def test_later_bindings_win_and_defaults_can_be_bound_without_being_named():
    loaded = experiment.load(QUICKSTART, ["train.batch_size=8", "train.batch_size=4", "Objective.loss='wasserstein'"])
    assert loaded.value.batch_size == 4 and loaded.value.objective.loss == "wasserstein"


def test_the_data_flag_replaces_the_files_data_set(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    loaded = experiment.load(QUICKSTART, [], data=str(tmp_path))
    assert type(loaded.value.data).__name__ == "ImageFolder" and str(tmp_path) in loaded.text
    assert "ProceduralSource" not in loaded.text
    later = experiment.load(["gin/sagan_128.gin", "gin/data/procedural.gin"], [])
    assert type(later.value.data).__name__ == "ProceduralSource" and "TfdsSource" not in later.text


def test_the_saved_text_gives_the_same_experiment(tmp_path):
    loaded = experiment.load(QUICKSTART, ["train.seed=7", "families.sagan.attention=(8,)"])
    gin_config.save(tmp_path, loaded)
    again = experiment.load([str(tmp_path / "config.gin")], [])
    assert again.value == loaded.value and again.value.spec.attention_d == (8,)
    values = json.loads((tmp_path / "config.json").read_text())
    assert values["seed"] == 7 and values["optimizer.beta_1"] == 0.0 and values["spec"] == "GANSpec"


def test_drift_is_told_line_by_line_and_housekeeping_is_free(tmp_path):
    loaded = experiment.load(QUICKSTART, [])
    gin_config.save(tmp_path, loaded)
    optimizer = dataclasses.replace(loaded.value.optimizer, beta_1=0.5)
    changed = dataclasses.replace(loaded.value, batch_size=1, checkpoint_every=3, optimizer=optimizer)
    lines = gin_config.difference(tmp_path, changed, experiment.free_on_resume(changed))
    assert lines == [
        "optimizer.beta_1: 0.0 in the run, 0.5 now",
        f"batch_size: {loaded.value.batch_size} in the run, 1 now",
    ]
    assert not gin_config.difference(tmp_path, loaded.value, ())
    other = dataclasses.replace(loaded.value, evaluation=None)
    assert not gin_config.difference(tmp_path, other, experiment.free_on_resume(other))
    longer = dataclasses.replace(loaded.value, total_steps=9)
    assert not gin_config.difference(tmp_path, longer, experiment.free_on_resume(longer))
    annealed = dataclasses.replace(longer, latent="annealed_normal")
    assert len(gin_config.difference(tmp_path, annealed, experiment.free_on_resume(annealed))) == 2


def test_a_run_that_bound_a_retired_setting_still_loads_and_resumes_but_a_new_binding_is_refused(tmp_path):
    loaded = experiment.load(QUICKSTART, ["train.seed=7"])
    gin_config.save(tmp_path, loaded)
    file, values = tmp_path / "config.gin", json.loads((tmp_path / "config.json").read_text())
    file.write_text(file.read_text() + "\nNumerics.recompute = 'blocks'\n")
    (tmp_path / "config.json").write_text(json.dumps(values | {"numerics.recompute": "blocks"}))
    assert experiment.load_saved(tmp_path).value == loaded.value
    assert not gin_config.difference(tmp_path, loaded.value, experiment.free_on_resume(loaded.value))
    with pytest.raises(gin_config.ConfigError, match=r"no parameter 'recompute'.*of Numerics: precision, resampling"):
        experiment.load(QUICKSTART, ["Numerics.recompute='blocks'"])


def test_a_run_from_before_a_field_existed_had_its_default(tmp_path):
    loaded = experiment.load(QUICKSTART, [])
    gin_config.save(tmp_path, loaded)
    values = json.loads((tmp_path / "config.json").read_text())
    for newer in ("accumulation", "numerics.attention", "monitoring", "monitoring.every"):
        del values[newer]
    (tmp_path / "config.json").write_text(json.dumps(values))
    assert not gin_config.difference(tmp_path, loaded.value, ())
    changed = dataclasses.replace(loaded.value, accumulation=2)
    assert gin_config.difference(tmp_path, changed, ()) == ["accumulation: 1 in the run, 2 now"]


def test_a_part_that_the_run_lacked_had_no_values(tmp_path):
    bindings = ["train.augmentation=@AdaptiveAugmentation()", "AdaptiveAugmentation.target=0.7"]
    with_part = experiment.load(QUICKSTART, bindings).value
    without = experiment.load(QUICKSTART, ["train.average=None"])
    gin_config.save(tmp_path, without)
    lines = gin_config.difference(tmp_path, with_part, ())
    assert lines == [
        "augmentation: None in the run, 'AdaptiveAugmentation' now",
        "augmentation.target: absent in the run, 0.7 now",
        "average: None in the run, 'MovingAverage' now",
        "average.decay: absent in the run, 0.995 now",
        "average.start: absent in the run, 200 now",
    ]
    gin_config.save(tmp_path, experiment.load(QUICKSTART, bindings))
    gone = gin_config.difference(tmp_path, without.value, ())
    assert (
        "augmentation.target: 0.7 in the run, absent now" in gone
        and "average.start: 200 in the run, absent now" in gone
    )
