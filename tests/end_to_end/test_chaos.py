"""Interruptions at random moments: the finished run equals one that nothing happened to, bit for bit."""

import os
import random
import signal

import numpy as np
import pytest
import tensorflow as tf

from sagan_tf.training.checkpoints import CheckpointStore

LIMIT_S = 120  # a command that isn't done by then hangs


def state(run, step):
    reader = tf.train.load_checkpoint(str(run / "checkpoints" / f"step-{step:08d}" / "state"))
    names = [name for name in reader.get_variable_to_shape_map() if name.startswith("variables/")]
    return {name: reader.get_tensor(name) for name in names}


def damage_newest(run, dice):
    """Flips a bit, or cuts, a file of the newest checkpoint, if it isn't the only one. What was done to which step."""
    store = CheckpointStore(run / "checkpoints")
    if len(store.steps()) < 2:
        return None
    victim = store.steps()[-1]
    file = dice.choice(sorted(store.path(victim).iterdir()))
    content = bytearray(file.read_bytes())
    content[dice.randrange(len(content))] ^= 1 << dice.randrange(8)
    cut = dice.random() < 0.5
    file.unlink()  # a file of its own: hard links elsewhere stay as they are
    file.write_bytes(content[: len(content) // 2] if cut else content)
    return victim


def interrupt(process, dice, has_moved):
    """Kills, or tells to stop, at a random moment: three of ten at first, the others once it trains."""
    if dice.random() < 0.7:
        while process.exitcode is None and not has_moved():
            process.join(0.02)
    process.join(dice.uniform(0.0, 1.0))
    assert process.exitcode is None, "the run ended before all interruptions"
    number = dice.choice([signal.SIGKILL, signal.SIGKILL, signal.SIGTERM])
    os.kill(process.pid, number)
    process.join(LIMIT_S)
    early = -signal.SIGTERM  # before our handlers are set
    assert process.exitcode in ((-signal.SIGKILL,) if number == signal.SIGKILL else (75, early))
    return signal.Signals(number).name


def survive(start, run, interruptions, *flags, seed):
    """Interrupts a run so many times, then lets it end. Counts of what was done."""
    dice, counts = random.Random(seed), dict.fromkeys(("SIGKILL", "SIGTERM", "damaged"), 0)
    store = CheckpointStore(run / "checkpoints")
    victims = set()
    for number in range(interruptions):
        there = store.steps()
        before = [step for step in there if step not in victims]
        process = start(run, *flags, name=f"command{number}", pause=0.1)
        done = interrupt(process, dice, lambda there=there: store.steps() != there)
        counts[done] += 1
        assert not before or store.steps()[-1] >= before[-1], "a checkpoint was lost"
        if done == "SIGKILL" and dice.random() < 0.4 and (victim := damage_newest(run, dice)):
            victims.add(victim)
            counts["damaged"] += 1
    process = start(run, *flags, name="last")
    process.join(LIMIT_S)
    assert process.exitcode == 0
    return counts


def assert_same(run, other, step):
    expected = state(other, step)
    assert len(expected) == 3
    for name, value in expected.items():
        np.testing.assert_array_equal(state(run, step)[name], value, err_msg=name)


def test_five_interruptions_leave_no_trace(start, tmp_path):
    flags = "--gin_bindings=train.total_steps=120"
    start(tmp_path / "undisturbed", flags, name="undisturbed").join(LIMIT_S)
    counts = survive(start, tmp_path / "run", 5, flags, seed=0)
    assert counts["SIGKILL"] and counts["SIGTERM"]
    assert_same(tmp_path / "run", tmp_path / "undisturbed", 120)


@pytest.mark.slow(reason="sixty starts take several minutes")
def test_sixty_interruptions_leave_no_trace(start, tmp_path):
    flags = "--gin_bindings=train.total_steps=1200"
    start(tmp_path / "undisturbed", flags, name="undisturbed").join(LIMIT_S)
    for seed in (1, 2, 3):
        counts = survive(start, tmp_path / f"run{seed}", 20, flags, seed=seed)
        print(seed, counts)
        assert_same(tmp_path / f"run{seed}", tmp_path / "undisturbed", 1200)
