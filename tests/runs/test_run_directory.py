"""A run directory's files: the configuration is parsed once, and anew only when a command has replaced it."""

import pytest

from sagan_tf.configuration.gin_config import ConfigError
from sagan_tf.foundation import files
from sagan_tf.runs import run_directory
from sagan_tf.runs.run_directory import RunDirectory


@pytest.fixture
def parses(monkeypatch):
    """A list that grows by an entry with each parsing of a configuration."""
    parsed, load_saved = [], run_directory.load_saved

    def counted(folder):
        parsed.append(folder)
        return load_saved(folder)

    monkeypatch.setattr(run_directory, "load_saved", counted)
    return parsed


def test_the_experiment_is_parsed_once_until_its_file_changes(tmp_path, parses):
    text = "train.spec = @families.sagan()\ntrain.data = @ProceduralSource()\nfamilies.sagan.attention = ()\n"
    files.write_text(tmp_path / "config.gin", text)
    run = RunDirectory(tmp_path)
    first = run.experiment()
    assert run.experiment() is first and first.total_steps == 1_000_000 and len(parses) == 1
    files.write_text(tmp_path / "config.gin", text + "train.total_steps = 9\n")
    assert run.experiment().total_steps == 9 and run.experiment().total_steps == 9 and len(parses) == 2


def test_a_folder_without_a_configuration_is_refused(tmp_path):
    with pytest.raises(ConfigError):
        RunDirectory(tmp_path).experiment()


def test_a_run_at_home_is_found(monkeypatch):
    monkeypatch.setenv("HOME", "/home/ada")
    assert str(RunDirectory("~/runs/a").path) == "/home/ada/runs/a"
