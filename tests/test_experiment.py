"""What an experiment says of its own settings."""

from sagan_tf import experiment


def notes(*bindings):
    return experiment.load(["gin/quickstart.gin"], list(bindings)).value.notes()


def test_a_run_longer_than_its_learning_rates_is_told():
    (note,) = notes("train.total_steps=9000")
    assert "zero from step 4,000 on" in note and "TwoTimescaleAdam.decay_to=9000" in note
    assert notes() == []
    assert notes("train.total_steps=9000", "TwoTimescaleAdam.decay_to=9000") == []
    assert notes("train.total_steps=9000", "TwoTimescaleAdam.decay_from=None", "TwoTimescaleAdam.decay_to=None") == []
