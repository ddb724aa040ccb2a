"""TF-GAN's Inception module (graph of 2015-12-05): finds it and loads it once per process.

IS and FID of the papers are functions of exactly this network: of its `logits` (1008) and `pool_3` (2048) for images
resized to 299 x 299 as TensorFlow 1 did. No other network is ever stored under its name.
"""

import functools
import hashlib
import os
import pathlib
import socket

import tensorflow as tf

from sagan_tf.evaluation.features import SavedModelExtractor

HANDLE = "https://tfhub.dev/tensorflow/tfgan/eval/inception/1"
FOLDER = hashlib.sha1(HANDLE.encode()).hexdigest()  # as TF-Hub names its cache folders
IMAGE_SIZE = 299
TIMEOUT_SECONDS = 30


class InceptionMissingError(ValueError):
    """Inception was requested and isn't available; the message says what to copy where."""


def inception(location: str | None = None) -> SavedModelExtractor:
    """Loads Inception from a local or gs:// folder, from `$TFHUB_CACHE_DIR`, or else from TF-Hub.

    Raises:
      InceptionMissingError: if it is not available.
    """
    directory = location or local_inception() or _download()
    if not tf.io.gfile.exists(f"{directory}/saved_model.pb"):
        raise InceptionMissingError(
            f"Inception's folder must hold saved_model.pb; received location={directory!r}. {_remedy()}"
        )
    return _load(directory)


def local_inception() -> str | None:
    """The module's folder in `$TFHUB_CACHE_DIR`, or None; never uses the network."""
    root = os.environ.get("TFHUB_CACHE_DIR")
    directory = f"{root}/{FOLDER}" if root else None
    return directory if directory and tf.io.gfile.exists(f"{directory}/saved_model.pb") else None


@functools.lru_cache(maxsize=1)
def _load(directory: str) -> SavedModelExtractor:
    # TF-GAN's own helper loads the module again at each call and keeps the memory (tensorflow/gan issue 25).
    return SavedModelExtractor(directory, name="inception-2015-12-05", image_size=IMAGE_SIZE)


def _remedy() -> str:
    root = os.environ.get("TFHUB_CACHE_DIR") or "/path/to/tfhub_cache"
    return (
        f"Copy the unpacked module {HANDLE} (saved_model.pb and variables/) from a machine with network access to "
        f"{root}/{FOLDER} and set TFHUB_CACHE_DIR={root}."
    )


def _download() -> str:
    root = os.environ.get("TFHUB_CACHE_DIR")
    lock = pathlib.Path(root, f"{FOLDER}.lock") if root else None
    if lock and lock.exists():  # TF-Hub would wait forever for the lock's owner
        raise InceptionMissingError(
            f"Inception's download must not be locked; received lock={str(lock)!r}. "
            f"If no download is under way, remove it. {_remedy()}"
        )
    import tensorflow_hub

    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(TIMEOUT_SECONDS)  # TF-Hub itself has none
    try:
        return tensorflow_hub.resolve(HANDLE)
    except Exception as error:  # it raises many kinds, RuntimeError among them
        raise InceptionMissingError(
            f"Inception must be on this machine or on the network; received error={str(error)[:200]!r}. {_remedy()}"
        ) from error
    finally:
        socket.setdefaulttimeout(before)
