"""Every verb on a run whose data are gray images without classes."""

import functools
import json
import shutil

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from sagan_tf import evaluate, experiment, sample, visualize
from sagan_tf.evaluation import dataset_classifier
from sagan_tf.interop.saved_model import Served
from sagan_tf.layers.variable_names import named_variables
from sagan_tf.models.discriminator import Discriminator
from sagan_tf.models.generator import Generator
from sagan_tf.models.inference import bake
from sagan_tf.runs import resumption
from sagan_tf.runs.conditioning import fitted
from sagan_tf.runs.explorer import ExplorerModel, LatentPoint
from sagan_tf.runs.run_directory import RunDirectory
from sagan_tf.runs.trained import TrainedModel
from sagan_tf.runs.training_actions import sheet_rows

TINY = ["families.sagan.width = 8", "families.sagan.discriminator_width = 8", "families.sagan.z_dim = 8",
        "families.sagan.resolution = 8", "families.sagan.attention_g = (8,)", "families.sagan.attention_d = (4,)",
        "train.batch_size = 8", "train.average = None"]  # fmt: skip
pytestmark = pytest.mark.usefixtures("smallest_ladder")


@pytest.fixture(scope="module")
def run(tmp_path_factory, smallest_ladder):
    """A run at step 3 with networks as they begin, on 40 gray images in one flat folder."""
    root = tmp_path_factory.mktemp("classless")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SAGAN_TF_CACHE", str(root / "cache"))
        (root / "photos").mkdir()
        rng = np.random.default_rng(0)
        for i in range(40):
            Image.fromarray(rng.integers(0, 256, (32, 32), np.uint8)).save(root / "photos" / f"{i}.png")
        made = RunDirectory(root / "run")
        loaded = experiment.load(["gin/quickstart.gin"], TINY, str(root / "photos"))
        examples = loaded.value.data.open(8)
        resumption.prepare(made, fitted(loaded, examples, made), examples)
        nets = {"generator": Generator(made.spec(), seed=1), "discriminator": Discriminator(made.spec(), seed=2)}
        weights = {f"{group}.{name}": v for group, net in nets.items() for name, v in named_variables(net).items()}
        made.checkpoints().save(weights, 3)
        yield made.path


@pytest.fixture(autouse=True)
def same_cache(run, monkeypatch):
    monkeypatch.setenv("SAGAN_TF_CACHE", str(run.parent / "cache"))
    monkeypatch.delenv("TFHUB_CACHE_DIR", raising=False)


def test_the_run_records_what_it_is(run):
    config = json.loads((run / "config.json").read_text())
    assert (config["spec.conditioning"], config["spec.head"]) == ("none", "plain")
    data = json.loads((run / "run.json").read_text())["data"]
    assert (data["label_kind"], data["gray"], data["class_names"]) == ("none", True, ["photos"])
    names = "\n".join(named_variables(Generator(RunDirectory(run).spec(), seed=None)))
    assert "norm_1.gain.kernel" not in names and "norm_1.gain" in names  # one gain, no table of gains
    assert "no classes" in repr(TrainedModel(run))


def test_a_run_of_before_keeps_its_colors_and_its_single_class(run, tmp_path):
    shutil.copytree(run, tmp_path / "run")
    facts = json.loads((run / "run.json").read_text())
    del facts["data"]["gray"], facts["data"]["label_kind"]
    (tmp_path / "run" / "run.json").write_text(json.dumps(facts))
    before = RunDirectory(tmp_path / "run")
    assert not before.gray and before.label_kind == "none"
    loaded = experiment.load_saved(run)
    admission = resumption.admit(before, loaded, loaded.value.data.open(8))
    assert admission.changes == () and not {"gray", "label_kind"} & set(admission.data)


def test_sheets_are_square_single_files_gray_and_arrays_without_labels(run, tmp_path):
    names, labels = sheet_rows(RunDirectory(run))
    assert names == [""] * 10 and labels.tolist() == [0] * 100
    sheet, files, arrays = tmp_path / "sheet.png", tmp_path / "files", tmp_path / "arrays.npz"
    asked = [f"--run_dir={run}", "--num=10", "--statistics=moving"]
    for target in (f"--out={sheet}", f"--out={files}", f"--npz={arrays}"):
        assert sample.main([*asked, target]) == 0
    with Image.open(sheet) as image:
        assert image.mode == "L" and image.size == (2 + 4 * 66, 2 + 3 * 66)
    with np.load(arrays) as stored:
        assert stored.files == ["arr_0"] and stored["arr_0"].shape == (10, 8, 8, 3)
        images = stored["arr_0"]
    np.testing.assert_array_equal(images[..., 0], images[..., 2])
    for i in range(10):
        with Image.open(files / f"{i:05d}.png") as image:
            assert image.mode == "L"
            np.testing.assert_array_equal(np.asarray(image), images[i, ..., 0])


def test_it_is_evaluated_without_classes_and_metrics_of_classes_say_so(run, capsys, monkeypatch):
    short = functools.partial(dataset_classifier.ClassifierBudget, steps=2, batch_size=8)
    monkeypatch.setattr(dataset_classifier, "ClassifierBudget", short)
    assert evaluate.main([f"--run_dir={run}", "--num=40", "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["protocol"]["extractor"].startswith("dataset-rotations:folder:")
    assert {"kid", "recall", "shape_variety"} <= set(record) and not {"is", "fid", "class_accuracy"} & set(record)
    for metric in ("class_accuracy", "intra_fid"):
        assert evaluate.main([f"--run_dir={run}", "--num=40", f"--metrics={metric}"]) == 2
        assert f"error: metric {metric} compares classes; received samples without classes" in capsys.readouterr().err


def test_figures_have_rows_without_names(run, tmp_path, capsys):
    for what, *more in (("attention", "--num=2"), ("interpolate", "--num=2", "--steps=3", "--frames=2"), ("classes",)):
        out = tmp_path / (what if what == "classes" else f"{what}.png")
        assert visualize.main([what, f"--run_dir={run}", f"--out={out}", *more]) == 0
    assert [path.name for path in (tmp_path / "classes").iterdir()] == ["0000_photos.png"]
    assert visualize.main(["interpolate", f"--run_dir={run}", "--kind=class"]) == 2
    assert "--kind=class needs classes" in capsys.readouterr().err


def test_the_report_does_not_speak_of_classes(run, tmp_path):
    assert visualize.main(["report", f"--run_dir={run}", f"--out={tmp_path / 'r.html'}"]) == 0
    made = (tmp_path / "r.html").read_text()
    assert "8x8 images without classes" in made and "No classes: training images on the left" in made


def test_explorer_and_export_draw_gray(run):
    model = TrainedModel(run)
    view = ExplorerModel(model).view(LatentPoint(classes=(0, 0), seeds=(0, 1), position=0.5))
    np.testing.assert_array_equal(view.image[..., 0], view.image[..., 1])
    served = Served(generator=bake(model.generator), n_classes=1, batch_size=2).signatures()
    inputs = {"seed": tf.constant([3], tf.int64), "label": tf.constant([0]), "truncation": tf.constant([1.0])}
    images = served["generate"](**inputs)["images"].numpy()
    np.testing.assert_array_equal(images[..., 0], images[..., 1])
    png = served["png"](**inputs)["png_bytes"][0]
    assert tf.io.decode_png(png).shape == (8, 8, 1)
    np.testing.assert_array_equal(tf.io.decode_png(png)[..., 0], images[0, ..., 0])
