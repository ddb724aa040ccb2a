"""A small random BigGAN-deep generator in exactly the forms of the published ones, which can't be had in tests.

Names, layouts and files are those that Hugging Face's pytorch-pretrained-BigGAN and its convert_tf_to_pytorch.py read:
the state dict of the port, and the variables and the graph of DeepMind's modules.
"""

import json
from pathlib import Path

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from tests.interop.torch_form import write_sequential

EMA = "/ema_0.9999"
LAYERS = ((False, 4, 4), (True, 4, 2), (False, 2, 2), (True, 2, 1))  # 16 px, as published: every second one upsamples
CONFIG = {
    "output_dim": 16, "z_dim": 6, "class_embed_dim": 6, "channel_width": 8, "num_classes": 5, "layers": LAYERS,
    "attention_layer_position": 2, "eps": 1e-4, "n_stats": 51,
}  # fmt: skip


def variables(rng, config=CONFIG):
    """The module's variables by name, and the statistics of its norms in order: (means, variances), (T,C) each."""
    width, z = config["channel_width"], config["z_dim"]
    found, statistics = {}, []

    def put(name, shape, u=True, bias=True):
        found[f"{name}/w{EMA}"] = rng.normal(0, 0.3, shape).astype(np.float32)
        if u:
            found[f"{name}/u0"] = rng.normal(size=(1, shape[-1])).astype(np.float32)
        if bias:
            found[f"{name}/b{EMA}"] = rng.normal(0, 0.1, shape[-1]).astype(np.float32)

    def statistics_of(channels):
        rise = np.linspace(0.5, 1.5, config["n_stats"])[:, None]
        statistics.append((rise * rng.normal(0, 0.2, channels), rise * rng.uniform(0.5, 2, channels)))

    put("linear", (config["num_classes"], z), u=False, bias=False)
    put("Generator/GenZ/G_linear", (2 * z, 16 * config["layers"][0][1] * width))
    for i, (_, inputs, outputs) in enumerate(config["layers"]):
        scope = f"Generator/GBlock_{i}" if i else "Generator/GBlock"
        inputs, hidden, outputs = inputs * width, inputs * width // 4, outputs * width
        for j, channels in enumerate((inputs, hidden, hidden, hidden)):
            for part in ("offset", "scale"):
                put(f"{scope}/BatchNorm{f'_{j}' if j else ''}/{part}", (2 * z, channels), bias=False)
            statistics_of(channels)
        wide = (3, 3, hidden, hidden)
        for j, shape in enumerate(((1, 1, inputs, hidden), wide, wide, (1, 1, hidden, outputs))):
            put(f"{scope}/conv{j}", shape)
    channels = config["layers"][config["attention_layer_position"]][1] * width
    eighth, half = channels // 8, channels // 2
    parts = {"theta": (channels, eighth), "phi": (channels, eighth), "g": (channels, half), "o_conv": (half, channels)}
    for part, shape in parts.items():
        put(f"Generator/attention/{part}", (1, 1, *shape), bias=False)
    found[f"Generator/attention/gamma{EMA}"] = np.float32(0.6)
    found[f"Generator/BatchNorm/scale{EMA}"] = rng.uniform(0.5, 1.5, (1, 1, 1, width)).astype(np.float32)
    found[f"Generator/BatchNorm/offset{EMA}"] = rng.normal(0, 0.1, (1, 1, 1, width)).astype(np.float32)
    statistics_of(width)
    put("Generator/conv_to_rgb", (3, 3, width, width))
    return found, [(a.astype(np.float32), b.astype(np.float32)) for a, b in statistics]


def write_module(folder: Path, found, statistics, graph=True):
    """An unpacked module: the variables, with raw weights beside the averages, and the graph that stacks statistics."""
    (folder / "variables").mkdir(parents=True)
    raw = {name.removesuffix(EMA): np.zeros_like(value) for name, value in found.items() if name.endswith(EMA)}
    everything = {**found, **raw, "global_step": np.int64(7)}
    tf.raw_ops.SaveV2(
        prefix=str(folder / "variables" / "variables"),
        tensor_names=list(everything),
        shape_and_slices=[""] * len(everything),
        tensors=[tf.constant(value) for value in everything.values()],
    )
    if graph:
        write_graph(folder, statistics)
    return folder


