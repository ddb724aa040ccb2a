"""Every picture of `python -m sagan_tf.visualize`, made of a tiny run."""

import copy
import json
import shutil
import types

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from sagan_tf import visualize
from sagan_tf.runs import figures, pictures
from sagan_tf.runs.nearest_images import nearest_images
from sagan_tf.runs.run_directory import RunDirectory, RunError
from sagan_tf.runs.trained import TrainedModel
from sagan_tf.sampling.seeds import image_seeds


@pytest.fixture(scope="module")
def model(tiny_run):
    return TrainedModel(tiny_run)


def made(tiny_run, what, out, *flags):
    assert visualize.main([what, f"--run_dir={tiny_run}", f"--out={out}", *flags]) == 0
    if out.suffix != ".png":
        return out
    with Image.open(out) as image:
        return image.copy()


def refused(capsys, run, what, *flags):
    assert visualize.main([what, f"--run_dir={run}", *flags]) == 2
    return capsys.readouterr().err


def test_attention_is_drawn_of_given_points(tiny_run, tmp_path):
    def drawn(points, *flags):
        path = tmp_path / "attention.png"
        return np.asarray(made(tiny_run, "attention", path, "--classes=eyes,3", f"--points={points}", *flags))

    here, there = drawn("3,4;20,21"), drawn("3,4;20,5")
    assert here.shape == there.shape and (here != there).any()
    of_d = drawn("3,4;20,21", "--layer=discriminator.attention_8", "--real")
    assert of_d.shape == here.shape and (of_d != here).any()


def test_attention_chooses_its_points_otherwise(model):
    layer = figures.choose_layer(figures.layers_of(model), None)
    assert layer.network is model.generator
    figure = figures.attention(model, np.asarray([0, 5]), layer, count=3)
    dots = [[tuple(line.get_xydata()[0]) for line in axis.lines] for axis in (figure.axes[0], figure.axes[4])]
    assert [len(set(row)) for row in dots] == [3, 3]
    assert "gamma" in figure.get_suptitle() and "step 4" in figure.get_suptitle()


def test_real_images_are_of_the_classes_and_no_image_comes_twice(model):
    images = figures.real_images(model, np.asarray([2, 2, 5]))
    assert images.shape == (3, 32, 32, 3) and np.abs(images[0] - images[1]).max() > 0
    with pytest.raises(RunError, match="too few"):
        figures.real_images(model, np.zeros(60, np.int32))


def test_the_layers_are_offered(tiny_run, capsys):
    said = refused(capsys, tiny_run, "attention", "--layer=generator.attention_9")
    assert "one of generator.attention_8, discriminator.attention_8" in said
    assert "--layer=generator.attention_9" in said and "Did you mean" in said


def test_a_run_without_attention_says_so():
    model = types.SimpleNamespace(
        generator=types.SimpleNamespace(long_range=[None, None]),
        run=types.SimpleNamespace(path="RUN"),
        spec=types.SimpleNamespace(discriminator_attends=(), long_range="attention"),
    )
    with pytest.raises(RunError, match="RUN has no self-attention"):
        figures.layers_of(model)


@pytest.mark.parametrize("flags, said", [
    (["--points=32,0"], "inside the image, 0 to 31; received the point 32,0"),
    (["--points=1"], "--points must be x,y;x,y"),
    (["--real"], "must be given to the discriminator"),
    (["--classes=eye"], "Did you mean eyes?"),
    (["--count=7"], "received 7"),
])  # fmt: skip
def test_attention_refuses_what_cannot_be(tiny_run, capsys, flags, said):
    assert said in refused(capsys, tiny_run, "attention", *flags)


def test_interpolation_begins_and_ends_with_the_images_of_its_seeds(model):
    labels = np.asarray([1, 4])
    seeds = image_seeds(3, 4)
    both = figures.interpolation(model, labels, seed=3, kind="both", steps=3).images
    starts, ends = model.images([1, 4], seeds=seeds[0::2]), model.images([4, 1], seeds=seeds[1::2])
    for row in range(2):
        assert np.abs(both[row, 0].astype(int) - starts[row]).max() <= 1
        assert np.abs(both[row, -1].astype(int) - ends[row]).max() <= 1
    same_z = figures.interpolation(model, labels, seed=3, kind="class", steps=3).images
    assert np.abs(same_z[0, -1].astype(int) - model.images([4], seeds=seeds[:1])[0]).max() <= 1
    same_class = figures.interpolation(model, labels, seed=3, kind="z", steps=3).images
    assert np.abs(same_class[1, -1].astype(int) - model.images([4], seeds=seeds[3:])[0]).max() <= 1


