"""The run's report: a section for everything that lies in the run, and none for what does not."""

import json
import re
import shutil

import numpy as np
import pytest
from PIL import Image

from sagan_tf.figures import page
from sagan_tf.figures.expected_curves import ExpectedCurves
from sagan_tf.runs import report, report_metrics, report_pictures
from sagan_tf.runs.run_directory import RunDirectory
from sagan_tf.runs.trained import TrainedModel

ALWAYS = [
    "Samples over time",
    "Real images and samples",
    "Attention",
    "Metrics",
    "Curves",
    "Variety and signs of collapse",
    "Singular values",
    "Gradients",
    "Architecture",
    "Configuration",
    "Commands",
]
# A file in the run's directory, and the section that shows it.
PICTURES = {
    "pictures/neighbors.png": "Nearest training images",
    "pictures/interpolate.png": "Interpolation",
    "pictures/interpolate.webp": "Interpolation",
    "pictures/truncation.png": "Truncation",
    "truncation/step-00000004.png": "Truncation",
    "pictures/classes/0005_eyes.png": "Class sheets",
    "pictures/classes/easy_and_difficult.png": "Class sheets",
    "pictures/attention.png": "Attention",
    "pictures/my_own.png": "Other pictures",
}
PROTOCOL = {"extractor": "dataset-classifier:procedural:train@32", "step": 4, "n_generated": 500, "reference": "train"}


def draw(path, size=(40, 30)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, "teal").save(path)


@pytest.fixture(scope="module")
def empty(tiny_run, tmp_path_factory):
    """A copy of the tiny run that holds no pictures."""
    run = tmp_path_factory.mktemp("report") / "run"
    shutil.copytree(tiny_run, run)
    return run


