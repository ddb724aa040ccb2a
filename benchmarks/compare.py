"""Training step, sampling, attention, FID and data, in interleaved rounds; compared with BigGAN-PyTorch if available.

    python benchmarks/compare.py --model=sagan_128 --batch_size=4
    python benchmarks/compare.py --model=sagan_128 --batch_size=4 --peer=CHECKOUT --peer_python=PYTHON_WITH_TORCH

Phases: step (the training step), sampling, attention (one layer, 64x64 of 64 channels, forward and backward), one_image
(a request for one image: of --run_dir by sagan_tf.load, of its exports --saved_model and --onnx), frechet (the distance
of two sets of 10,000 features of 2,048 dimensions, from the features on) and pipeline (batches of 64 from a folder of
JPEG files of ImageNet's usual size, made here; this package's alone, since the checkout's needs torchvision).

The programs of a phase run their rounds in turn (rounds.py): a round in which other processes used more than --quiet of
the machine is discarded and repeated. Peak memory is each program's own resident peak. GFLOP is what the plain network
needs, regardless of the form that computes it, so that "of peak" (relative to a matrix product, measured in the same
rounds) compares programs and can exceed 100% if a form saves operations.

The peer's variants: "default" is the unmodified peer; "tuned" keeps glibc from returning memory to the system at every
step, which costs the peer a third of its time on CPU; "compiled" is torch.compile on top of that (compiling a training
step takes 4 minutes and more). channels_last fails in the peer's spectral norm.

Where there is a GPU, both packages compute on it, and XLA compiles the step; --own_ways=plain is without XLA. Float32
products are computed in TF32 by both, and peak memory is the GPU's: the program's tensors and scratch space, without
CUDA itself. The card must hold all programs of a phase at the same time.

Only the rounds need a quiet machine. With --wait, each phase waits for a line on standard input once all of its
programs have warmed up; --seconds ends its rounds after that time.
"""

import argparse
import datetime
import json
import sys
import tempfile
from pathlib import Path

from data_pipeline import write_jpegs
from markdown_table import markdown_table
from processor import gpu, processor
from rounds import Program, interleave

from sagan_tf import experiment
from sagan_tf.models.cost import PLAIN, generator_costs, step_flops, total

HERE = Path(__file__).parent
GLIBC = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": "100000000000", "MALLOC_TOP_PAD_": "500000000"}
# What the peer's own script leaves out of the paper's step, left out here as well, so that both do the same work.
AS_THE_PEER = {"biggan_128": ("train.discriminator_steps=1", "Objective.orthogonal=0.0")}
WITHOUT_PEER = ("pipeline",)
WITH_PEAK = ("step", "sampling")
PRECISION_IS_ITS_OWN = ("frechet", "pipeline", "one_image")  # whatever the run's
PICTURES = 500  # JPEG files that the pipeline reads, again and again
# "plain" is without XLA, "xla" with it, sampling included; "clusters" are those that TensorFlow finds by itself.
OWN_WAYS = {
    "default": ((), {}),
    "plain": (("train.xla=False",), {}),
    "xla": (("train.xla=True",), {}),
    "clusters": ((), {"TF_XLA_FLAGS": "--tf_xla_auto_jit=2"}),
}
PEER_WAYS = {"default": ("", {}), "tuned": ("", GLIBC), "compiled": ("compiled", GLIBC)}
COMPILED_PHASES = ("step", "sampling", "one_image")


def bound(flags: argparse.Namespace) -> list[str]:
    return [*(AS_THE_PEER.get(flags.model, ()) if flags.peer else ()), *flags.gin_bindings]


def ours(flags: argparse.Namespace, phase: str, precision: str, way: str = "default") -> Program:
    extra, environment = OWN_WAYS[way]
    bindings = [f"train.batch_size={flags.batch_size}", f"Numerics.precision={precision!r}", *extra, *bound(flags)]
    gin = [f"--gin_file={HERE.parent / 'gin' / flags.model}.gin", *(f"--gin_bindings={b}" for b in bindings)]
    gin += [f"--data={flags.data}"] if phase == "pipeline" else []
    command = [sys.executable, str(HERE / "worker_sagan_tf.py"), f"--phase={phase}", f"--calls={flags.calls}", *gin]
    name = f"sagan_tf {precision}" if way == "default" else f"sagan_tf {precision} {way}"
    return Program(f"product of matrices, {precision}" if phase == "peak" else name, command, environment)


def served(flags: argparse.Namespace) -> list[Program]:
    """The ways to ask a run for one image."""
    places = {"sagan_tf.load": flags.run_dir, "SavedModel": flags.saved_model, "ONNX": flags.onnx}
    script = str(HERE / "cold_start.py")
    return [
        Program(f"sagan_tf, {kind}", [sys.executable, script, f"--serve={kind}", f"--path={place}"])
        for kind, place in places.items()
        if place
    ]


