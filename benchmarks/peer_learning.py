"""Does sagan_tf learn as fast per step as BigGAN-PyTorch, from the same distribution of initial weights?

    python benchmarks/peer_learning.py --out=FOLDER --peer=CHECKOUT --peer_python=PYTHON_WITH_TORCH
    python benchmarks/peer_learning.py --table=benchmarks/peer_learning.jsonl

Both programs train the same networks on Fashion-MNIST (Debian's package dataset-fashion-mnist, padded to 32x32): width
16, attention at 16x16 in G, class tables, Xavier's initializer also for the tables, PyTorch's default biases, hinge,
batch 64, rates 2e-4 and 4e-4, betas 0 and 0.9, one step of D, no average. --arms=ours-constant adds our networks with
the initial values of SAGAN's code: tables at one and zero, biases at zero. At each of --steps 5,000 samples of each
program are measured by one classifier of the data set. Repeating an interrupted command resumes it.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
from arm_list import arm_list
from markdown_table import markdown_table

from sagan_tf.foundation import jsonl
from sagan_tf.foundation.npz import write_npz

HERE = Path(__file__).parent
BATCH = 64
SAMPLES = 5000
OURS = [
    "train.spec=@families.biggan()",
    "families.biggan.resolution=32",
    "families.biggan.width=16",
    "families.biggan.discriminator_width=32",  # on a ladder of 2, 2, 2, 2, which is the peer's 4, 4, 4, 4 of 16
    "families.biggan.shared=False",
    "families.biggan.hierarchical=False",
    "families.biggan.attention_g=(16,)",
    "families.biggan.attention_d=()",
    "families.biggan.initializer='glorot_uniform'",
    "families.biggan.norm_epsilon=1e-5",
    "families.biggan.final_norm_epsilon=1e-5",
    "families.biggan.spectral_norm_epsilon=1e-8",
    "families.biggan.norm_decay=0.9",
    "TwoTimescaleAdam.g_learning_rate=2e-4",
    "TwoTimescaleAdam.d_learning_rate=4e-4",
    "TwoTimescaleAdam.beta_2=0.9",
    "TwoTimescaleAdam.decay_from=None",
    "TwoTimescaleAdam.decay_to=None",
    "Objective.likeness=0.0",
    "train.average=None",
    "train.evaluation=None",
    "train.sample_every=100",
    f"train.batch_size={BATCH}",
    "train.steps_per_call=5",
    "train.checkpoint_every=35",
    "train.keep_checkpoints=100",
]
ARMS = {
    "ours": [
        "families.biggan.table_initializer='glorot_uniform'",
        "families.biggan.bias_initializer='torch'",
    ],
    "ours-constant": [],
    "peer": None,
}
PROGRAMS = {"ours": "sagan_tf", "ours-constant": "sagan_tf, constant tables", "peer": "BigGAN-PyTorch"}


def prepare(out: Path) -> None:
    """Writes the data set once: padded PNG files in class folders, and the same pixels as one .npz for the peer."""
    if (out / "images.npz").exists():
        return
    sys.path.insert(0, str(HERE.parent / "tests" / "data"))
    from fashion_mnist_folder import CLASSES, PACKAGE, read_idx
    from PIL import Image

    images = read_idx(Path(PACKAGE) / "train-images-idx3-ubyte.gz")
    labels = read_idx(Path(PACKAGE) / "train-labels-idx1-ubyte.gz")
    images = np.pad(images, ((0, 0), (2, 2), (2, 2)))
    for index, (image, label) in enumerate(zip(images, labels, strict=True)):
        path = out / "images" / CLASSES[label] / f"{index:05d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.repeat(image[..., None], 3, axis=-1)).save(path)
    # The folder's classes are numbered by name.
    position = np.array([sorted(CLASSES).index(name) for name in CLASSES])
    arrays = {"images": np.repeat(images[..., None], 3, axis=-1), "labels": position[labels]}
    write_npz(out / "images.npz", arrays)  # last, and whole or not at all


def run(command: list[str], log: Path) -> None:
    with open(log, "a", encoding="utf-8") as file:
        subprocess.run(command, check=True, stdout=file, stderr=file)


def verb(name: str, *flags: str) -> list[str]:
    return [sys.executable, "-m", f"sagan_tf.{name}", *flags]


def draw_ours(folder: Path, images: Path, bindings: list[str], *, seed: int, steps: list[int]) -> None:
    """Trains our program up to the last step and writes its samples at each."""
    trained = folder / "run"
    bindings = [*OURS, *bindings, f"train.total_steps={max(steps)}", f"train.seed={seed}"]
    settings = [f"--gin_bindings={binding}" for binding in bindings]
    flags = ("--gin_file=gin/quickstart.gin", f"--data={images}", f"--run_dir={trained}")
    run(verb("train", *flags, *settings), folder / "log.txt")
    for step in steps:
        flags = (f"--run_dir={trained}", f"--step={step}", f"--num={SAMPLES}", f"--npz={folder / f'step-{step}.npz'}")
        run(verb("sample", *flags, f"--seed={seed}"), folder / "log.txt")


def measured(samples: Path, images: Path) -> dict:
    """FID and class accuracy of an .npz against the data, by the data set's classifier, which is trained once."""
    flags = (f"--images={samples}", f"--reference={images}", "--extractor=dataset")
    out = subprocess.run(
        verb("evaluate", *flags, "--metrics=fid,class_accuracy,variety", "--json"),
        check=True, stdout=subprocess.PIPE, text=True,
    ).stdout  # fmt: skip
    metrics = json.loads(out)
    return {name: metrics[name] for name in ("fid", "class_accuracy", "shape_variety")}


