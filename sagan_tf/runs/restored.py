"""Networks of a run with the weights of one of its checkpoints."""

import tensorflow as tf

from sagan_tf.layers.variable_names import named_variables
from sagan_tf.models.discriminator import Discriminator
from sagan_tf.runs.run_directory import RunDirectory, RunError


def restored_discriminator(run: RunDirectory, *, step: int | None = None) -> tuple[Discriminator, int]:
    """D with the weights of the newest good checkpoint (or of `step`), and that step.

    Raises:
      RunError: if there is no checkpoint.
    """
    discriminator = Discriminator(run.spec(), numerics=run.experiment().numerics, seed=None)
    return discriminator, restore(run, discriminator, "discriminator", step)


def restore(run: RunDirectory, network: tf.keras.Model, group: str, step: int | None = None) -> int:
    """Reads a network's weights from a checkpoint, and returns its step.

    group: "generator", "average" or "discriminator".

    Raises:
      RunError: if there is no checkpoint, or it holds no such network.
    """
    store = run.checkpoints()
    steps = store.steps() if step is None else [step]
    held = store.groups(steps[-1]) if steps else ()
    if group == "discriminator" and held and group not in held:
        raise RunError(
            f"the run in {run.path} has no discriminator: only a generator was imported. Train a new one with"
            f" --init_from={run.path}."
        )
    variables = {f"{group}.{name}": v for name, v in named_variables(network).items()}
    found = store.restore(variables, step)
    if found is None:
        raise RunError(
            f"the run in {run.path} has no checkpoint yet. Train it first: repeat its command (run.json has it)."
        )
    return found
