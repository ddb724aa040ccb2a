"""Versions of the packages that a result may depend on."""

import importlib.metadata
import os
import sys

import sagan_tf


def versions() -> dict[str, str]:
    """Version numbers by package; `keras` is the version behind tf.keras: 3.x, or 2.x of tf_keras."""
    legacy = os.environ.get("TF_USE_LEGACY_KERAS") in ("1", "true", "True")
    return {
        "sagan_tf": sagan_tf.__version__,
        "tensorflow": _version("tensorflow"),
        "numpy": _version("numpy"),
        "keras": _version("tf_keras" if legacy else "keras"),
    }


def _version(package: str) -> str:
    """The version of the imported package, else of the installed one; "unknown" if there is none.

    A distribution's name may differ from its package's (tensorflow-cpu, tf-nightly).
    """
    if version := getattr(sys.modules.get(package), "__version__", None):
        return version
    distributions = importlib.metadata.packages_distributions().get(package, [package])
    for name in distributions:
        try:
            return importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return "unknown"
