"""Exports a trained generator as a SavedModel that needs only TensorFlow, with signatures for TensorFlow Serving.

    name             inputs, each with the batch dimension first               outputs
    serving_default  z float32 (B,z_dim), label int32 (B,), truncation (B,)    images float32 (B,R,R,3) in [-1,1]
    generate         seed int64 (B,), label int32 (B,), truncation (B,)        images uint8 (B,R,R,3)
    png              the same                                                  png_bytes string (B,)
    attention        z, label                                                  attention_SIDE float32 (B,H,W,h,w) per
                                                                               layer; absent without attention

truncation is float32 in (0, 2], or up to where published statistics end, and has two effects, as in DeepMind's
published BigGANs: it chooses the statistics, interpolated between the thresholds in the export, and in `generate`
and `png` it also truncates z, by the mode of the export. `serving_default` uses z unchanged; the caller is responsible
for truncating it. `attention` uses the statistics of the last threshold. A prior that is not normal can't be truncated:
there truncation must be 1.
Each image has its own `seed` and is that of `sample --seeds`: in full batches pixel by pixel, else up to rounding.
Images of a run on gray data have three equal channels; their PNGs have one.

The network runs on full batches, and on a padded batch of 1, 4 or 16 for the rest of a request, so that one image costs
only as much as one image. An image therefore depends on the rest of its request only through rounding: if a processor
computes batches of different sizes in a different order, a pixel may differ by one level; on most processors, it is the
same alone and in a full batch. Inputs are checked inside the graph, on any device; the error names the input.
"""

import functools
import json
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tensorflow as tf

from sagan_tf.foundation.option_names import LARGEST_TRUNCATION
from sagan_tf.foundation.spelling import lines
from sagan_tf.layers.variable_names import named_variables
from sagan_tf.models.inference import BakedGenerator
from sagan_tf.sampling.attention_maps import attention_layers, attention_maps
from sagan_tf.sampling.sampler import default_batch_size, pass_sizes, to_pixels
from sagan_tf.sampling.seeds import SeededLatents

Signature = Callable[..., dict[str, tf.Tensor]]


@dataclass(frozen=True, kw_only=True)
class Served:
    """The generator to be served, with its classes and its prior.

    n_classes: labels are below it; the network's tables may be larger. mode: of truncation, see latents.TRUNCATIONS;
    None for a prior that is not normal. batch_size: of the network's passes; None: the sampler's. largest_truncation:
    the largest value that requests may have.
    """

    generator: BakedGenerator
    n_classes: int
    latent: str = "normal"
    mode: str | None = "resampled"
    batch_size: int | None = None
    largest_truncation: float = LARGEST_TRUNCATION

    @property
    def size(self) -> int:
        return self.batch_size or default_batch_size(self.generator.spec.resolution)

    def signatures(self) -> dict[str, Signature]:
        """The signature functions by name; each takes tensors by keyword."""
        z_dim, side = self.generator.spec.z_dim, self.generator.spec.resolution
        z_of = SeededLatents(z_dim=z_dim, latent=self.latent, mode=self.mode)

        def images_of(z, label, truncation):
            return tf.ensure_shape(self.generator(z, label, truncation), [z.shape[0], side, side, 3])

        def maps_of(z, label):
            with self.generator.at_truncation(tf.fill([z.shape[0]], self.generator.last_threshold)):
                return attention_maps(self.generator.network, z, label)[1]

        z, seed = tf.TensorSpec([z_dim]), tf.TensorSpec([], tf.int64)
        label, truncation = tf.TensorSpec([], tf.int32), tf.TensorSpec([])
        images = self._of_each_size(images_of, z, label, truncation)

        def pixels_of(seed, label, truncation):
            return to_pixels(images[seed.shape[0]](z_of(seed, truncation), label, truncation))

        pixels = self._of_each_size(pixels_of, seed, label, truncation)

        def serving_default(z, label, truncation):
            z, label, truncation = self._checked(z=z, label=label, truncation=truncation)
            return {"images": in_batches(images, z, label, truncation)}

        def generate(seed, label, truncation):
            seed, label, truncation = self._checked(seed=seed, label=label, truncation=truncation)
            return {"images": in_batches(pixels, seed, label, truncation)}

        def png(seed, label, truncation):
            images = generate(seed, label, truncation)["images"]
            images = images[..., :1] if self.generator.network.gray else images
            return {"png_bytes": tf.map_fn(tf.io.encode_png, images, fn_output_signature=tf.string)}

        def attention(z, label):
            return in_batches(maps, *self._checked(z=z, label=label))

        rows = {"label": tf.TensorSpec([None], tf.int32), "truncation": tf.TensorSpec([None])}
        by_z = {"z": tf.TensorSpec([None, z_dim]), **rows}
        by_seed = {"seed": tf.TensorSpec([None], tf.int64), **rows}
        made = {
            "serving_default": _compiled(serving_default, by_z),
            "generate": _compiled(generate, by_seed),
            "png": _compiled(png, by_seed),
        }
        if attention_layers(self.generator.network):
            maps = self._of_each_size(maps_of, z, label)
            made["attention"] = _compiled(attention, {"z": by_z["z"], "label": rows["label"]})
        return made

    def _of_each_size(self, function: Callable, *rows: tf.TensorSpec) -> dict[int, Callable]:
        """The function compiled for each batch size, by that size; all signatures share its graphs."""

        def compiled(size: int) -> Callable:
            specs = [tf.TensorSpec([size, *row.shape], row.dtype) for row in rows]
            return tf.function(function).get_concrete_function(*specs)

        return {size: compiled(size) for size in pass_sizes(self.size)}

    def _checked(self, **inputs: tf.Tensor) -> list[tf.Tensor]:
        """The inputs, with control dependencies on their checks, which work on any device."""
        count = tf.shape(inputs["label"])[0]
        checks = [_require(count > 0, "label must not be empty; received a batch of", count)]
        for name, value in inputs.items():
            rows = tf.shape(value)[0]
            checks.append(_require(rows == count, f"{name} must have a row for each label; received rows", rows))
        with tf.control_dependencies(checks):
            checks = [check for name, value in inputs.items() for check in self._limits(name, tf.identity(value))]
        with tf.control_dependencies(checks):
            return [tf.identity(value) for value in inputs.values()]

    def _limits(self, name: str, value: tf.Tensor) -> list[tf.Operation]:
        if name == "label":
            inside = tf.logical_and(value >= 0, value < self.n_classes)
            return [_require(inside, f"label must be in [0, {self.n_classes}); received label", value)]
        if name == "truncation":
            inside = tf.logical_and(value > 0, value <= self.largest_truncation) if self.mode else value == 1.0
            limits = (
                f"in (0, {self.largest_truncation:g}]"
                if self.mode
                else f"1, because the prior {self.latent} is not cut"
            )
            return [_require(inside, f"truncation must be {limits}; received truncation", value)]
        if name == "z":
            width, z_dim = tf.shape(value)[1], self.generator.spec.z_dim
            return [
                _require(width == z_dim, f"z must be {z_dim} wide; received a width of", width),
                _require(tf.math.is_finite(value), "z must be finite; received z", value),
            ]
        return []


