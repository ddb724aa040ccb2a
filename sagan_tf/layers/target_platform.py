"""The platform that the layers choose their algorithms for: this process's devices, or one that a caller names."""

import contextlib
from collections.abc import Iterator
from typing import Literal, get_args

import tensorflow as tf

from sagan_tf.foundation.choices import check_choice

Platform = Literal["cpu", "gpu", "tpu"]

# The platform of the innermost `targeting` block. Of the process, not of a thread: strategies trace in threads of their
# own.
_named: Platform | None = None


def target_platform() -> Platform:
    """The platform that the operations traced now are meant for.

    It is the one that the innermost `targeting` block names, or else "tpu" or "gpu" if TensorFlow has such a device in
    this process, or else "cpu".
    """
    if _named is not None:
        return _named
    return next((kind for kind in ("tpu", "gpu") if tf.config.list_logical_devices(kind.upper())), "cpu")


@contextlib.contextmanager
def targeting(platform: Platform) -> Iterator[None]:
    """Within this block the layers choose the algorithms of `platform`, whatever devices the process has.

    This serves to compile a program for a device that is not present. A `tf.function` keeps the algorithms of the
    platform for which it was traced.

    Raises:
      ValueError: for an unknown platform.
    """
    global _named
    check_choice("targeting", "platform", platform, get_args(Platform))
    before, _named = _named, platform
    try:
        yield
    finally:
        _named = before