@pytest.fixture(scope="module")
def written(empty, tmp_path_factory):
    """The report of a run that holds everything, as text."""
    run = tmp_path_factory.mktemp("report") / "run"
    shutil.copytree(empty, run)
    for name in PICTURES:
        draw(run / name)
    cuts = {"truncation": [None, 0.5], "weights": "ema"}
    lines = [{"fid": 12.5, "protocol": PROTOCOL}, {"best_fid": 9.0, "is": None, "protocol": PROTOCOL | cuts}]
    (run / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return report.write_report(RunDirectory.open(run), run / "report.html").read_text(encoding="utf-8")


def sections(text):
    """Headings with their HTML."""
    return dict(re.findall(r"<section[^>]*><h2>(.*?)</h2>(.*?)</section>", text, re.DOTALL))


def test_everything_that_lies_in_the_run_has_its_section(written):
    found = sections(written)
    assert set(found) == {*ALWAYS, *PICTURES.values()}
    for name, section in PICTURES.items():
        shown = page.breakable(name) if "/classes/0" not in name else "0005 eyes"
        assert shown in found[section], name


def test_sections_of_pictures_that_do_not_lie_there_are_left_out(empty):
    assert not any(report_pictures.stored_pictures(RunDirectory(empty)).values())


@pytest.mark.parametrize("name, section", PICTURES.items())
def test_each_picture_makes_its_section_alone(tmp_path, empty, name, section):
    shutil.copy(empty / "run.json", tmp_path)
    draw(tmp_path / name)
    made = report_pictures.stored_pictures(RunDirectory(tmp_path))
    assert [heading for heading, body in made.items() if body] == [section]
    assert made[section].count("<img") == 1


def test_damaged_pictures_are_left_out_with_a_warning(tmp_path, empty, capsys):
    shutil.copy(empty / "run.json", tmp_path)
    damaged = ("pictures/cut.png", "pictures/classes/0005_eyes.png", "samples/step-00000004.png")
    for name in ("pictures/good.png", *damaged):
        draw(tmp_path / name)
    for name in damaged:
        (tmp_path / name).write_bytes((tmp_path / name).read_bytes()[:45])
    run = RunDirectory(tmp_path)
    made = report_pictures.stored_pictures(run)
    assert 'alt="good"' in made["Other pictures"] and "cut" not in made["Other pictures"]
    assert made["Class sheets"].startswith("<p>0 of 10 classes") and "<img" not in report._samples(run)
    assert capsys.readouterr().err.count("is left out of the report, since it can't be read") == 3


def test_class_sheets_say_how_many_of_how_many_and_have_whole_names(tmp_path, empty):
    shutil.copy(empty / "run.json", tmp_path)
    for name in ("0000_a.png", "0005_e_es.png"):
        draw(tmp_path / "pictures" / "classes" / name)
    made = report_pictures.stored_pictures(RunDirectory(tmp_path))["Class sheets"]
    assert "2 of 10 classes" in made and "0005 eyes" in made


def test_a_large_animation_and_large_pictures_do_not_swell_the_page(tmp_path, empty):
    shutil.copy(empty / "run.json", tmp_path)
    draw(tmp_path / "pictures" / "interpolate.png", (5000, 300))
    (tmp_path / "pictures" / "interpolate.webp").write_bytes(bytes(3_000_000))
    made = report_pictures.stored_pictures(RunDirectory(tmp_path))["Interpolation"]
    assert len(made) < 50_000 and "interpolate.webp is too large" in made


def test_the_steps_read_as_a_sentence_and_extractors_stay_whole(written):
    assert "<b>4</b><span>of 4 steps</span>" in written
    assert "dataset-classifier:<wbr>procedural:<wbr>train@32" in written
    assert "overflow-wrap: anywhere" not in re.search(r"\.tile span {.*?}", written).group()


def test_each_evaluation_stands_with_its_protocol(written):
    metrics = sections(written)["Metrics"]
    assert metrics.count("features of dataset-classifier:procedural:train@32</summary>") == 2
    assert "<summary>Step 4; 500 images against train;" in metrics
    assert "<summary>Step 4; averaged weights, truncation none, 0.5; 500 images against train;" in metrics
    assert ">12.5<" in metrics and ">not finite<" in metrics


def test_real_images_are_training_images_of_their_classes(empty, monkeypatch):
    model = TrainedModel(empty)
    real = report_pictures._real_images(model, np.asarray([1, 5]))
    stored = model.run.experiment().data.open(32).ordered().as_numpy_iterator()
    of_class = {1: [], 5: []}
    for image, label in stored:
        of_class.get(int(label), []).append(image)
    for label, images in real.items():
        shown = [image for image in images if (image != 255).any()]
        assert len(shown) == min(4, len(of_class[label]))
        assert all(any(np.abs(image.astype(int) - one).max() <= 1 for one in of_class[label]) for image in shown)
    again = report_pictures._real_images(model, np.asarray([1, 5]))
    np.testing.assert_array_equal(real[5], again[5])

    def gone(*_):
        raise OSError("no such folder: /data")

    monkeypatch.setattr(report_pictures, "_real_images", gone)
    assert "no real images are shown: no such folder: /data" in report_pictures.beside_real(model)


def test_signs_of_collapse_are_listed(empty):
    records = [json.loads(line) for line in (empty / "health.jsonl").read_text().splitlines()]
    assert "No sign of collapse in 2 health records." in report._variety(records)
    records[1] |= {"signs": ["the samples are equal (distance 0.01)"], "collapsed": True}
    made = report._variety(records)
    assert "1 sign of collapse in 2 health records. The alarm was raised at step 4." in made
    assert "The samples are equal (distance 0.01)" in made and made.count("<svg") == 2
    records = [record | {"relative": {"shape": 0.5, "nearest": 0.25}} for record in records]
    made = report._variety(records)
    assert made.count("<svg") == 3 and "shapes of one class" in made
    assert "no health records" in report._variety([])


def test_headlines_are_those_of_untruncated_samples_alone():
    real = PROTOCOL | {"step": None, "images": "procedural:validation"}
    metrics = [
        {"fid": 30.0, "is": 2.0, "protocol": PROTOCOL | {"step": 2, "truncation": None}},
        {"fid": 20.0, "fid_untrained": 99.5, "is": None, "shape_variety": 0.18, "protocol": PROTOCOL},
        {"fid": 99.0, "is": 9.0, "protocol": PROTOCOL | {"truncation": 0.5}},
        {"is": 10.0, "protocol": real},
    ]
    by = "by dataset-classifier:procedural:train@32"
    assert report_metrics.headlines(metrics) == {
        f"FID at step 4, {by}": "20",
        f"FID of the untrained generator, {by}": "99.5",
        f"IS at step 2, {by}": "2",
        f"variety of shape within classes, relative to the data's, at step 4, {by}": "18%",
    }
    (chart,) = report_metrics.charts(metrics)
    assert "FID without truncation" in chart and chart.count("<polyline") == 1 and "at step 4" in chart
    assert "<summary>Procedural:validation; 500 images" in report_metrics.blocks(metrics)


def test_other_protocols_make_other_lines():
    metrics = [
        {"fid": 1.0 * step, "protocol": PROTOCOL | {"step": step, "extractor": extractor}}
        for extractor in ("a", "b")
        for step in (4, 2)
    ]
    (chart,) = report_metrics.charts(metrics)
    assert chart.count("<polyline") == 2 and chart.count("4 at step 4") == 2


@pytest.mark.parametrize("width", [320, 420, 1200])
def test_nothing_is_cut_at_any_width(browser, written, tmp_path, width):
    (tmp_path / "report.html").write_text(written, encoding="utf-8")
    screen = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
    browser.get(f"file://{tmp_path}/report.html")
    script = """
      for (const more of document.querySelectorAll("details")) more.open = true;
      const beyond = [...document.querySelectorAll("body *")].filter(
        e => e.getBoundingClientRect().right > innerWidth + 1 && !e.closest(".scroll, pre"));
      return [document.documentElement.scrollWidth - innerWidth, beyond.map(e => e.outerHTML.slice(0, 80))];
    """
    overflow, beyond = browser.execute_script(script)
    assert overflow <= 0 and not beyond


def test_expected_curves_lie_behind_the_runs_own(empty, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(empty, run)
    (run / "metrics.jsonl").write_text(json.dumps({"fid": 12.5, "protocol": PROTOCOL}) + "\n")
    lines = [{"run": f"seed {s}", "step": step, "fid": 9.0 + s, "d_loss": 1.0, "extractor": "inception"}
             for s in (0, 1) for step in (2, 4)]  # fmt: skip
    expected = ExpectedCurves(lines)
    page = report.write_report(RunDirectory.open(run), run / "report.html", expected=expected).read_text("utf-8")
    curves = sections(page)["Curves"]
    assert curves.count("<polygon") == 2, "FID's and D's loss"
    assert "expected, 2 runs: 9 to 10" in curves
    assert "measured by inception, this run&#x27;s by dataset-classifier:procedural:train@32" in curves


def test_a_loss_without_expected_curves_keeps_its_chart():
    train = [{"step": step, "d_loss": 1.0, "g_loss": 2.0} for step in (1, 2)]
    only_d = ExpectedCurves([{"run": "a", "step": step, "d_loss": 1.0} for step in (1, 2)])
    of_d, of_g = report._losses(train, only_d)
    assert "D loss" in of_d and 'class="band"' in of_d and "G loss" in of_g and 'class="band"' not in of_g
    assert report._losses(train, ExpectedCurves([{"run": "a", "step": 1, "fid": 3.0}])) == []


def test_distances_that_the_last_record_lacks_are_drawn():
    some = {"overall": 0.5, "duplicates": 0.0}
    records = [
        {"step": 1, "distances": some | {"within_class": 0.3}, "relative": {"shape": 0.8}},
        {"step": 2, "distances": some, "relative": {}},
    ]
    assert "Distances of samples over those of real images" in report._variety(records)
    assert "pairs of one class" in report._variety(records)


def test_class_sheets_of_many_classes_stand_in_order(tmp_path, empty):
    run = tmp_path / "run"
    shutil.copytree(empty, run)
    for name in ("10000_zebra", "1000_yak", "0002_bear"):
        draw(run / "pictures" / "classes" / f"{name}.png")
    made = report_pictures.stored_pictures(RunDirectory(run))["Class sheets"]
    assert re.findall(r'alt="(\d+) (?:yak|zebra)"', made) == ["1000", "10000"]


def test_data_that_fail_without_a_word_are_named(monkeypatch, empty):
    def fail(*_):
        raise OSError

    monkeypatch.setattr(report_pictures, "_real_images", fail)
    assert "no real images are shown: OSError" in report_pictures.beside_real(TrainedModel(RunDirectory(empty)))


def test_numbers_that_are_not_drawn_are_not_said_to_be_of_another_extractor():
    expected = ExpectedCurves([{"run": "a", "step": 4, "fid": 3.0, "extractor": PROTOCOL["extractor"]}])
    memorization = {"train_called_real": 0.9, "protocol": {**PROTOCOL, "extractor": "discriminator"}}
    assert report._other_extractor([memorization], expected) == ""
    other = {"fid": 2.0, "protocol": {**PROTOCOL, "extractor": "inception"}}
    said = report._other_extractor([memorization, other], expected)
    assert "this run's by inception:" in said.replace("&#x27;", "'")


def test_the_loss_scale_of_float16_is_not_among_the_losses():
    terms = {"d_loss_real": 0.5, "d_loss_fake": 0.7, "d_loss_scale": 32768.0}
    curves = report._curves([{"step": step, "d_loss": 1.2, "g_loss": 0.1, **terms} for step in (1, 2)], [], None)
    assert "real images <b>0.5" in curves and "fake images <b>0.7" in curves and "loss scale" not in curves