def peer(flags: argparse.Namespace, phase: str, precision: str, way: str) -> Program:
    ways, environment = PEER_WAYS[way]
    phase, batch_size = ("sampling", 1) if phase == "one_image" else (phase, flags.batch_size)
    command = [
        flags.peer_python, str(HERE / "worker_biggan_pytorch.py"), f"--peer={flags.peer}", f"--phase={phase}",
        f"--model={flags.model}", f"--batch_size={batch_size}", f"--precision={precision}", f"--ways={ways}",
        f"--calls={flags.calls}",
    ]  # fmt: skip
    return Program(f"BigGAN-PyTorch {precision} {way}", command, environment)


def wait_for_line(what: str) -> None:
    print(f"{what}: all programs are warm. Its rounds begin with the next line of standard input.", file=sys.stderr)
    sys.stdin.readline()


def measure(flags: argparse.Namespace, phase: str, precision: str) -> list[dict]:
    """One interleaved run of one phase in one precision: this package, the machine's peak, and the peer's ways."""
    if phase == "one_image":
        programs = served(flags)
    else:
        programs = [ours(flags, phase, precision, way) for way in flags.own_ways.split(",")]
    ways = {}
    if phase not in WITHOUT_PEER and flags.peer:
        named = [way for way in flags.peer_ways.split(",") if way != "compiled" or phase in COMPILED_PHASES]
        ways = {way: peer(flags, phase, precision, way) for way in named}
    programs += ways.values()
    peaks = [ours(flags, "peak", precision)] if phase in WITH_PEAK else []
    what = f"{flags.model}, batch {flags.batch_size}, {phase}, {precision}"
    results = interleave(
        [*peaks, *programs],
        rounds=flags.rounds,
        quiet=flags.quiet,
        say=lambda line: print(line, file=sys.stderr, flush=True),
        when_warm=(lambda: wait_for_line(what)) if flags.wait else None,
        seconds=flags.seconds,
        together=flags.together,
        warm_up_seconds=flags.warm_up_seconds,
    )
    ways = {program.name: way for way, program in ways.items()}
    common = {"of": phase, "batch": flags.batch_size, "precision": precision}
    kinds = [*("peak" for _ in peaks), *(phase for _ in programs)]
    return [{"phase": k, **common, "way": ways.get(r["name"]), **r} for k, r in zip(kinds, results, strict=True)]


def gflop(flags: argparse.Namespace) -> dict[str, float]:
    """Work of the plain networks, by phase, for one round."""
    loaded = experiment.load([str(HERE.parent / "gin" / f"{flags.model}.gin")], bound(flags))
    spec = loaded.value.sized()
    return {
        "step": step_flops(
            spec, PLAIN, batch_size=flags.batch_size, discriminator_steps=loaded.value.discriminator_steps
        ) / 1e9,
        "sampling": total(generator_costs(spec, PLAIN)).flops * flags.batch_size / 1e9,
    }  # fmt: skip


def add_rates(results: list[dict], work: dict[str, float]) -> None:
    """Images/s, the share of the peak that was measured in the same rounds, and the ratio to this package."""
    for r in results:
        if r["phase"] == "peak" or not r["seconds"]:
            continue
        beside = [o for o in results if (o["of"], o["precision"]) == (r["of"], r["precision"]) and o["seconds"]]
        r["images_per_second"] = r["images"] / r["seconds_median"]
        if r["phase"] in work:
            r["gflop"] = work[r["phase"]]
            if peak := next((o["gflop"] / o["seconds_min"] for o in beside if o["phase"] == "peak"), None):
                r["share_of_peak"] = r["gflop"] / r["seconds_min"] / peak
        own = next((o for o in beside if o["phase"] != "peak" and o["way"] is None), None)
        if r["way"] and own:
            r["times_ours"] = r["seconds_median"] / own["seconds_median"]


def table(results: list[dict]) -> str:
    head = ("phase", "program", "rounds", "s min", "s median", "images/s", "peak MB", "GFLOP", "of peak", "sagan_tf is")
    lines = []
    for r in results:
        digits = 4 if r["seconds"] and r["seconds_min"] < 0.1 else 3
        measured = [f"{r[k]:.{digits}f}" if r["seconds"] else "-" for k in ("seconds_min", "seconds_median")]
        rate = f"{r['images_per_second']:,.2f}" if "images_per_second" in r else ""
        work = f"{r['gflop']:.0f}" if "gflop" in r else ""
        share = f"{r['share_of_peak']:.0%}" if "share_of_peak" in r else ""
        ratio = f"{r['times_ours']:.2f} times as fast as {r['way']}" if "times_ours" in r else ""
        lines.append((r["phase"], r["name"], f"{r['rounds']} (-{r['dropped']})", *measured, rate, f"{r['peak_mb']:,}",
                      work, share, ratio))  # fmt: skip
    return markdown_table(head, lines)


