"""Run in a process of its own, without sagan_tf and Keras: the exported signatures' outputs, and what they refuse.

python -I only_tensorflow.py MODEL OUT: writes OUT.npz, and OUT.json with the message for each wrong input.
"""

import json
import sys

sys.modules["sagan_tf"] = sys.modules["keras"] = sys.modules["tf_keras"] = None

import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402

signatures = tf.saved_model.load(sys.argv[1]).signatures
KINDS = {"z": tf.float32, "seed": tf.int64, "label": tf.int32, "truncation": tf.float32}


def call(name, **inputs):
    tensors = {key: tf.constant(value, KINDS[key]) for key, value in inputs.items()}
    return {key: value.numpy() for key, value in signatures[name](**tensors).items()}


def images(seeds, labels, truncation):
    return call("generate", seed=seeds, label=labels, truncation=truncation)["images"]


seeds, labels = np.arange(64) + 5, np.arange(64) % 10
truncation = np.resize([0.5, 2.0, 1.0], 64)
z = np.random.default_rng(0).standard_normal([3, 8]).astype(np.float32)
arrays = {
    "of_64": images(seeds, labels, truncation),
    "of_40": images(seeds[:40], labels[:40], truncation[:40]),
    "of_2": images(seeds[:2], labels[:2], truncation[:2]),
    "of_70": images(np.arange(70) + 5, np.resize(labels, 70), np.resize(truncation, 70)),
    "of_70_alone": images(np.arange(64, 70) + 5, np.resize(labels, 70)[64:], np.resize(truncation, 70)[64:]),
    "of_7": images(seeds[:7], labels[:7], truncation[:7]),
    "of_1": np.concatenate([images(seeds[i : i + 1], labels[i : i + 1], truncation[i : i + 1]) for i in range(7)]),
    "z": z,
    "from_z": call("serving_default", z=z, label=[0, 1, 2], truncation=[0.5, 2.0, 1.0])["images"],
    "attention": call("attention", z=z, label=[0, 1, 2])["attention_8"],
}
png = call("png", seed=seeds[:2], label=labels[:2], truncation=truncation[:2])["png_bytes"]
arrays["png"] = np.stack([tf.io.decode_png(file).numpy() for file in png])
np.savez(sys.argv[2] + ".npz", **arrays)

ONES = [1.0, 1.0]
WRONG = {
    "label too large": {"z": z[:2], "label": [0, 10], "truncation": ONES},
    "label negative": {"z": z[:2], "label": [-1, 0], "truncation": ONES},
    "label empty": {"z": z[:0], "label": [], "truncation": []},
    "z too wide": {"z": np.zeros([2, 9]), "label": [0, 1], "truncation": ONES},
    "z NaN": {"z": z[:2] * np.nan, "label": [0, 1], "truncation": ONES},
    "z infinite": {"z": z[:2] * np.inf, "label": [0, 1], "truncation": ONES},
    "z too few": {"z": z[:1], "label": [0, 1], "truncation": ONES},
    "truncation zero": {"z": z[:2], "label": [0, 1], "truncation": [1.0, 0.0]},
    "truncation too large": {"z": z[:2], "label": [0, 1], "truncation": [1.0, 2.1]},
    "truncation NaN": {"z": z[:2], "label": [0, 1], "truncation": [1.0, np.nan]},
    "truncation too few": {"z": z[:2], "label": [0, 1], "truncation": [1.0]},
    "seed too few": {"seed": [1], "label": [0, 1], "truncation": ONES},
    "label of attention": {"z": z[:2], "label": [0, 10]},
}
messages = {}
for what, inputs in WRONG.items():
    signature = "generate" if "seed" in inputs else "serving_default" if "truncation" in inputs else "attention"
    try:
        call(signature, **inputs)
        messages[what] = "accepted"
    except tf.errors.InvalidArgumentError as error:
        messages[what] = str(error)
with open(sys.argv[2] + ".json", "w") as file:
    json.dump(messages, file)
