"""A precision that this processor can't compute, or only slowly, is reported at the start."""

import os
import subprocess
import sys

import pytest
import tensorflow as tf

from sagan_tf import train
from sagan_tf.layers.target_platform import targeting
from sagan_tf.models import precision
from sagan_tf.models.families import sagan
from sagan_tf.models.generator import Generator
from sagan_tf.models.parts import Numerics
from sagan_tf.models.precision import PrecisionError, check_precision, precision_note, slowdown

ONEDNN = (
    "{{function_node __wrapped____MklNativeConv2D_device_/job:localhost/replica:0/task:0/device:CPU:0}} Operation "
    "received an exception:Status: 3, message: could not create a primitive descriptor for the convolution forward "
    "propagation primitive, in file tensorflow/core/kernels/mkl/mkl_conv_ops.cc:1195 [Op:Conv2D]"
)


@pytest.fixture
def refused(monkeypatch):
    """A processor whose library refuses convolutions of 16 bits: `refused("gradient")`, or "forward"."""
    monkeypatch.setattr(precision, "target_platform", lambda: "cpu")
    precision._failure.cache_clear()

    def processor(part):
        def convolve(dtype, *, trains, **_):
            if dtype != tf.float32 and (trains or part == "forward"):
                raise tf.errors.AbortedError(None, None, ONEDNN)

        monkeypatch.setattr(precision, "_convolve", convolve)

    yield processor
    precision._failure.cache_clear()


@pytest.mark.parametrize("name", ["bfloat16", "float16"])
def test_what_is_not_computed_at_all_is_refused_by_the_networks(refused, name):
    refused("forward")
    check_precision("float32", trains=True)
    Generator(sagan(32, width=4, attention=(), z_dim=8).with_classes(2))
    with pytest.raises(PrecisionError) as caught:
        Generator(sagan(32, width=4, attention=(), z_dim=8).with_classes(2), numerics=Numerics(precision=name))
    message = str(caught.value)
    assert message.startswith("Numerics.precision must be 'float32' on this processor")
    assert f"does not compute convolutions in {name}; received precision='{name}' (could not create a" in message
    assert "function_node" not in message and "TF_ENABLE_ONEDNN_OPTS=0" in message


def test_what_has_no_gradients_draws_images_and_is_refused_by_training(refused):
    refused("gradient")
    check_precision("bfloat16", trains=False)
    with pytest.raises(PrecisionError, match="does not compute the gradients of convolutions in bfloat16"):
        precision_note("bfloat16")


def test_training_answers_in_a_sentence_before_the_run_directory_is_made(refused, tmp_path, capsys):
    refused("gradient")
    flags = ["--gin_file=gin/quickstart.gin", "--gin_bindings=Numerics.precision='bfloat16'", "--strategy=cpu"]
    assert train.main([*flags, f"--run_dir={tmp_path}/run"]) == 2
    assert "error: Numerics.precision must be 'float32' on this processor" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_what_is_slow_is_noted(monkeypatch):
    monkeypatch.setattr(precision, "target_platform", lambda: "cpu")
    monkeypatch.setattr(precision, "_failure", lambda precision, trains: None)
    monkeypatch.setattr(precision, "_seconds", lambda dtype: 1.0 if dtype == tf.float32 else 7.0)
    assert "in float16 took 7.0 times as long as in float32" in precision_note("float16")
    monkeypatch.setattr(precision, "_seconds", lambda dtype: 1.0)
    assert precision_note("float16") is None and slowdown("float32") == 1.0


@pytest.mark.parametrize("platform", ["gpu", "tpu"])
def test_an_accelerator_is_not_asked(platform, refused, monkeypatch):
    refused("forward")
    monkeypatch.undo()
    with targeting(platform):
        assert precision_note("bfloat16") is None


@pytest.mark.slow(reason="another import of TensorFlow")
def test_a_processor_with_fewer_instructions_is_found_out():
    """oneDNN's instructions are capped, of which TensorFlow does not know. Where it has no say, all is computed."""
    program = "from sagan_tf.models.precision import check_precision; check_precision('bfloat16', trains=True)"
    for switch, refused in (("1", True), ("0", False)):
        environment = os.environ | {"ONEDNN_MAX_CPU_ISA": "AVX2", "TF_ENABLE_ONEDNN_OPTS": switch}
        done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True)
        if refused and done.returncode == 0:
            pytest.skip("TensorFlow does not use oneDNN for bfloat16 on this processor")
        assert (done.returncode != 0) == refused
        assert not refused or "PrecisionError: Numerics.precision must be 'float32' on this processor" in done.stderr
