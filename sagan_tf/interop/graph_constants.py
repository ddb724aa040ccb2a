"""Values that a stored graph computes from its constants alone.

Only nodes of the operations below are run, extracted from the graph with their inputs: arithmetic on arrays that
accesses no variable, file or function. Other operations in the graph are not run.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from sagan_tf.foundation.first_line import first_line
from sagan_tf.interop.tensor_files import WeightsError

_ARITHMETIC = frozenset({
    "Add", "AddV2", "Cast", "ConcatV2", "Const", "ExpandDims", "Fill", "GatherV2", "Identity", "Maximum", "Minimum",
    "Mul", "Pack", "Pow", "RealDiv", "Reciprocal", "Reshape", "Shape", "Slice", "Split", "Sqrt", "Square", "Squeeze",
    "StridedSlice", "Sub", "Transpose", "Unpack",
})  # fmt: skip


def read_nodes(path: Path) -> dict[str, tf.compat.v1.NodeDef]:
    """The nodes of a SavedModel's first graph by name. path: of its saved_model.pb.

    Raises:
      WeightsError: if the file can't be read.
    """
    stored = saved_model_pb2.SavedModel()
    try:
        stored.ParseFromString(path.read_bytes())
        return {node.name: node for node in stored.meta_graphs[0].graph_def.node}
    except Exception as error:  # protobuf's errors differ between its implementations
        raise WeightsError(f"{path} must be a whole SavedModel with a graph; received {error}.") from error


def evaluated(nodes: Mapping[str, tf.compat.v1.NodeDef], names: Iterable[str], source: str) -> list[np.ndarray]:
    """The first output of each of these nodes.

    Raises:
      WeightsError: if one depends on anything but constants and arithmetic.
    """
    names, needed = list(names), {}
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name in needed:
            continue
        node = nodes.get(name)
        is_arithmetic = node is not None and node.op in _ARITHMETIC
        if not is_arithmetic:
            raise WeightsError(
                f"the statistics in the graph of {source} must be made of constants; received "
                f"{f'an operation {node.op}' if node is not None else 'a reference to a missing node'} in {name}. "
                "Unpack the module again."
            )
        needed[name] = node
        waiting += [given.lstrip("^").partition(":")[0] for given in node.input]
    graph = tf.Graph()
    cut_out = tf.compat.v1.GraphDef(node=needed.values())
    for node in cut_out.node:
        node.device = ""
        node.attr.pop("_class", None)
    try:
        with graph.as_default(), tf.compat.v1.Session(graph=graph) as session:
            tensors = tf.graph_util.import_graph_def(cut_out, return_elements=[f"{name}:0" for name in names], name="")
            return session.run(tensors)
    except (ValueError, tf.errors.OpError) as error:
        reason = first_line(error)
        raise WeightsError(f"the statistics in the graph of {source} must be computable; received {reason}.") from error