def plot(results: list[dict], path: Path, title: str) -> None:
    """Images/s of every program, a panel a phase."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    phases = list(dict.fromkeys(r["phase"] for r in results if "images_per_second" in r))
    figure, panels = pyplot.subplots(1, len(phases), figsize=(6.4 * len(phases), 3.6), squeeze=False)
    for panel, phase in zip(panels[0], phases, strict=True):
        rows = [r for r in results if r["phase"] == phase and "images_per_second" in r][::-1]
        colors = ["#0072B2" if r["name"].startswith("sagan_tf") else "#999999" for r in rows]
        bars = panel.barh([r["name"] for r in rows], [r["images_per_second"] for r in rows], color=colors)
        panel.bar_label(bars, fmt="%.2f", padding=3)
        panel.set(title=f"{phase}: images/s, more is better")
        panel.margins(x=0.15)
        panel.spines[["top", "right"]].set_visible(False)
    figure.suptitle(title)
    figure.tight_layout()
    figure.savefig(path, dpi=110)


def parse_flags() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="sagan_128", help="a gin file's name; sagan_128 or biggan_128 with a peer")
    parser.add_argument("--gin_bindings", action="append", default=[])
    parser.add_argument("--batch_size", type=int, default=4)
    parser.add_argument("--phases", default="step,sampling,attention,frechet,pipeline")
    parser.add_argument("--precisions", default="float32,bfloat16")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=float("inf"), help="of a phase's rounds, at most")
    parser.add_argument("--calls", type=int, default=1, help="of a round, whose mean counts")
    parser.add_argument("--own_ways", default="default", help="of this package: " + ", ".join(OWN_WAYS))
    parser.add_argument("--together", action="store_true", help="a phase's programs warm up side by side")
    parser.add_argument("--warm_up_seconds", type=float, default=float("inf"), help="leave out what takes longer")
    parser.add_argument("--wait", action="store_true", help="for a line of standard input before a phase's rounds")
    parser.add_argument("--quiet", type=float, default=0.1, help="the largest share of the machine for others, 0 to 1")
    parser.add_argument("--peer", metavar="CHECKOUT", help="BigGAN-PyTorch")
    parser.add_argument("--peer_python", metavar="PYTHON", help="a Python with torch")
    parser.add_argument("--peer_ways", default="default,tuned,compiled")
    parser.add_argument("--run_dir", metavar="RUN", help="of one_image; its exports:")
    parser.add_argument("--saved_model", metavar="EXPORT/N")
    parser.add_argument("--onnx", metavar="EXPORT/N")
    parser.add_argument("--json", metavar="FILE")
    parser.add_argument("--plot", metavar="FILE.png")
    flags = parser.parse_args()
    if bool(flags.peer) != bool(flags.peer_python):
        parser.error("--peer and --peer_python belong together")
    for name, ways in (("own_ways", OWN_WAYS), ("peer_ways", PEER_WAYS)):
        if unknown := set(getattr(flags, name).split(",")) - set(ways):
            parser.error(f"--{name} must be of {', '.join(ways)}; received {', '.join(sorted(unknown))}")
    if "one_image" in flags.phases.split(",") and not flags.run_dir:
        parser.error("the phase one_image needs --run_dir")
    return flags


def main() -> int:
    """The exit code: 1 if a program ended before its rounds."""
    flags = parse_flags()
    results, phases, precisions = [], flags.phases.split(","), flags.precisions.split(",")
    with tempfile.TemporaryDirectory() as folder:
        flags.data = folder
        if "pipeline" in phases:
            write_jpegs(Path(folder), PICTURES)
        for precision in precisions:
            for phase in phases:
                if precision == precisions[0] or phase not in PRECISION_IS_ITS_OWN:
                    results += measure(flags, phase, precision)
    add_rates(results, gflop(flags))
    title = f"{flags.model}, batch {flags.batch_size}, {datetime.date.today()}, {processor()}{gpu()}"
    print(title, table(results), sep="\n\n")
    if flags.json:
        record = {"title": title, "arguments": sys.argv[1:], "results": results}
        Path(flags.json).write_text(json.dumps(record, indent=1))
    if flags.plot:
        plot(results, Path(flags.plot), title)
    return int(any(r["failure"] for r in results))


if __name__ == "__main__":
    sys.exit(main())
