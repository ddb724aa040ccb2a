"""SAGAN and BigGAN on TensorFlow 2 and Keras: networks, training, evaluation, figures and export."""

from sagan_tf.foundation import quiet_import
from sagan_tf.foundation.interruption import answer_while_importing

__version__ = "0.1.0"


def load(run, *, average=None, step=None, statistics=None):
    """Loads a trained run, which draws images: `sagan_tf.load("RUN").images([3, "cat"], seed=7)`; see TrainedModel."""
    from sagan_tf.runs.trained import TrainedModel  # here, so that importing the package doesn't import TensorFlow

    return TrainedModel(run, average=average, step=step, statistics=statistics)


def fit(experiment, run_dir, *, steps=None, callbacks=(), strategy="auto", init_from=None, class_map=None):
    """Trains an `Experiment` in a run directory, and returns it as a model; see runs/notebook.py."""
    from sagan_tf.runs import notebook

    options = {"strategy": strategy, "init_from": init_from, "class_map": class_map}
    return notebook.fit(experiment, run_dir, steps=steps, callbacks=callbacks, **options)


def measure(run_dir, options=None, *, step=None, average=None, reference="train", data_dir=None):
    """Measures a run's samples against real images; see runs/notebook.py."""
    from sagan_tf.runs import notebook

    return notebook.measure(run_dir, options, step=step, average=average, reference=reference, data_dir=data_dir)


answer_while_importing()
quiet_import.install()