def test_interpolation_writes_a_sheet_and_an_animation(tiny_run, tmp_path):
    made(tiny_run, "interpolate", tmp_path / "a.png", "--classes=0,1", "--frames=4", f"--animation={tmp_path}/b.gif")
    with Image.open(tmp_path / "b.gif") as animation:
        assert animation.n_frames == 6


def test_an_animation_too_wide_for_its_format_is_refused_before_it_is_drawn(tiny_run, model, tmp_path, capsys):
    labels = np.asarray([1, 4])
    for kind in ("z", "both"):
        drawn = figures.interpolation(model, labels, kind=kind, steps=2).frame(0)
        assert figures.blank_interpolation(model, labels, kind=kind, path="spherical").frame(0).size == drawn.size
    said = refused(capsys, tiny_run, "interpolate", "--num=300", f"--out={tmp_path}/a.png")
    assert "of a .webp file must have at most 16,383 pixels per side" in said and "Show fewer rows" in said
    assert not list(tmp_path.iterdir())


def test_truncation_shows_the_same_seeds_at_each_threshold(tiny_run, tmp_path):
    model = TrainedModel(tiny_run, statistics="moving")
    table = figures.truncation(model, np.asarray([2, 3]), thresholds=[2.0, 0.04], seed=1)
    assert table.heads == [("2", 1), ("0.04", 1)]
    for column, threshold in enumerate((2.0, 0.04)):
        np.testing.assert_array_equal(table.images[:, column], model.images([2, 3], seed=1, truncation=threshold))
    made(tiny_run, "truncation", tmp_path / "t.png", "--classes=2", "--thresholds=1", "--statistics=moving")
    assert visualize.main(["truncation", f"--run_dir={tiny_run}", "--thresholds=0", "--statistics=moving"]) == 2


class Halves(tf.Module):
    """Features: the mean color of the left half and of the right."""

    @tf.function(input_signature=[tf.TensorSpec([None, None, None, 3])])
    def outputs(self, images):
        left, right = tf.split(images, 2, axis=2)
        return {"features": tf.concat([tf.reduce_mean(half, [1, 2]) for half in (left, right)], -1)}


def test_neighbors_are_the_nearest_training_images(tiny_run, model, tmp_path):
    halves = Halves()
    tf.saved_model.save(halves, str(tmp_path / "halves"), signatures=halves.outputs.get_concrete_function())
    table = nearest_images(model, np.asarray([0, 6]), seed=2, count=3, extractor=str(tmp_path / "halves"))
    real = np.concatenate(
        [batch for batch, _ in figures.split_images(model.run, figures.EvaluationOptions(), "train").batches(0)]
    )
    assert len(real) == 64
    samples = model.images([0, 6], seed=2) / 127.5 - 1
    for first, of in ((1, lambda x: x.reshape(len(x), -1)), (4, lambda x: halves.outputs(x)["features"].numpy())):
        distances = np.linalg.norm(of(np.float32(samples))[:, None] - of(real)[None], axis=-1)
        best = real[np.argsort(distances, axis=1)[:, :3]]
        assert np.abs(table.images[:, first : first + 3] - (best + 1) * 127.5).max() < 1
    made(tiny_run, "neighbors", tmp_path / "n.png", "--classes=0", f"--extractor={tmp_path}/halves")


def test_a_sheet_a_class(tiny_run, tmp_path, capsys):
    made(tiny_run, "classes", tmp_path / "sheets", "--classes=eyes,dots", "--count=5")
    assert sorted(p.name for p in (tmp_path / "sheets").iterdir()) == ["0002_dots.png", "0005_eyes.png"]
    assert "No intra-FID" in capsys.readouterr().err


def test_easy_and_difficult_classes_are_told_apart_by_intra_fid(model, tmp_path):
    of_another = copy.copy(model)
    of_another.run = RunDirectory(tmp_path)
    protocol = {"extractor": "stand-in", "step": 4}
    distances = [5.0, 1.0, 9.0, 3.0, 7.0, 2.0, 8.0, 4.0, 6.0, 0.5]
    line = json.dumps({"intra_fid_by_class": distances, "protocol": protocol})
    (tmp_path / "metrics.jsonl").write_text(line + "\n")
    table = figures.easy_and_difficult(of_another, each=2, columns=3)
    assert table.rows == ["arrows 0.5", "checks 1.0", "wings 8.0", "dots 9.0"]
    assert table.images.shape[:2] == (4, 3) and "stand-in" in table.title
    of_data = {"intra_fid_by_class": distances[::-1], "protocol": {"extractor": "stand-in", "step": None}}
    (tmp_path / "metrics.jsonl").write_text(f"{line}\n{json.dumps(of_data)}\n")
    assert figures.easy_and_difficult(of_another, each=2, columns=3).rows == table.rows, "of samples, not of a split"


