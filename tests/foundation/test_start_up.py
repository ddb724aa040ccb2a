"""The clock of a start: its parts add up, and one that comes twice is one part."""

from sagan_tf.foundation import start_up


def test_the_parts_are_what_passed_between_laps(monkeypatch):
    now = iter([10.0, 13.0, 13.5, 20.5, 21.0])
    monkeypatch.setattr(start_up.time, "monotonic", lambda: next(now))
    clock = start_up.StartUp()
    for what in ("imports", "data", "networks"):
        clock.lap(what)
    assert clock.end("data") == "11.0 s (imports 3.0 s, data 1.0 s, networks 7.0 s)"
    assert clock.end("data") is None
