"""ONNX models of generators in 16 bits: what ONNX lacks is computed in float32."""

import argparse
import dataclasses

import numpy as np
import pytest

from sagan_tf.interop import onnx
from sagan_tf.interop.saved_model import Served
from sagan_tf.models import families
from sagan_tf.models.generator import Generator
from sagan_tf.models.inference import bake
from sagan_tf.models.parts import Numerics
from sagan_tf.runs import export as exporting
from sagan_tf.runs.run_directory import RunDirectory
from tests.closeness import NETWORK, assert_close


@pytest.mark.usefixtures("smallest_ladder")
def test_the_model_of_a_generator_in_bfloat16_can_be_run(tmp_path):
    pytest.importorskip("tf2onnx", reason="needs the extra [onnx]")
    onnxruntime = pytest.importorskip("onnxruntime", reason="needs the extra [onnx]")
    spec = families.sagan(resolution=8, width=4, z_dim=4, attention=()).with_classes(3)
    generator = Generator(spec, numerics=Numerics(precision="bfloat16"), seed=1)
    generator.gray = True
    baked = bake(onnx.computable(generator))
    onnx.save(Served(generator=baked, n_classes=3), tmp_path / "model.onnx", {"class_names": ["a", "b", "c"]})
    session = onnxruntime.InferenceSession(str(tmp_path / "model.onnx"), providers=["CPUExecutionProvider"])
    z, y = np.random.default_rng(0).standard_normal([2, 4]).astype(np.float32), np.int32([0, 2])
    (images,) = session.run(["images"], {"z": z, "label": y, "truncation": np.float32([1, 1])})
    assert_close(images, baked(z, y), relative=NETWORK)
    live = generator(z, y, training=False).numpy()
    assert images.dtype == np.float32 and np.abs(images - live).max() < 0.1 * live.std()  # bfloat16 has 8 bits


def test_an_onnx_export_of_a_run_in_bfloat16_computes_in_float32(drawable_run, monkeypatch):
    run = RunDirectory(drawable_run)
    settings = run.experiment()
    of_16_bits = dataclasses.replace(settings, numerics=dataclasses.replace(settings.numerics, precision="bfloat16"))
    monkeypatch.setattr(run, "experiment", lambda: of_16_bits)
    flags = argparse.Namespace(
        step=None, average=None, statistics="moving", truncations=None, truncation_mode=None, standing_passes=1
    )
    for form, precision in (("onnx", "float32"), ("saved_model", "bfloat16")):
        flags.format = form
        served, _ = exporting.prepare(run, flags)
        assert served.generator.network.numerics.precision == precision
