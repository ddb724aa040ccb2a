"""Every verb by a table of bad inputs: one sentence on stderr that says what came, exit code 2, and nothing changed."""

import hashlib
import json
import os
import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sagan_tf import describe, evaluate, explore, export, import_weights, prepare_data, sample, train, visualize
from tests.interop.published_forms import CONFIG
from tests.interop.torch_form import write_sequential

VERBS = {
    "train": train,
    "evaluate": evaluate,
    "sample": sample,
    "visualize": visualize,
    "export": export,
    "describe": describe,
    "prepare_data": prepare_data,
    "import_weights": import_weights,
    "explore": explore,
}
PIXELS = np.random.default_rng(0).integers(0, 256, (6, 8, 8, 3), dtype=np.uint8)
GIN = "--gin_file=gin/quickstart.gin"
NEW = "--run_dir={bad}/new"
IMPORT = f"--format=biggan_pytorch {GIN} {NEW}"
FITTING = " ".join(f"--gin_bindings=families.sagan.{b}" for b in ("width=4", "discriminator_width=8", "z_dim=8"))
TRANSFER = f"{GIN} {NEW} {FITTING} --init_from={{run}}"
A_AND_B = "--images={bad}/good.npz --reference={bad}/good.npz"

# Verb, its flags (blanks separate them, "~" stands for a blank within one), and what the sentence must say.
CASES = [
    # No flags, unknown flags, wrong kinds of value.
    *[(verb, "", "required") for verb in ("export", "prepare_data", "import_weights")],
    *[(verb, "", "--run_dir must be given: the run's directory") for verb in ("sample", "explore")],
    ("train", "", "--run_dir"),
    ("visualize", "", "WHAT"),
    ("visualize", "picture --run_dir={run}", "picture"),
    ("evaluate", "", "received none of them"),
    ("describe", "", "received no --gin_file"),
    *[(verb, "--nonsense=1 --run_dir={run}", "nonsense") for verb in ("sample", "evaluate", "explore")],
    ("sample", "--run_dir={run} --num=many", "many"),
    ("sample", "--run_dir={run} --num=0", "--num=0"),
    ("sample", "--run_dir={run} --num=-3", "--num=-3"),
    ("sample", "--run_dir={run} --seeds=1,x", "received '1,x'"),
    ("sample", "--run_dir={run} --seeds=1,,2", "received '1,,2'"),
    ("sample", "--run_dir={run} --seeds=99999999999999999999", "64-bit integers"),
    ("sample", "--run_dir={run} --seeds=1,2 --num=3", "--seeds must not be combined with --num and --seed"),
    ("sample", "--run_dir={run} --seeds=1,2 --seed=3", "--seeds must not be combined with --num and --seed"),
    ("sample", "--run_dir={run} --truncation_mode=scaled", "received --truncation_mode=scaled without it"),
    ("sample", "--run_dir={run} --num=1000000 --statistics=moving", "1,073,741,824 pixels; received --num=1000000"),
    *[("sample", f"--run_dir={{run}} --out={{bad}}/a{kind}", f"bad/a{kind}") for kind in (".jpg", ".npz", ".PDF")],
    ("sample", "--run_dir={run} --out={bad}/pictures/a --truncation=0.5", "which holds other images"),
    ("sample", "--run_dir={run} --truncation=wide", "wide"),
    ("sample", "--run_dir={run} --truncation_mode=soft", "soft"),
    ("sample", "--run_dir={run} --out=a.png --npz=a.npz", "not allowed with"),
    ("evaluate", "--run_dir={run} --seeds=", "received ''"),
    ("evaluate", "--run_dir={run} --seeds=-1", "integers from 0 to 2^31 - 1, separated by commas; received '-1'"),
    ("evaluate", "--run_dir={run} --seeds=4294967296", "received '4294967296'"),
    ("evaluate", "--run_dir={run} --seeds=1,2,1", "must be different from each other; received '1,2,1'"),
    ("evaluate", "--images={bad}/good.npz --reference={bad}/good.npz --resolution=0", "--resolution=0"),
    ("evaluate", "--run_dir={run} --truncation=inf", "threshold=inf"),
    ("evaluate", "--run_dir={run} --truncation_curve=1,half", "received '1,half'"),
    ("evaluate", "--run_dir={run} --truncation_curve=1,nan", "received '1,nan'"),
    ("evaluate", "--run_dir={run} --strategy=tpu", "tpu"),
    ("evaluate", "--run_dir={run} --num=0", "n_samples=0"),
    ("evaluate", "--run_dir={run} --batch_size=-1", "batch_size=-1"),
    ("evaluate", "--run_dir={run} --metrics=fid,beauty", "beauty"),
    ("evaluate", "--run_dir={run} --metrics=fid,", "received 'fid,'"),
    ("evaluate", "--run_dir={run} --truncation=0", "threshold=0"),
    ("evaluate", "--run_dir={run} --truncation_mode=scaled", "received --truncation_mode=scaled without it"),
    ("evaluate", "--run_dir={run} --truncation=-1", "threshold=-1"),
    ("visualize", "truncation --run_dir={run} --thresholds=2,low", "received '2,low'"),
    ("visualize", "attention --run_dir={run} --num=0", "received 0"),
    ("visualize", "neighbors --run_dir={run} --count=65", "at most the 64 training images; received --count=65"),
    ("visualize", "interpolate --run_dir={run} --frames=x", "x"),
    ("visualize", "interpolate --run_dir={run} --frames=1", "must be at least 2; received 1"),
    ("visualize", "interpolate --run_dir={run} --steps=1", "must be at least 2; received 1"),
    ("visualize", "interpolate --run_dir={run} --animation={bad}/a.mp4", ".gif or .webp file; received"),
    *[
        ("visualize", f"{what} --run_dir={{run}} --out={{bad}}/a.jpg", f"ending in {kinds}; received --out=")
        for what, kinds in (("neighbors", ".png"), ("truncation", ".png"), ("spectra", ".png, .svg, .pdf"))
    ],
    ("export", "--run_dir={run} --out={bad}/e --truncations=3", "received '3'"),
    ("export", "--run_dir={run} --out={bad}/e --truncations=0.5~;1", "received '0.5 ;1'"),
    ("export", "--run_dir={run} --out={bad}/e --format=tflite", "tflite"),
    ("export", "--run_dir={run} --out={bad}/e --standing_passes=0", "--standing_passes=0"),
    ("train", f"{GIN} {NEW} --stop_after=0", "--stop_after=0"),
    ("train", f"{GIN} {NEW} --stop_at=-1", "--stop_at=-1"),
    *[
        ("train", f"{GIN} {NEW} --gin_bindings=train.augmentation=@DiffAugment() --gin_bindings=DiffAugment.{b}", said)
        for b, said in (
            ("strength=1.2", "must be a probability, from 0 to 1; received strength=1.2"),
            ("transformations=('colour',)", "Did you mean 'color'?"),
        )
    ],
    ("describe", f"{GIN} --replicas=0", "--replicas=0"),
    ("describe", f"{GIN} --replicas=7", "--replicas=7"),
    ("explore", "--run_dir={run} --port=http", "http"),
    ("explore", "--run_dir={run} --port=70000", "--port=70000"),
    ("explore", "--run_dir={run} --port=-1", "--port=-1"),
    # Flags that don't apply where they stand.
    ("evaluate", "--run_dir={run} --watch --seeds=1", "--seeds"),
    ("evaluate", "--run_dir={run} --watch --step=4", "--step"),
    ("evaluate", "--run_dir={run} --watch --memorization", "--watch"),
    ("evaluate", "--run_dir={run} --watch --truncation_curve", "--truncation_curve"),
    ("evaluate", "--run_dir={run} --memorization --metrics=fid", "--metrics"),
    ("evaluate", "--run_dir={run} --memorization --reference=train", "--reference"),
    ("evaluate", "--run_dir={run} --truncation_curve --truncation=1", "--truncation,"),
    ("evaluate", "--run_dir={run} --truncation_curve --metrics=fid,kid", "Leave kid out"),
    ("evaluate", "--run_dir={run} --images=validation --num=9", "--num"),
    ("evaluate", "--run_dir={run} --images=validation --no-average", "--average"),
    ("evaluate", "--run_dir={run} --images={bad}/good.npz", "must be train or validation"),
    ("evaluate", "--run_dir={run} --resolution=32", "--resolution"),
    ("evaluate", "--run_dir={run} --run_dirs={run}", "--run_dirs"),
    ("evaluate", f"{A_AND_B} --step=0", "--step"),
    ("evaluate", f"{A_AND_B} --seeds=1", "--seeds"),
    ("evaluate", f"{A_AND_B} --truncation=0.0", "--truncation"),
    ("evaluate", f"{A_AND_B} --watch --memorization", "--memorization, --watch"),
    ("evaluate", "--saved_model={bad} --run_dir={run} --images=validation", "--images"),
    ("evaluate", "--saved_model={bad} --run_dir={run} --step=4", "--step"),
    ("evaluate", "--saved_model={bad} --run_dir={run} --watch", "--watch"),
    ("evaluate", "--table=sagan_table1 --run_dirs={run} --metrics=fid", "--metrics"),
    ("evaluate", "--table=runs --run_dirs={run} --json", "--json"),
    ("evaluate", "--table=runs", "must go with --run_dirs"),
    ("evaluate", "--table=runs --run_dirs={run},{run}", "must be different from each other"),
    ("import_weights", f"--format=tfhub_biggan {GIN} {NEW} --generator=x --discriminator=y", "--discriminator"),
    # Paths: nothing there, a file for a folder, a folder for a file, a foreign folder.
    *[
        (verb, f"{flags} --run_dir={{bad}}/{place}".strip(), place)
        for verb, flags in (
            ("sample", ""),
            ("evaluate", ""),
            ("visualize", "report"),
            ("visualize", "spectra"),
            ("export", "--out={bad}/e"),
            ("explore", ""),
        )
        for place in ("nowhere", "text.txt", "pictures")
    ],
    *[
        (verb, f"{flags}=gs://bucket/x", "on a local disk; received --")
        for verb, flags in (
            ("sample", "--run_dir={run} --out"),
            ("export", "--run_dir={run} --statistics=moving --out"),
            ("visualize", "classes --run_dir={run} --out"),
            ("train", f"{GIN} --run_dir"),
        )
    ],
    ("train", f"{GIN} --run_dir={{bad}}/text.txt", "text.txt"),
    ("train", f"{GIN} --run_dir={{bad}}/pictures", "holds other files"),
    ("train", f"{GIN} {NEW} --data={{bad}}/nowhere", "nowhere"),
    ("train", f"{GIN} {NEW} --data={{bad}}/text.txt", "text.txt"),
    ("train", f"{GIN} {NEW} --data={{bad}}/empty", "empty"),
    ("train", f"{GIN} {NEW} --data={{bad}}/damaged", "damaged"),
    ("train", f"{GIN} {NEW} --data=tfds:", "tfds:"),
    (
        "train",
        f"{GIN} {NEW} --data={{bad}}/pictures --data_dir={{bad}}",
        "must go with tfds:NAME; received --data_dir=",
    ),
    ("train", f"{GIN} --run_dir={{bad}}/pictures/run --data={{bad}}/pictures", "must be outside the folder of images"),
    ("train", f"{GIN} {NEW} --data={{bad}}/pictures", "1 image in folder:{bad}/pictures and train.batch_size=32"),
    ("train", f"{GIN} {NEW} --data={{bad}}/pictures --dry_run", "lower it: train.batch_size=1"),
    (
        "train",
        f"--gin_file=gin/acgan_128.gin {NEW} --data={{bad}}/pictures --gin_bindings=train.batch_size=1",
        "families.acgan",
    ),
    ("train", f"--gin_file={{bad}}/nowhere.gin {NEW}", "nowhere.gin"),
    ("train", f"--gin_file={{bad}} {NEW}", "bad"),
    ("train", f"--gin_file={{bad}}/binary.gin {NEW}", "binary.gin"),
    ("describe", f"{GIN} --data={{bad}}/nowhere", "nowhere"),
    # Networks of another run.
    *[
        ("train", f"{GIN} {NEW} {FITTING} --init_from={{bad}}/{place}", said)
        for place, said in (
            ("nowhere", "which doesn't exist"),
            ("text.txt", "it has no run.json"),
            ("empty", "it has no run.json"),
            ("pictures", "it has no run.json"),
            ("no_json", "run.json must contain"),
            ("no_config", "config.gin"),
            ("measured", "which has none yet"),
            ("torn_run", "no usable checkpoint"),
            ("torn_run/checkpoints/best", "Checkpoints: step-00000004"),
        )
    ],
    ("train", f"{GIN} {NEW} --init_from={{run}}", "width=4 in the trained networks and width=8"),
    ("train", f"{TRANSFER} --gin_bindings=families.sagan.resolution=64", "resolution=32 in"),
    ("train", f"{TRANSFER} --gin_bindings=families.sagan.spectral_norm_g=False", "spectral_norm_g=True in"),
    ("train", f"{TRANSFER} --gin_bindings=families.sagan.conditioning='shared'", "conditioning='tables' in"),
    ("train", f"{GIN} --run_dir={{run}} --init_from={{run}}", "a run other than --run_dir"),
    ("train", f"{GIN} --run_dir={{run}} --init_from={{bad}}/measured", "was started from fresh weights"),
    ("train", f"{TRANSFER} --class_map=dots", "received 'dots'"),
    ("train", f"{TRANSFER} --class_map=dots=eyes,dots=rings", "different new classes"),
    ("train", f"{TRANSFER} --class_map=dits=eyes", "received 'dits', which is not a class of the data"),
    ("train", f"{TRANSFER} --class_map=dots=eye", "Did you mean eyes?"),
    ("train", f"{GIN} {NEW} --class_map=dots=eyes", "received it without --init_from"),
    ("train", f"{TRANSFER} --freeze_discriminator=5", "must be at most 4"),
    ("train", f"{TRANSFER} --freeze_discriminator=-1", "train.freeze_discriminator=-1"),
    ("train", f"{GIN} {NEW} --freeze_discriminator=1", "Name a trained run by --init_from"),
    ("describe", "--gin_file={bad}/text.txt", "text.txt"),
    ("prepare_data", "--source={bad}/nowhere --resolution=32 --out={bad}/s", "nowhere"),
    ("prepare_data", "--source={bad}/text.txt --resolution=32 --out={bad}/s", "text.txt"),
    ("prepare_data", "--source={bad}/empty --resolution=32 --out={bad}/s", "empty"),
    ("prepare_data", "--source={bad}/pictures --resolution=4 --out={bad}/s", "--resolution=4"),
    ("prepare_data", "--source={bad}/pictures --resolution=32", "received no --out"),
    ("prepare_data", "--source={bad}/pictures --resolution=32 --out={bad}/pictures/s", "must be outside the folder"),
    (
        "import_weights",
        "--data={bad}/pictures --run_dir={bad}/pictures/run --generator=x",
        "must be outside the folder",
    ),
    ("prepare_data", "--source={bad}/pictures --resolution=32 --out={bad}/s --jpeg_quality=101", "--jpeg_quality=101"),
    ("prepare_data", "--source={bad}/pictures --resolution=32 --out={bad}/text.txt", "text.txt"),
    ("prepare_data", "--source={bad}/damaged --resolution=32 --out={bad}/s", "damaged"),
    ("import_weights", f"{IMPORT} --generator={{bad}}/nowhere.npz", "nowhere.npz"),
    ("import_weights", f"{IMPORT} --generator={{bad}}/text.txt", "text.txt"),
    ("import_weights", f"{IMPORT} --generator={{bad}}/torn.npz", "torn.npz"),
    ("import_weights", f"{IMPORT} --generator={{bad}}/void.npz", "void.npz"),
    ("import_weights", f"{IMPORT} --generator={{bad}}", "{bad}"),
    ("import_weights", f"--format=tfhub_biggan {GIN} {NEW} --generator={{bad}}/empty", "empty"),
    ("import_weights", f"--format=biggan_pytorch {GIN} --run_dir={{run}} --generator={{bad}}/good.npz", "new or empty"),
    # Published weights.
    ("import_weights", f"{NEW} --generator={{bad}}/good.npz", "no --gin_file"),
    ("import_weights", f"{NEW} --generator={{bad}}/text.txt", "which is none of these"),
    ("import_weights", f"{NEW} --generator={{bad}}/nowhere", "which is missing"),
    (
        "import_weights",
        f"{NEW} --generator={{bad}}/code",
        "a pickle that refers to posix.mkdir, which loading would execute",
    ),
    ("import_weights", f"{NEW} --generator={{bad}}/code/pytorch_model.bin", "refers to posix.mkdir"),
    ("import_weights", f"{IMPORT} --generator={{bad}}/code/pytorch_model.bin", "refers to posix.mkdir"),
    ("import_weights", f"{NEW} --generator={{bad}}/no_settings", "config.json is missing"),
    ("import_weights", f"{NEW} --generator={{bad}}/no_weights", "pytorch_model.bin is missing"),
    ("import_weights", f"{NEW} --generator={{bad}}/torn_settings", "torn_settings/config.json must be"),
    ("import_weights", f"{NEW} --generator={{bad}}/few_sets", "n_stats=51; received 3"),
    ("import_weights", f"{NEW} --generator={{bad}}/sizes", "embeddings.weight: has shape (2, 3), (6, 5) is needed"),
    ("import_weights", f"{NEW} --generator={{bad}}/sizes --discriminator=D.pth", "generators only"),
    ("import_weights", f"{NEW} --generator={{bad}}/sizes --class_names={{bad}}/nowhere.txt", "nowhere.txt"),
    ("import_weights", f"{NEW} --generator={{bad}}/sizes --class_names={{bad}}/text.txt", "5; received 1 from"),
    ("import_weights", f"{NEW} --generator={{bad}}/sizes --class_names={{bad}}/twice.txt", "'a' in line 3"),
    ("import_weights", f"--format=tfhub_biggan_deep {NEW} --generator={{bad}}/empty", "variables/variables.index"),
    ("import_weights", f"--format=tfhub {NEW} --generator={{bad}}/empty", "tfhub"),
    ("sample", "--run_dir={run} --statistics=published", "has none for step 4"),
    ("export", "--run_dir={run} --out={bad}/e --statistics=published --truncation_mode=scaled", "scaled_truncated"),
    ("export", "--run_dir={run} --out={bad}/text.txt --statistics=moving", "text.txt"),
    (
        "export",
        "--run_dir={run} --out={bad}/e~[2] --statistics=moving",
        "must have no bracket or backslash",
    ),
    ("sample", "--run_dir={run} --num=2 --statistics=moving --npz={bad}/empty", "empty"),
    ("sample", "--run_dir={run} --num=2 --statistics=moving --out={bad}/text.txt/a.png", "text.txt"),
    ("sample", "--run_dir={run} --step=3", "no checkpoint of step 3; there is 4"),
    ("sample", "--run_dir={run} --step=-1", "no checkpoint of step -1"),
    ("evaluate", "--run_dir={run} --step=3 --extractor={bad}/empty", "empty"),
    ("evaluate", "--run_dir={run} --memorization --step=3", "no checkpoint of step 3; there is 4"),
    ("visualize", "attention --run_dir={run} --step=3", "no checkpoint of step 3; there is 4"),
    ("export", "--run_dir={run} --out={bad}/e --step=3 --statistics=moving", "no checkpoint of step 3; there is 4"),
    ("explore", "--run_dir={run} --step=3 --port=0", "no checkpoint of step 3; there is 4"),
    ("evaluate", "--table=runs --run_dirs={run}", "without metrics.jsonl"),
    ("evaluate", "--table=runs --run_dirs={bad}/measured --step=3", "There are results of 4"),
    ("evaluate", "--table=sagan_table9 --run_dirs={run}", "sagan_table9"),
    ("evaluate", "--saved_model={bad}/empty --reference={bad}/good.npz", "saved_model.pb"),
    ("evaluate", "--saved_model={bad}/empty", "received neither"),
    ("evaluate", "--saved_model={bad}/empty --reference=train", "--reference=train without --run_dir"),
    # Damaged runs.
    *[
        (verb, f"{flags} --run_dir={{bad}}/{run}".strip(), word)
        for verb, flags in (("sample", ""), ("evaluate", ""), ("visualize", "report"), ("export", "--out={bad}/e"))
        for run, word in (("no_json", "run.json"), ("no_facts", "run.json"), ("no_config", "config.gin"))
    ],
    # Images and references.
    *[
        ("evaluate", f"--images={{bad}}/{name} --reference={{bad}}/good.npz --extractor={{bad}}/empty", said)
        for name, said in (
            ("nowhere.npz", "nowhere.npz"),
            ("text.txt", "text.txt"),
            ("torn.npz", "torn.npz"),
            ("void.npz", "void.npz"),
            ("empty", "empty"),
            ("damaged", "damaged"),
            ("floats.npz", "float32"),
            ("halves.npz", "the label 0.5"),
            ("objects.npz", "objects.npz"),
            ("short.npz", "short.npz"),
            ("floats.npy", "floats.npy"),
        )
    ],
    *[
        ("evaluate", f"--images={{bad}}/good.npz --reference={{bad}}/{name} --extractor={{bad}}/empty", said)
        for name, said in (
            ("nowhere", "nowhere"),
            ("nan.npz", "nan.npz, where sigma holds numbers that are not finite"),
            ("negative.npz", "negative.npz, where sigma has a negative variance"),
            ("skew.npz", "skew.npz, where sigma is not symmetric"),
            ("vector.npz", "vector.npz"),
            ("words.npz", "words.npz"),
            ("torn.npz", "torn.npz"),
        )
    ],
    ("evaluate", "--images={bad}/good.npz", "--reference"),
    ("evaluate", "--images={bad}/good.npz --reference=train", "--reference=train"),
    ("evaluate", "--images=procedural --reference=procedural", "--resolution"),
    ("evaluate", "--images=procedural --reference=procedural --resolution=-1", "-1"),
    ("evaluate", f"{A_AND_B} --extractor={{bad}}/nowhere", "nowhere"),
    ("evaluate", f"{A_AND_B} --inception={{bad}}/nowhere", "nowhere"),
    ("evaluate", f"{A_AND_B} --extractor=dataset", "classes"),
    # Classes, layers, points.
    ("sample", "--run_dir={run} --classes=cat", "cat"),
    ("sample", "--run_dir={run} --classes=0,,1", "'0,,1'"),
    ("sample", "--run_dir={run} --classes=10", "10"),
    ("sample", "--run_dir={run} --classes=²", "²"),
    ("visualize", "classes --run_dir={run} --classes=", "''"),
    ("visualize", "attention --run_dir={run} --points=a,b", "a,b"),
    ("visualize", "attention --run_dir={run} --layer=x", "--layer=x"),
    ("sample", "--run_dir={run} --seed=-1", "-1"),
    ("sample", "--run_dir={run} --strategy=tpus", "tpus"),
    # gin.
    *[
        ("train", f"{GIN} {NEW} --gin_bindings={binding}", said)
        for binding, said in (
            ("train.batch_size=0", "batch_size=0"),
            ("train.batch_size=64.0", "batch_size=64.0"),
            ("train.batch_size", "batch_size"),
            ("train.average=@MovingAverage", "@MovingAverage()"),
            ("train.evaluation=@EvaluationOptions", "@EvaluationOptions()"),
            ("train.optimizer=@TwoTimescaleAdam", "@TwoTimescaleAdam()"),
            ("train.data=@ImageFolder", "@ImageFolder()"),
            ("train.data=3", "train.data"),
            ("train.spec=None", "train.spec"),
            ("train.table_size=2", "table_size=2"),
            ("train.latent='uniforn'", "uniforn"),
            ("train.best_by='is2'", "is2"),
            ("EvaluationOptions.metrics='fid'", "metrics='fid'"),
            ("EvaluationOptions.n_samples=-5", "n_samples=-5"),
            ("EvaluationOptions.seed=-1", "seed=-1"),
            ("train.seed=36028797018963968", "from 0 to 36,028,797,018,963,967; received train.seed="),
            ("families.sagan.resolution=33", "33"),
            ("families.sagan.width='wide'", "wide"),
            ("nothing.here=1", "nothing"),
        )
    ],
    ("train", f"{GIN} {NEW} --gin_bindings=train.evaluate_every=2 --gin_bindings=train.evaluation=None", "evaluation"),
    ("train", f"{GIN} {NEW} --gin_bindings=train.evaluate_every=2 --gin_bindings=train.best_by='kid'", "kid"),
]


