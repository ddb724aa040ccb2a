"""`describe`: the table, and the work and memory of a step."""

import json

import pytest

from sagan_tf import describe, experiment
from sagan_tf.runs.description import on_chip

SAGAN = ["--gin_file=gin/sagan_128.gin", "--gin_bindings=train.batch_size=4"]


def test_json(capsys):
    assert describe.main([*SAGAN, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["generator_parameters"], found["discriminator_parameters"]) == (42_017_412, 39_448_258)
    step = found["step"]
    assert step["step_flops_plain"] / 1e9 == pytest.approx(616.9, abs=0.05)
    # G runs forward and back in its own update (3 forward passes' work) and forward in D's
    g, d = (sum(stage["flops"] for stage in found[name]) for name in ("generator", "discriminator"))
    assert step["step_flops"] == 4 * (4 * g + 8 * d)
    assert step["memory"]["total"] == sum(v for name, v in step["memory"].items() if name != "total")


def test_text_and_replicas(capsys):
    assert describe.main(SAGAN) == 0
    out = capsys.readouterr().out
    assert "42,017,412" in out and "617 GFLOP" in out
    assert describe.main([*SAGAN, "--replicas=4"]) == 0
    assert "of one of 4 replicas" in capsys.readouterr().out
    assert describe.main([*SAGAN, "--replicas=3"]) == 2
    assert "--replicas=3" in capsys.readouterr().err


def test_memory_falls_with_replicas_and_microbatches(capsys):
    def activations(*more):
        describe.main([*SAGAN, *more, "--json"])
        return json.loads(capsys.readouterr().out)["step"]["memory"]["activations"]

    assert activations("--replicas=2") * 2 == pytest.approx(activations(), abs=2)
    assert activations("--replicas=2") == activations("--gin_bindings=train.accumulation=2")


def test_a_run_is_described_by_what_it_holds(tiny_run, capsys):
    assert describe.main([f"--run_dir={tiny_run}", "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["resolution"] == 32 and printed["step"]["batch_size"] >= 1
    assert describe.main([f"--run_dir={tiny_run}", "--gin_file=gin/sagan_128.gin"]) == 2
    assert "--run_dir must not be combined with --gin_file" in capsys.readouterr().err
    assert describe.main(["--run_dir=/nowhere"]) == 2
    assert "received /nowhere, which has none" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("model", "chip", "images", "gigabytes"),
    [
        ("sagan_128", "v5e", 32, 2.465),
        ("biggan_128", "v5e", 32, 5.098),
        ("sngan_projection_128", "v5e", 64, 3.435),
        ("sagan_128", "A100", 32, 2.151),
        ("sagan_128", "H100", 256, 9.177),
        ("biggan_128", "H100", 1024, 54.819),
    ],
)
def test_a_chips_memory_is_within_a_tenth_of_what_the_compilers_state(model, chip, images, gigabytes):
    """Totals of steps that were compiled in bfloat16, from benchmarks/paper_plans.jsonl."""
    settings = experiment.load([f"gin/{model}.gin"], ["Numerics.precision='bfloat16'"]).value
    replicas = settings.batch_size // images
    found = on_chip(settings, settings.sized(), chip, replicas)
    assert found["images_at_once"] == images
    assert found["memory"] / 1e9 == pytest.approx(gigabytes, rel=0.1)


def test_what_a_chip_needs(capsys):
    def on(chip, *more):
        assert (
            describe.main(["--gin_file=gin/biggan_128.gin", "--gin_file=gin/hardware/tpu.gin", *more, f"--chip={chip}"])
            == 0
        )
        return capsys.readouterr().out

    found = json.loads(on("V5E", "--replicas=64", "--json"))["on_chip"]
    assert (found["chip"], found["images_at_once"], found["chip_memory"]) == ("v5e", 32, 16 << 30)
    # libtpu states 2.06 GB of state and 4.8 GB in all for these 32 images, and refuses 256
    assert found["state"] / 1e9 == pytest.approx(2.06, abs=0.2) and 4 < found["memory"] / 1e9 < 5.6
    assert found["most_images_at_once"] == 128 and found["least_devices"] == 16
    assert "16 devices hold the batch of 2,048 without accumulation" in on("v5e", "--replicas=64").splitlines()[-1]
    assert "one device holds the batch" in on("H100", "--gin_bindings=train.batch_size=256")
    assert "not even one image fits" in on("v5e", "--gin_bindings=families.biggan.width=768")
    assert describe.main([*SAGAN, "--chip=v7"]) == 2
    assert "chip must be one of v3, v4" in capsys.readouterr().err