@pytest.mark.parametrize("distances", [[2.0], [None, 3.0, None], [None]])
def test_without_two_finite_distances_no_class_is_easy_or_difficult(tmp_path, distances):
    record = {"intra_fid_by_class": distances, "protocol": {"extractor": "stand-in", "step": 4}}
    (tmp_path / "metrics.jsonl").write_text(json.dumps(record) + "\n")
    assert figures.easy_and_difficult(types.SimpleNamespace(run=RunDirectory(tmp_path))) is None


def test_spectra_are_drawn_from_what_the_run_wrote(tiny_run, tmp_path, capsys):
    assert made(tiny_run, "spectra", tmp_path / "s.png").width > 1000
    without = tmp_path / "run"
    shutil.copytree(tiny_run, without)
    (without / "health.jsonl").unlink()
    assert "health.jsonl is missing" in refused(capsys, without, "spectra")


def test_the_report_holds_the_whole_run(tiny_run, tmp_path):
    run = tmp_path / "run <1>"
    shutil.copytree(tiny_run, run)
    protocol = {
        "extractor": "stand-in",
        "step": 4,
        "n_generated": 5000,
        "reference": "train images",
        "seed": 11,
        "weights": "ema",
        "statistics": "standing",
        "truncation": 0.5,
    }
    (run / "metrics.jsonl").write_text(
        json.dumps({"fid": 12.345, "is": 6.5, "protocol": protocol})
        + "\n"
        + json.dumps({"train_called_real": 0.75, "protocol": protocol})
        + "\n"
    )
    text = made(run, "report", tmp_path / "report.html").read_text()
    assert "Run run &lt;1&gt;" in text and "http" not in text.replace("http-equiv", "")
    for heading in (
        "Samples over time",
        "Attention",
        "Metrics",
        "Curves",
        "Singular values",
        "Architecture",
        "Configuration",
        "Commands",
    ):
        assert f"<h2>{heading}</h2>" in text
    for said in (
        "step 2",
        "step 4",
        "12.345",
        "6.5",
        "0.75",
        "stand-in",
        "averaged weights, standing statistics, truncation 0.5",
        "&quot;seed&quot;: 11",
        "sagan.z_dim",
        "projection head",
        "Losses",
        "G attention 8",
        "<code><span>python</span>",
    ):
        assert said in text, said
    assert text.count('alt="step ') == 2 and text.count("<svg") == 9
    assert text.count("src=") == text.count('src="data:image/webp;base64,')


def test_pictures_say_how_many_classes_they_show(model, tiny_run, capsys):
    assert figures.shown_classes(model, np.asarray([2, 3, 2])) == "2 of 10 classes"
    assert figures.shown_classes(model, np.arange(10)) == "all 10 classes"
    drawn = figures.truncation(
        TrainedModel(tiny_run, statistics="moving"), np.asarray([2, 3]), thresholds=[1.0], mode="resampled"
    )
    assert drawn.title.endswith("2 of 10 classes")

    def labels(**flags):
        return pictures._labels(types.SimpleNamespace(**{"classes": None, "num": None} | flags), model).tolist()

    assert labels() == list(range(8))
    assert "Showing 8 of 10 classes: stripes, checks" in capsys.readouterr().err
    assert labels(classes="0,1,2,3,4,5,6,7,8,9") == list(range(10)) and labels(num=3) == [0, 1, 2]
    assert labels(classes="eyes", num=2) == [5, 5] and not capsys.readouterr().err


def test_pictures_lie_in_the_run_by_default(tiny_run, tmp_path, capsys):
    run = tmp_path / "run"
    shutil.copytree(tiny_run, run)
    assert visualize.main(["spectra", f"--run_dir={run}"]) == 0
    assert capsys.readouterr().out.strip() == str(run / "pictures" / "spectra.png")


def test_a_count_must_be_positive(tiny_run, capsys):
    with pytest.raises(SystemExit):
        visualize.main(["attention", f"--run_dir={tiny_run}", "--num=0"])
    assert "must be at least 1; received 0" in capsys.readouterr().err


def test_no_run_and_no_checkpoint_are_said(tiny_run, tmp_path, capsys):
    assert "must be a run's directory" in refused(capsys, tmp_path, "report")
    run = tmp_path / "run"
    shutil.copytree(tiny_run, run, ignore=shutil.ignore_patterns("checkpoints"))
    for what in ("attention", "report", "interpolate"):
        assert "has no checkpoint yet" in refused(capsys, run, what)