def _require(condition: tf.Tensor, message: str, value: tf.Tensor) -> tf.Operation:
    return tf.debugging.Assert(tf.reduce_all(condition), [message, value], summarize=8)


def _compiled(function: Signature, specs: Mapping[str, tf.TensorSpec]) -> tf.types.experimental.ConcreteFunction:
    named = [tf.TensorSpec(spec.shape, spec.dtype, name=name) for name, spec in specs.items()]
    return tf.function(function).get_concrete_function(*named)


def in_batches(functions: Mapping[int, Callable], *inputs: tf.Tensor):
    """Runs full batches one after another, and the rest in the smallest batch that holds it, padded with zeros.

    functions: compiled functions by batch size, each of (size,...) -> one or several (size,...).
    Shapes: inputs (B,...) with an unknown B >= 1 -> (B,...) of each output.
    """
    full, *small = sorted(functions, reverse=True)
    count = tf.shape(inputs[0])[0]
    rest = count % full
    whole = count // full + (tf.cast(rest > small[0], tf.int32) if small else tf.cast(rest > 0, tf.int32))
    kinds = tf.nest.map_structure(lambda t: tf.TensorSpec(t.shape, t.dtype), functions[full].structured_outputs)

    def padded(x, size):
        missing = size - tf.shape(x)[0]
        return tf.pad(x, [[0, missing]] + [[0, 0]] * (x.shape.rank - 1))

    def cut(x):
        return tf.reshape(padded(x[: whole * full], whole * full), [whole, full, *x.shape[1:]])  # (batches,size,...)

    batches = tf.map_fn(
        lambda parts: functions[full](*parts),
        tuple(cut(x) for x in inputs),
        fn_output_signature=kinds,
        parallel_iterations=1,
    )
    outputs = tf.nest.map_structure(lambda t: tf.reshape(t, [whole * full, *t.shape[2:]])[:count], batches)
    if not small:
        return outputs

    def last(size):
        rows = (tf.ensure_shape(padded(x[whole * full :], size), [size, *x.shape[1:]]) for x in inputs)
        return tf.nest.map_structure(lambda t: t[: count - whole * full], functions[size](*rows))

    def nothing():
        return tf.nest.map_structure(lambda kind: tf.zeros([0, *kind.shape[1:]], kind.dtype), kinds)

    left = tf.maximum(count - whole * full, 0)
    ascending = sorted(small)
    which = tf.reduce_sum([tf.cast(left > size, tf.int32) for size in (0, *ascending[:-1])])
    branches = [nothing, *(functools.partial(last, size) for size in ascending)]
    rests = tf.switch_case(which, branches)
    return tf.nest.map_structure(lambda a, b: tf.concat([a, b], 0), outputs, rests)


def save(served: Served, folder: Path, protocol: Mapping[str, Any]) -> None:
    """Writes the SavedModel into a folder that doesn't exist yet, with the assets class_names.txt and protocol.json."""
    module = tf.Module()
    module.state = list(named_variables(served.generator.network).values())
    with tempfile.TemporaryDirectory() as written:
        names, facts = Path(written, "class_names.txt"), Path(written, "protocol.json")
        names.write_text(lines(protocol["class_names"]), encoding="utf-8")
        facts.write_text(json.dumps(protocol, indent=1, ensure_ascii=False), encoding="utf-8")
        module.assets = [tf.saved_model.Asset(str(path)) for path in (names, facts)]
        tf.saved_model.save(module, str(folder), signatures=served.signatures())
