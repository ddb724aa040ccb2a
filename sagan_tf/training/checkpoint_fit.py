"""Whether a checkpoint fits the state that it is to be read into."""

from collections.abc import Collection, Mapping
from pathlib import Path

import tensorflow as tf


class CheckpointError(RuntimeError):
    """A checkpoint can't be written, or checkpoints exist but none can be used."""


def fitting(
    folder: Path, saved: Mapping[str, tuple], variables: Mapping[str, tf.Variable], *, may_lack: Collection[str] = ()
) -> dict[str, tf.Variable]:
    """The variables to be read: all of them, without those of `may_lack` that the checkpoint doesn't have.

    folder: the checkpoint's, for the message.
    saved: the shapes in the checkpoint, by name. It may hold more: a sampler reads G only.

    Raises:
      CheckpointError: for the first variable that is missing or has another shape.
    """
    wanted = {name: v for name, v in variables.items() if name in saved or name not in may_lack}
    for name, variable in wanted.items():
        if saved.get(name) != tuple(variable.shape):
            saved_as = f"has shape {saved[name]}" if name in saved else "is missing"
            raise CheckpointError(
                f"checkpoint {folder} doesn't fit this configuration: {name} {saved_as} there and is "
                f"{tuple(variable.shape)} here. Use the configuration that the run was started with."
            )
    return wanted
