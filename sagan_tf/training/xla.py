"""Whether the steps are compiled by XLA."""

from typing import Literal

import tensorflow as tf

from sagan_tf.training.strategy import StrategyError

Xla = bool | Literal["auto"]


def check_xla(xla: Xla) -> None:
    """Raises ValueError unless xla is True, False or "auto"."""
    if not (isinstance(xla, bool) or xla == "auto"):
        raise ValueError(f"train.xla must be True, False or 'auto'; received train.xla={xla!r}.")


def compiles(xla: Xla, strategy: tf.distribute.Strategy) -> bool:
    """Whether a step is to be given to XLA here; TPUs compile whatever they are given by themselves.

    auto: on one GPU. On the CPU it was not faster; several replicas reduce between their devices in the middle of a
    step, which TensorFlow can't compile but for TPUs.

    Raises:
      StrategyError: for True with several replicas, or False on TPUs.
    """
    if isinstance(strategy, tf.distribute.TPUStrategy):
        if xla is False:
            raise StrategyError("train.xla must not be False on TPUs, which run nothing else. Leave it at 'auto'.")
        return False
    replicas = strategy.num_replicas_in_sync
    if xla is True and replicas > 1:
        raise StrategyError(
            f"train.xla must not be True with several replicas; received train.xla=True for {replicas} replicas. "
            "Use 'auto', or one device."
        )
    return replicas == 1 and (bool(tf.config.list_logical_devices("GPU")) if xla == "auto" else xla)
