"""Checks the devices before training: `python launch/devices.py GPU 2` fails unless TensorFlow sees two GPUs.

A TPU is also started and asked to add a number over its replicas, since its wheels overwrite each other easily.
"""

import sys

import tensorflow as tf


def check(kind: str, least: int) -> None:
    """Prints the devices of the kind ("CPU", "GPU" or "TPU"); leaves with code 2 if there are fewer than `least`."""
    if kind == "TPU":
        from sagan_tf.training.strategy import create_strategy

        create_strategy("tpu")
    devices = tf.config.list_logical_devices(kind)
    if len(devices) < least:
        sys.exit(
            f"error: this machine must have at least {least} {kind}(s) that TensorFlow {tf.__version__} sees; "
            f"found {len(devices)}. Install the packages for it: launch/set_up.sh {kind.lower()}"
        )
    print(f"{len(devices)} {kind}(s): {', '.join(device.name for device in devices)}")


if __name__ == "__main__":
    try:
        check(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 1)
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