@pytest.fixture(scope="module")
def places(tiny_run, tmp_path_factory):
    """A run, and a folder `bad` of what isn't one, or isn't images."""
    root = tmp_path_factory.mktemp("inputs")
    run, bad = root / "run", root / "bad"
    shutil.copytree(tiny_run, run)
    for name in ("empty", "pictures/a", "damaged/a", "damaged/b"):
        (bad / name).mkdir(parents=True)
    Image.fromarray(PIXELS[0]).save(bad / "pictures" / "a" / "0.png")
    Image.fromarray(PIXELS[0]).save(bad / "damaged" / "a" / "0.png")
    (bad / "damaged" / "b" / "1.png").write_bytes((bad / "pictures" / "a" / "0.png").read_bytes()[:60])
    (bad / "text.txt").write_text("no images, no run")
    (bad / "binary.gin").write_bytes(bytes(range(256)))
    save_arrays(bad)
    save_published(bad)
    for name in ("no_json", "no_facts", "no_config", "measured"):
        shutil.copytree(tiny_run, bad / name, ignore=shutil.ignore_patterns("checkpoints"))
    shutil.copytree(tiny_run, bad / "torn_run")
    next((bad / "torn_run").glob("checkpoints/*/*.index")).write_bytes(b"")
    (bad / "no_json" / "run.json").write_text("{")
    (bad / "no_facts" / "run.json").write_text("{}")
    (bad / "no_config" / "config.gin").unlink()
    (bad / "measured" / "metrics.jsonl").write_text('{"fid": 1.0, "protocol": {"step": 4}}\n')
    return {"run": run, "bad": bad}


