"""Importing the package is light, and TensorFlow comes without its notes."""

import os
import subprocess
import sys

LIGHT = """
import sys
import sagan_tf
import sagan_tf.foundation.choices, sagan_tf.foundation.files, sagan_tf.foundation.jsonl
import sagan_tf.foundation.refusals, sagan_tf.foundation.versions
import sagan_tf.models.families, sagan_tf.configuration.gin_config
heavy = {"tensorflow", "keras", "tf_keras"} & set(sys.modules)
assert not heavy, heavy
assert sagan_tf.models.families.sagan().resolution == 128
"""

QUIET = """
import os, sys, types, importlib.abc, importlib.machinery
import sagan_tf

class Noisy(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    def find_spec(self, name, path=None, target=None):
        return importlib.machinery.ModuleSpec(name, self) if name == "tensorflow" else None

    def create_module(self, spec):
        return None

    def exec_module(self, module):
        os.write(2, b"start-up note")
        if "fail" in sys.argv:
            raise ImportError("broken")
        module.config = types.SimpleNamespace(list_physical_devices=lambda kind: ["a GPU"])

noisy = Noisy()
sys.meta_path.insert(1, noisy)  # behind ours, before Python's
importlib.util.find_spec("tensorflow")  # asking doesn't import
import tensorflow
assert tensorflow.__loader__ is noisy and tensorflow.__spec__.loader is noisy
os.write(2, b"heard")
"""


def run(program, *arguments):
    environment = {name: value for name, value in os.environ.items() if name != "TF_CPP_MIN_LOG_LEVEL"}
    return subprocess.run([sys.executable, "-c", program, *arguments], env=environment, capture_output=True, text=True)


def test_importing_the_package_and_its_descriptions_needs_no_tensorflow():
    done = run(LIGHT)
    assert done.returncode == 0, done.stderr


def test_start_up_notes_are_held_back():
    done = run(QUIET)
    assert (done.returncode, done.stderr) == (0, "heard")


def test_start_up_notes_of_a_failed_import_are_shown():
    done = run(QUIET, "fail")
    assert done.returncode == 1 and "start-up note" in done.stderr and "broken" in done.stderr
