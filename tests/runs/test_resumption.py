"""What a command may change of a run, what is recorded, and that a refused one leaves no trace."""

import json
import os
import shutil

import numpy as np
import pytest
from PIL import Image

from sagan_tf import experiment
from sagan_tf.configuration import gin_config
from sagan_tf.data.image_folder.image_folder import ImageFolder
from sagan_tf.runs.resumption import admit, prepare, write_together
from sagan_tf.runs.run_directory import RunDirectory, RunError

SMALL = ["families.sagan.width=4", "families.sagan.discriminator_width=4", "train.total_steps=8"]


def loaded(path, *bindings):
    return experiment.load(["gin/quickstart.gin"], [*SMALL, *bindings], data=str(path))


def opened(path):
    return ImageFolder(path=str(path)).open(32)


@pytest.fixture
def pictures(tmp_path):
    """Three classes of two images each."""
    folder = tmp_path / "pictures"
    for level, name in enumerate(("blue", "green", "red")):
        (folder / name).mkdir(parents=True)
        for i in range(2):
            Image.new("RGB", (32, 32), (60 * level, 10 * i, 0)).save(folder / name / f"{i}.png")
    return folder


@pytest.fixture
def run(tmp_path, pictures):
    run = RunDirectory(tmp_path / "run")
    prepare(run, loaded(pictures), opened(pictures))
    return run


def content(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def again(run, pictures, *bindings, **options):
    return admit(run, loaded(pictures, *bindings), opened(pictures), **options)


def test_a_new_run_is_written_whole_and_nothing_before_that(tmp_path, pictures):
    run = RunDirectory(tmp_path / "above" / "run")
    admission = admit(run, loaded(pictures), opened(pictures))
    assert admission.is_new and not (tmp_path / "above").exists()
    admission.record()
    assert set(content(run.path)) == {"config.gin", "config.json", "architecture.txt", "run.json"}
    facts = run.facts()
    assert facts["data"]["class_names"] == ["blue", "green", "red"] and len(facts["commands"]) == 1
    assert [digest.split()[0] for digest in facts["data"]["class_digests"]] == ["2", "2", "2"]
    assert run.experiment() == loaded(pictures).value


def test_the_same_command_changes_nothing_but_the_list_of_commands(run, pictures):
    before = content(run.path)
    admission = again(run, pictures)
    assert not admission.is_new and not admission.changes
    admission.record(4)
    after = content(run.path)
    assert {name for name in after if after[name] != before.get(name)} == {"run.json"}
    assert len(run.facts()["commands"]) == 2 and "history" not in run.facts()


def test_what_is_free_to_change_is_recorded_with_what_it_was(run, pictures, capsys):
    before = (run.path / "config.gin").read_text()
    admission = again(run, pictures, "train.total_steps=12", "EvaluationOptions.n_samples=640")
    admission.record(4)
    assert run.experiment().total_steps == 12 and run.experiment().evaluation.n_samples == 640
    (entry,) = run.facts()["history"]
    assert (entry["step"], entry["former_config"]) == (4, "config-00000004.gin") and "former_data" not in entry
    assert "total_steps: 8 in the run, 12 now" in entry["changes"] and len(entry["changes"]) == 2
    assert (run.path / "config-00000004.gin").read_text() == before
    assert "Recorded: total_steps: 8 in the run, 12 now" in capsys.readouterr().err
    assert json.loads((run.path / "config.json").read_text())["total_steps"] == 12
    assert not again(run, pictures, "train.total_steps=12", "EvaluationOptions.n_samples=640").changes


def test_the_configuration_that_steps_were_trained_with_outlives_two_changes_at_one_step(run, pictures):
    before = (run.path / "config.gin").read_text()
    for total in (12, 16):
        again(run, pictures, f"train.total_steps={total}").record(4)
    assert (run.path / "config-00000004.gin").read_text() == before and len(run.facts()["history"]) == 2


def test_a_refused_change_leaves_every_byte(run, pictures):
    before = content(run.path)
    with pytest.raises(RunError, match=r"spec\.width: 4 in the run, 8 now"):
        again(run, pictures, "families.sagan.width=8")
    again(run, pictures, "families.sagan.width=8", allow_change=True)  # admitted, and then not proved
    assert content(run.path) == before


def test_a_disk_that_is_full_leaves_every_byte(run, pictures, limited_file_size):
    before, admission = content(run.path), again(run, pictures, "train.total_steps=12")
    with pytest.raises(OSError, match=str(run.path)), limited_file_size(1000):
        admission.record(4)
    assert content(run.path) == before


def test_several_files_are_replaced_together_or_not_at_all(tmp_path, limited_file_size):
    write_together(tmp_path / "new" / "run", {"a": "1", "b": "2"})
    with pytest.raises(OSError, match="File too large"), limited_file_size(10):
        write_together(tmp_path / "new" / "run", {"a": "3", "b": "4" * 11})
    assert content(tmp_path / "new" / "run") == {"a": b"1", "b": b"2"}
    with pytest.raises(OSError, match="File too large"), limited_file_size(10):
        write_together(tmp_path / "other" / "run", {"a": "3", "b": "4" * 11})
    assert not (tmp_path / "other").exists()


def test_other_file_times_and_another_place_are_the_same_data(run, pictures, tmp_path):
    for path in pictures.rglob("*.png"):
        os.utime(path, ns=(1, 1))
    assert not again(run, pictures).changes
    moved = tmp_path / "moved"
    shutil.move(pictures, moved)
    admission = again(run, moved)
    assert admission.changes == (f"data.path: '{pictures}' in the run, '{moved}' now",)
    admission.record(2)
    assert run.experiment().data.path == str(moved) and run.facts()["data"]["name"] == f"folder:{moved}"
    assert run.facts()["history"][0]["former_data"]["name"] == f"folder:{pictures}"


def add(red):
    shutil.copy(red / "0.png", red / "2.png")


def rename(red):
    (red / "0.png").rename(red / "7.png")


def flip(red):
    """Other bytes, as many of them: the last byte of a PNG's checksum doesn't matter to Pillow's decoder."""
    data = bytearray((red / "0.png").read_bytes())
    data[-1] ^= 1
    (red / "0.png").write_bytes(data)


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (add, "class red: 2 images in the run, 3 now"),
        (rename, "class red: 2 images with other file names or sizes"),
        (flip, "class red: the run's file names and sizes with other contents"),
    ],
)
def test_changed_data_are_refused_with_what_differs_and_recorded_where_allowed(run, pictures, change, line):
    before = run.facts()["data"]
    change(pictures / "red")
    with pytest.raises(RunError, match=line) as error:
        again(run, pictures)
    assert "class blue" not in str(error.value) and "--allow_config_change" in str(error.value)
    again(run, pictures, allow_change=True).record(4)
    assert not again(run, pictures).changes  # without the flag from now on
    (entry,) = run.facts()["history"]
    assert entry["former_data"] == before and any(line in change for change in entry["changes"])