def table(results: list[dict]) -> str:
    """Mean and standard deviation over the seeds, as Markdown."""
    rows = []
    for arm, step in sorted({(r["arm"], r["step"]) for r in results}, key=lambda key: (key[1], key[0])):
        of = [r for r in results if (r["arm"], r["step"]) == (arm, step)]
        cells = [
            f"{np.mean(values):.3g} ± {np.std(values, ddof=1) if len(values) > 1 else 0:.2g}"
            for values in ([r[name] for r in of] for name in ("fid", "class_accuracy"))
        ]
        rows.append((PROGRAMS[arm], f"{step}", f"{len(of)}", *cells))
    return markdown_table(("program", "step", "seeds", "FID", "class accuracy"), rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("peer_learning"), help="folder of runs and results.jsonl")
    parser.add_argument("--peer", help="a checkout of BigGAN-PyTorch")
    parser.add_argument("--peer_python", default=sys.executable, help="a Python that has torch")
    parser.add_argument("--arms", type=arm_list(ARMS), default=["ours", "peer"])
    parser.add_argument("--seeds", type=lambda text: [int(seed) for seed in text.split(",")], default=[0, 1, 2])
    parser.add_argument("--steps", type=lambda text: [int(step) for step in text.split(",")], default=[280, 385])
    parser.add_argument("--draw", action="store_true", help="train only; a later command measures")
    parser.add_argument("--table", type=Path, help="print the table of a results.jsonl and end")
    flags = parser.parse_args()
    if flags.table:
        print(table(jsonl.read(flags.table)))
        return
    flags.out.mkdir(parents=True, exist_ok=True)
    results = flags.out / "results.jsonl"
    prepare(flags.out)
    for seed in flags.seeds:
        for arm in flags.arms:
            folder = flags.out / f"{arm}-{seed}"
            folder.mkdir(exist_ok=True)
            done = {r["step"] for r in jsonl.read(results) if (r["arm"], r["seed"]) == (arm, seed)}
            missing = [step for step in flags.steps if step not in done]
            if not all((folder / f"step-{step}.npz").exists() for step in missing):
                if ARMS[arm] is None:
                    worker = [flags.peer_python, str(HERE / "worker_biggan_pytorch_training.py")]
                    worker += [f"--peer={flags.peer}", f"--images={flags.out / 'images.npz'}", f"--out={folder}"]
                    worker += [f"--batch_size={BATCH}", f"--seed={seed}", f"--samples={SAMPLES}"]
                    run([*worker, f"--steps={','.join(map(str, flags.steps))}"], folder / "log.txt")
                else:
                    draw_ours(folder, flags.out / "images", ARMS[arm], seed=seed, steps=flags.steps)
            for step in [] if flags.draw else missing:
                metrics = measured(folder / f"step-{step}.npz", flags.out / "images")
                line = {"arm": arm, "seed": seed, "step": step, **metrics}
                jsonl.append(results, line)
                print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
