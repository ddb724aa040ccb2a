"""The programs of one of several GPUs (sagan_tf/training/programs.py), compiled for a GPU that need not be present.

    python benchmarks/compile_parts.py --gin_file=gin/sagan_128.gin --gin_file=gin/hardware/gpu.gin --batch=32

Prints the memory of each program and the compiler's CPU seconds. Environment and compiler are those of compile_for.py.
"""

import argparse
import dataclasses
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import tensorflow as tf
from compilation import environment, targets
from compilation.compilations import compile_hlo
from compilation.step_program import on_cpu_alone

from sagan_tf import experiment
from sagan_tf.layers.target_platform import targeting
from sagan_tf.runs.build import build_latent_sampler
from sagan_tf.training.compiled import replica_step
from sagan_tf.training.programs import Programs, inline
from sagan_tf.training.state import GAN


class Recorded:
    """A function whose arguments are noted when it is traced, so that it can be lowered alone."""

    def __init__(self, function: Callable, calls: dict[Callable, tuple]):
        self._function, self._calls = function, calls

    def __call__(self, *args: Any) -> Any:
        self._calls.setdefault(self._function, tf.nest.map_structure(_spec, args))
        return self._function(*args)


def _spec(value: Any) -> Any:
    return tf.TensorSpec(value.shape, value.dtype) if tf.is_tensor(value) else value


def of_tensors(function: Callable, args: tuple) -> tuple[Callable, list[tf.TensorSpec]]:
    """The function as a program of tensors alone, and their shapes; what is none is held."""
    specs = [arg for arg in tf.nest.flatten(args) if isinstance(arg, tf.TensorSpec)]

    def program(*tensors: tf.Tensor) -> Any:
        rest = iter(tensors)
        held = lambda arg: next(rest) if isinstance(arg, tf.TensorSpec) else arg  # noqa: E731
        return function(*tf.nest.map_structure(held, args))

    return tf.function(program, autograph=False, jit_compile=True), specs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gin_file", action="append", required=True)
    parser.add_argument("--gin_bindings", action="append", default=[])
    parser.add_argument("--batch", type=int, required=True, help="images of one replica")
    parser.add_argument("--target", default="H100")
    parser.add_argument("--environment", type=Path, default=environment.default_folder("gpu"))
    flags = parser.parse_args()
    on_cpu_alone()
    target = targets.parse(flags.target)
    python = environment.prepare(flags.environment, "gpu", print)
    settings = dataclasses.replace(experiment.load(flags.gin_file, flags.gin_bindings).value, batch_size=flags.batch)
    n_classes, side = len(settings.data.class_names()), settings.spec.resolution
    calls: dict[Callable, tuple] = {}
    recorded = lambda function: Recorded(function, calls)  # noqa: E731
    programs = Programs(part=recorded, generator_pass=inline if settings.spec.cross_replica_norm else recorded)
    with targeting("gpu"):
        gan = GAN(settings.sized(n_classes), seed=None, optimizer=settings.optimizer, average=settings.average,
                  numerics=settings.numerics)  # fmt: skip
        step = replica_step(gan, settings.objective, build_latent_sampler(settings, n_classes), settings.step_options,
                            microbatches=settings.accumulation, programs=programs)  # fmt: skip
        share = flags.batch // settings.accumulation
        pair = (tf.TensorSpec([flags.batch, side, side, 3]), tf.TensorSpec([flags.batch], tf.int32))
        traced = tf.function(step, autograph=False)
        traced.get_concrete_function([pair] * settings.discriminator_steps, tf.TensorSpec([], tf.int64))
        print(f"{len(calls)} programs of {share} images each, of one replica, for {target.name}", flush=True)
        for function, args in calls.items():
            program, specs = of_tensors(function, args)
            found = compile_hlo(python, program.experimental_get_compiler_ir(*specs)(stage="hlo_serialized"), target)
            memory = ", ".join(f"{kind} {size / 1e6:,.0f}" for kind, size in found.get("memory", {}).items())
            seconds = found["compile_cpu_seconds"]
            print(f"{function.__qualname__}: MB {found.get('refusal', memory)}; {seconds} s of CPU", flush=True)


if __name__ == "__main__":
    sys.exit(main())