@pytest.mark.parametrize("allow_change", [False, True])
def test_classes_that_vanish_or_are_new_are_refused_even_with_the_flag(run, pictures, allow_change):
    (pictures / "blue").rename(pictures / "zblue")
    before = content(run.path)
    with pytest.raises(RunError, match="labels keep their meaning even with --allow_config_change") as error:
        again(run, pictures, allow_change=allow_change)
    said = str(error.value)
    assert "without images now: blue; new ones: zblue" in said and "'zblue' holds what 'blue' held" in said
    assert "Classes of the run: blue, green, red\nClasses of the data: green, red, zblue" in said
    assert content(run.path) == before


def test_classes_that_have_exchanged_their_images_are_refused_even_with_the_flag(run, pictures):
    (pictures / "blue").rename(pictures / "x")
    (pictures / "red").rename(pictures / "blue")
    (pictures / "x").rename(pictures / "red")
    with pytest.raises(RunError, match="exchanged their images") as error:
        again(run, pictures, allow_change=True)
    assert "'blue' holds what 'red' held" in str(error.value) and "'red' holds what 'blue' held" in str(error.value)


def test_a_run_with_its_classes_in_another_order_keeps_it_and_labels_follow_the_names(run, pictures):
    facts = run.facts()
    order = [2, 0, 1]
    for key in ("class_names", "class_digests"):
        facts["data"][key] = [facts["data"][key][i] for i in order]
    (run.path / "run.json").write_text(json.dumps(facts))
    admission = again(run, pictures)
    assert admission.examples.class_names == ("red", "blue", "green") and not admission.changes
    levels = [(int(image[0, 0, 0]), int(label)) for image, label in admission.examples.ordered().as_numpy_iterator()]
    assert sorted(levels) == [(0, 1), (0, 1), (60, 2), (60, 2), (120, 0), (120, 0)]
    admission.record(1)
    assert run.class_names == ("red", "blue", "green")


def test_a_run_begun_before_contents_were_hashed_goes_on_and_records_them(run, pictures):
    facts = run.facts()
    facts["data"]["fingerprint"] = opened(pictures).former_fingerprint
    del facts["data"]["class_digests"]
    (run.path / "run.json").write_text(json.dumps(facts))
    admission = again(run, pictures)
    assert not admission.changes
    for path in pictures.rglob("*.png"):
        os.utime(path, ns=(1, 1))
    with pytest.raises(RunError, match="modification times of the images differ"):
        again(run, pictures)
    admission.record(1)
    assert not again(run, pictures).changes and "history" not in run.facts()


def test_a_run_without_classes_may_move(tmp_path):
    rng = np.random.default_rng(0)
    (tmp_path / "pictures").mkdir()
    for i in range(3):
        Image.fromarray(rng.integers(0, 255, (32, 32, 3), np.uint8)).save(tmp_path / "pictures" / f"{i}.png")
    run = RunDirectory(tmp_path / "run")
    prepare(run, loaded(tmp_path / "pictures"), opened(tmp_path / "pictures"))
    shutil.move(tmp_path / "pictures", tmp_path / "moved")
    admission = again(run, tmp_path / "moved")
    assert [change.partition(":")[0] for change in admission.changes] == ["data.path"]
    assert admission.examples.class_names == ("pictures",)


def test_two_processes_that_begin_one_run(tmp_path, pictures):
    run = RunDirectory(tmp_path / "run")
    first, second = (admit(run, loaded(pictures), opened(pictures)) for _ in range(2))
    first.record()
    before = content(run.path)
    with pytest.raises(RunError, match="Repeat the command"):
        second.record()
    assert content(run.path) == before


def test_a_configuration_that_was_half_replaced_is_mended_by_the_command_that_it_is_compared_with(run, pictures):
    """A power loss after config.gin and before config.json: config.json still says what the run is."""
    before = content(run.path)
    (run.path / "config.gin").write_text(gin_config.texts(loaded(pictures, "train.seed=3"))["config.gin"])
    again(run, pictures).record(2)
    assert (
        content(run.path)["config.gin"] == before["config.gin"] and run.experiment().seed == loaded(pictures).value.seed
    )