def write_graph(folder: Path, statistics, change=lambda graph_def: None):
    """saved_model.pb: five stacks a norm, of which the second and the fourth are means and variances."""
    graph = tf.Graph()
    with graph.as_default():
        tf.compat.v1.placeholder(tf.float32, [], name="truncation")
        tf.raw_ops.VarHandleOp(dtype=tf.float32, shape=[], name="Generator/other")  # not run
        for means, variances in statistics:
            for part in (np.arange(51.0), means, np.zeros(2), variances, np.ones(1)):
                tf.raw_ops.Pack(values=[tf.constant(row) for row in part], name="stack")
    stored = saved_model_pb2.SavedModel(saved_model_schema_version=1)
    stored.meta_graphs.add().graph_def.CopyFrom(graph.as_graph_def())
    change(stored.meta_graphs[0].graph_def)
    (folder / "saved_model.pb").write_bytes(stored.SerializeToString())


def state_dict(found, statistics, config=CONFIG):
    """The port's state dict of the same generator, made as its converter makes it: one power iteration from each u0."""
    state, place = {}, config["attention_layer_position"]

    def normalized(there, name, bias=True):
        weight = found[f"{name}/w{EMA}"]
        weight = weight.transpose(3, 2, 0, 1) if weight.ndim == 4 else weight.T
        matrix, u = weight.reshape(len(weight), -1), found[f"{name}/u0"][0]
        v = matrix.T @ u
        v /= max(np.linalg.norm(v), config["eps"])
        u = matrix @ v
        u /= np.linalg.norm(u)
        state.update({f"{there}.weight_orig": weight, f"{there}.weight_u": u, f"{there}.weight_v": v})
        if bias:
            state[f"{there}.bias"] = found[f"{name}/b{EMA}"]

    def norm(there, pair):
        state[f"{there}.running_means"], state[f"{there}.running_vars"] = pair

    state["embeddings.weight"] = found[f"linear/w{EMA}"].T
    normalized("generator.gen_z", "Generator/GenZ/G_linear")
    pairs = iter(statistics)
    for i in range(len(config["layers"])):
        there = f"generator.layers.{i + (i >= place)}"
        scope = f"Generator/GBlock_{i}" if i else "Generator/GBlock"
        for j in range(4):
            for part in ("scale", "offset"):
                normalized(f"{there}.bn_{j}.{part}", f"{scope}/BatchNorm{f'_{j}' if j else ''}/{part}", bias=False)
            norm(f"{there}.bn_{j}", next(pairs))
            normalized(f"{there}.conv_{j}", f"{scope}/conv{j}")
    attention = f"generator.layers.{place}"
    for part in ("theta", "phi", "g", "o_conv"):
        normalized(f"{attention}.snconv1x1_{part}", f"Generator/attention/{part}", bias=False)
    state[f"{attention}.gamma"] = np.reshape(found[f"Generator/attention/gamma{EMA}"], [1])
    for there, part in (("weight", "scale"), ("bias", "offset")):
        state[f"generator.bn.{there}"] = found[f"Generator/BatchNorm/{part}{EMA}"].reshape(-1)
    norm("generator.bn", next(pairs))
    normalized("generator.conv_to_rgb", "Generator/conv_to_rgb")
    return {name: np.asarray(array, np.float32) for name, array in state.items()}


def write_port(folder: Path, state, config=CONFIG, write=write_sequential):
    """The port's folder: pytorch_model.bin in the form of 2019, and config.json."""
    folder.mkdir(parents=True, exist_ok=True)
    write(folder / "pytorch_model.bin", {name: np.array(array, order="C") for name, array in state.items()})
    (folder / "config.json").write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    return folder
