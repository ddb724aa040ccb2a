"""SAGAN and BigGAN on TensorFlow 2 and Keras: faithful, resumable, and pleasant to use."""

import os
import sys
import tempfile
from pathlib import Path

__version__ = "0.1.0"


def load(run, *, average=None, step=None, statistics=None):
    """A trained run, ready to draw images: `sagan_tf.load("RUN").images([3, "cat"], seed=7)`; see TrainedModel."""
    from sagan_tf.runs.trained import TrainedModel  # here, so that importing the package stays light

    return TrainedModel(run, average=average, step=step, statistics=statistics)


def _import_tensorflow() -> None:
    """Imports TensorFlow without its start-up notes; they are shown if the import or a GPU that is there fails.

    Set TF_CPP_MIN_LOG_LEVEL to see them in any case.
    """
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "2"
    sys.stderr.flush()
    stderr = os.dup(2)
    with tempfile.TemporaryFile() as notes:
        os.dup2(notes.fileno(), 2)
        shown = True
        try:
            import tensorflow as tf

            gpus = tf.config.list_physical_devices("GPU")
            shown = Path("/dev/nvidiactl").exists() and not gpus
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)
            if shown:
                notes.seek(0)
                sys.stderr.write(notes.read().decode(errors="replace"))


if "tensorflow" not in sys.modules and "TF_CPP_MIN_LOG_LEVEL" not in os.environ:
    _import_tensorflow()