def save_arrays(bad):
    np.savez(bad / "good.npz", PIXELS)
    np.savez(bad / "void.npz")
    (bad / "torn.npz").write_bytes((bad / "good.npz").read_bytes()[:-200])
    np.savez(bad / "floats.npz", PIXELS.astype(np.float32))
    np.save(bad / "floats.npy", PIXELS.astype(np.float32))
    np.savez(bad / "halves.npz", PIXELS, labels=np.arange(6) / 2)
    np.savez(bad / "objects.npz", PIXELS, labels=np.array([None] * 6))
    np.savez(bad / "short.npz", PIXELS, labels=np.arange(3))
    sigma = np.eye(3)
    np.savez(bad / "nan.npz", mu=np.zeros(3), sigma=sigma * np.nan)
    np.savez(bad / "negative.npz", mu=np.zeros(3), sigma=-sigma)
    np.savez(bad / "skew.npz", mu=np.zeros(3), sigma=np.triu(np.ones((3, 3))))
    np.savez(bad / "vector.npz", mu=np.zeros(3), sigma=np.zeros(3))
    np.savez(bad / "words.npz", mu=np.array(["a", "b"]), sigma=np.eye(2))


class Code:
    """What an attacker would put into a pickle."""

    def __reduce__(self):
        return os.mkdir, ("made",)


