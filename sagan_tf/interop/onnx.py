"""Exports a trained generator as ONNX: (z, label, truncation) -> images, like the SavedModel's serving_default."""

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import tensorflow as tf

from sagan_tf.foundation.notes import note
from sagan_tf.foundation.spelling import lines
from sagan_tf.interop.saved_model import Served
from sagan_tf.layers.variable_names import named_variables
from sagan_tf.models.generator import Generator

_OPSET = 17


def library() -> ModuleType:
    """tf2onnx.

    Raises:
      ValueError: if it isn't installed.
    """
    try:
        import tf2onnx
    except ImportError as error:
        raise ValueError("--format=onnx needs tf2onnx; install it: pip install 'sagan_tf[onnx]'") from error
    return tf2onnx


def computable(generator: Generator) -> Generator:
    """The generator itself, or its copy in float32 if it computes in bfloat16, which ONNX's convolutions don't have."""
    numerics = generator.numerics
    if numerics.precision != "bfloat16":
        return generator
    note("The ONNX model computes in float32, since ONNX's convolutions have no bfloat16.")
    copy = Generator(generator.spec, numerics=dataclasses.replace(numerics, precision="float32"), seed=None)
    copy.gray = generator.gray
    values = named_variables(generator)
    for name, variable in named_variables(copy).items():
        variable.assign(values[name])
    return copy


def save(served: Served, path: Path, protocol: Mapping[str, Any]) -> None:
    """Writes an ONNX file whose metadata hold the protocol.

    Inputs z (B,z_dim) float32, label (B,) int32, truncation (B,) float32; output images (B,R,R,3) float32 in [-1,1].
    ONNX has no assertions. A label outside the classes is an index error of the runtime's Gather, beyond whose table it
    is moved; Gather would count a negative one from the end. Other inputs are not checked. A runtime may use
    other kernels for other batch sizes, so that images agree up to rounding only.

    Raises:
      ValueError: if tf2onnx isn't installed.
    """
    tf2onnx = library()
    z_dim = served.generator.spec.z_dim
    signature = [
        tf.TensorSpec([None, z_dim], tf.float32, name="z"),
        tf.TensorSpec([None], tf.int32, name="label"),
        tf.TensorSpec([None], tf.float32, name="truncation"),
    ]

    beyond = served.generator.spec.n_classes  # no row of the tables, which may have more than the data have classes

    def images(z, label, truncation):
        label = tf.where((label < 0) | (label >= served.n_classes), beyond, label)
        return {"images": served.generator(z, label, truncation)}

    # tf2onnx numbers unknown dimensions; here all of them are the batch.
    model, _ = tf2onnx.convert.from_function(tf.function(images), input_signature=signature, opset=_OPSET)
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = "batch"
    named = lines(protocol["class_names"]).removesuffix("\n")
    for name, value in {"protocol": json.dumps(protocol), "class_names": named}.items():
        entry = model.metadata_props.add()
        entry.key, entry.value = name, value
    path.write_bytes(model.SerializeToString())
