"""One checkpoint of a run for several measurements, while training may write newer ones and remove older ones."""

import contextlib
import dataclasses
import shutil
from collections.abc import Iterator

from sagan_tf.foundation import files
from sagan_tf.foundation.writers import signature
from sagan_tf.runs.evaluation import CheckpointChoice
from sagan_tf.runs.run_directory import RunDirectory


@contextlib.contextmanager
def one_checkpoint(run: RunDirectory, chosen: CheckpointChoice) -> Iterator[CheckpointChoice]:
    """The choice with its step, whose checkpoint can be read throughout the block even if training removes it.

    A choice without a step gets that of the newest checkpoint that can be read. The files are linked, not copied, where
    the file system has links; in a run directory that can't be written to, they are left to training.

    Raises:
      CheckpointError: if there are checkpoints but none can be read.
    """
    store = run.checkpoints()
    step = store.restore({}) if chosen.step is None else chosen.step
    linked = store.folder / f"{files.TEMPORARY}measured-{signature()}"
    try:
        if step is not None and store.find(step).exists():
            with contextlib.suppress(OSError):
                files.share(store.find(step), linked / store.path(step).name)
        yield dataclasses.replace(chosen, step=step)
    finally:
        shutil.rmtree(linked, ignore_errors=True)