def save_published(bad):
    """Folders of Hugging Face's port, each with another fault."""
    sets = {"generator.bn.running_means": np.zeros((51, 8), np.float32)}
    states = {
        "code": {**sets, "code": pickle.dumps(Code(), protocol=2)[2:-1]},
        "no_settings": sets,
        "torn_settings": sets,
        "few_sets": {"generator.bn.running_means": np.zeros((3, 8), np.float32)},
        "sizes": {**sets, "embeddings.weight": np.zeros((2, 3), np.float32)},
    }
    for name, state in states.items():
        (bad / name).mkdir()
        write_sequential(bad / name / "pytorch_model.bin", state)
        (bad / name / "config.json").write_text(json.dumps(CONFIG))
    (bad / "no_settings" / "config.json").rename(bad / "elsewhere.json")
    (bad / "torn_settings" / "config.json").write_text("{")
    (bad / "no_weights").mkdir()
    (bad / "no_weights" / "config.json").write_text(json.dumps(CONFIG))
    (bad / "twice.txt").write_text("a\nb\na\n")


def contents(root: Path) -> dict[str, str]:
    """Every file below a folder, with a hash of its content; every folder."""
    found = {str(path): hashlib.md5(path.read_bytes()).hexdigest() for path in root.rglob("*") if path.is_file()}
    return found | {str(path): "" for path in root.rglob("*") if path.is_dir()}


@pytest.mark.parametrize(("verb", "flags", "said"), CASES, ids=[f"{verb} {flags}"[:90] for verb, flags, _ in CASES])
def test_bad_input_is_one_sentence_and_changes_nothing(places, capsys, monkeypatch, tmp_path, verb, flags, said):
    monkeypatch.setenv("SAGAN_TF_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("TFHUB_CACHE_DIR", raising=False)
    root = places["run"].parent
    before = contents(root)
    arguments = [flag.format(**places).replace("~", " ") for flag in flags.split()]
    try:
        code = VERBS[verb].main(arguments)
    except SystemExit as stop:
        code = stop.code
    err = capsys.readouterr().err
    assert code == 2 and "Traceback" not in err
    sentences = [line for line in err.splitlines() if line.startswith("error: ")]
    assert len(sentences) == 1 and said.format(**places) in err[err.index("error: ") :], err
    assert contents(root) == before


def test_every_verb_is_in_the_table():
    assert {verb for verb, _, _ in CASES} == set(VERBS)
    package = Path(train.__file__).parent
    verbs = {path.stem for path in package.glob("*.py") if "\ndef main(" in path.read_text(encoding="utf-8")}
    assert verbs - {"__main__"} == set(VERBS)
