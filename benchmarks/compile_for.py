r"""Compiles the training step of a gin file for a TPU or GPU that need not be present, and reports what it needs.

    python benchmarks/compile_for.py --gin_file=gin/sagan_128.gin --gin_file=gin/hardware/tpu.gin \
        --target=v5e --batch=32
    python benchmarks/compile_for.py --gin_file=gin/quickstart.gin --target=v5e:2x4 --replicas=8
    python benchmarks/compile_for.py --gin_file=gin/biggan_256.gin --gin_file=gin/hardware/gpu.gin \
        --target=H100 --batch=32

The compilers are libtpu's and XLA's for CUDA, driven by JAX in a separate environment, which the first call sets up
(1.1 GB for TPUs, 1.5 GB for GPUs). Nothing is run, and no device is needed.

Exit codes: 0 if the program compiles and fits; 2 if it does not, or for bad input.
"""

import json
import os
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path

from sagan_tf.foundation.flag_parser import REFUSED, Parser
from sagan_tf.foundation.refusals import answered
from sagan_tf.runs.flags import add_configuration


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def parser_of_flags() -> Parser:
    parser = Parser(prog="python benchmarks/compile_for.py", description=__doc__.partition("\n")[0])
    add_configuration(parser)
    parser.add_argument(
        "--target", required=True, help="v3, v4, v5e, v5p or v6e, also with a topology as in v5e:2x2; H100 or A100"
    )
    parser.add_argument(
        "--batch", type=int, metavar="N", help="images of all replicas together; the gin file's by default"
    )
    parser.add_argument("--replicas", type=int, default=1, metavar="N", help="replicas in one program; TPUs only")
    parser.add_argument(
        "--effort", choices=["default", "fast"], default="default",
        help="the compiler's; fast takes less than a third of the time and estimates no milliseconds",
    )  # fmt: skip
    parser.add_argument("--environment", metavar="DIR", help="the compilers' environment; in ~/.cache by default")
    parser.add_argument("--optimized", metavar="FILE", help="write the compiled program's text here")
    parser.add_argument("--json", action="store_true", help="print JSON")
    return parser


def share_of(batch: int, replicas: int, accumulation: int) -> int:
    """The images of one replica.

    Raises:
      ValueError: if the batch can't be divided.
    """
    if batch < 1 or batch % (replicas * accumulation):
        parts = f" in {accumulation} parts each (train.accumulation)" if accumulation > 1 else ""
        raise ValueError(
            f"--batch must be a multiple of {replicas * accumulation}, for {replicas} replica(s){parts}; received "
            f"--batch={batch}. Choose another."
        )
    return batch // replicas


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints the report; the exit code."""
    flags = parser_of_flags().parse_args(arguments)

    def work() -> int:
        # Here, since flags are answered before TensorFlow is imported.
        from compilation import environment, report, targets
        from compilation.compilations import compile_hlo

        if flags.replicas < 1:
            raise ValueError(f"--replicas must be at least 1; received --replicas={flags.replicas}.")
        target = targets.parse(flags.target, flags.replicas)
        platform = target.chip.platform
        folder = Path(flags.environment or environment.default_folder(platform)).expanduser()
        settings, share = settings_and_share(flags)
        with environment.alone(folder, say):
            python = environment.prepare(folder, platform, say)
            program = program_of(settings, platform)
            say(f"Compiling for {target.name} ...")
            options = {"fast": flags.effort == "fast", "keep": Path(flags.optimized) if flags.optimized else None}
            found = compile_hlo(python, program.hlo(share, target.replicas), target, **options)
            if not found["fits"] and ("memory" in found or "needed_bytes" in found):
                found["largest"] = search(python, program, target, share, settings.accumulation, found)
        facts = report.record(settings, target, share, found, state_bytes=program.state_bytes, effort=flags.effort)
        print(json.dumps(facts, indent=1) if flags.json else report.text(facts))
        return 0 if found["fits"] else REFUSED

    return answered(work, explain=own_words)


def own_words(error: BaseException) -> str | None:
    """The sentence of a refusal that this script or its modules raised; None for others."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = isinstance(error, ValueError) and Path(frames[-1].filename).is_relative_to(Path(__file__).parent)
    return str(error) if ours else None


def settings_and_share(flags):
    """The experiment at the batch that was asked for, and the images of one replica."""
    from sagan_tf import experiment

    settings = experiment.load(flags.gin_file, flags.gin_bindings, flags.data, flags.data_dir).value
    batch = settings.batch_size if flags.batch is None else flags.batch
    return settings, share_of(batch, flags.replicas, settings.accumulation)


def program_of(settings, platform):
    """The step, traced on the CPU."""
    from compilation.step_program import StepProgram, on_cpu_alone

    say("Building the networks ...")
    on_cpu_alone()
    return StepProgram(settings, platform)


def search(python: Path, program, target, share: int, accumulation: int, refused: dict) -> dict | None:
    """The largest share that fits, in steps of at most a sixteenth, with its memory; None if there is none."""
    from compilation.compilations import compile_hlo, largest, needed

    def compiled(images: int) -> dict:
        say(f"Compiling for {images} images per replica ...")
        return compile_hlo(python, program.hlo(images, target.replicas), target, fast=True)

    step = accumulation * (1 << max(0, (share // (16 * accumulation)).bit_length() - 1))
    best = largest(
        compiled,
        {0: program.state_bytes, share: needed(refused)},
        refused=share,
        step=step,
        capacity=refused.get("available_bytes", target.chip.memory),
    )
    return None if best is None else {"images_per_replica": best[0], "in_steps_of": step, "memory": best[1]["memory"]}


if __name__ == "__main__":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    sys.exit(main())
