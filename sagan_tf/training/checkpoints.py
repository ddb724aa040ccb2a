"""Durable checkpoints: written completely or not at all, verified when read, and the newest good one is used.

A checkpoint is a folder such as `step-00001000` with TensorFlow's own checkpoint files and `manifest.json`: the step,
the name, shape and type of every variable, the size and SHA-256 of every file. It is written to a temporary folder,
flushed to disk, and renamed; a crash leaves at most a `.tmp-*` folder, which the next save removes. A checkpoint that
must not be pruned, such as the best one, lies in a folder of its own, `best/step-00001000`, with `kept.json`, which
says why it is kept.
"""

import json
import os
import re
import shutil
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tensorflow as tf

from sagan_tf.foundation import files
from sagan_tf.foundation.first_line import first_line
from sagan_tf.foundation.notes import warn
from sagan_tf.foundation.tensorflow_names import readable_by_tensorflow
from sagan_tf.training.checkpoint_fit import CheckpointError, fitting
from sagan_tf.training.state_check import first_non_finite

_MANIFEST, _KEPT = "manifest.json", "kept.json"
_NAME = re.compile(r"step-(\d{8})")
# Everything that TensorFlow raises on damaged files.
_DAMAGE = (tf.errors.OpError, IndexError, ValueError, AssertionError, OSError, KeyError)


@dataclass(frozen=True, kw_only=True)
class Kept:
    """Which step's checkpoint is kept apart, and why: the name of a metric with its score, or a reason without one."""

    step: int
    why: str
    score: float | None
    protocol: dict | None = None  # of the score; None in runs of earlier versions


class CheckpointStore:
    """The checkpoints in one folder.

    keep: how many of the newest are kept; older ones are removed.
    say: receives a line about every checkpoint that can't be used.

    The methods take `variables`, the state by stable names.

    Raises:
      ValueError: if keep is below 1.
    """

    def __init__(self, folder: Path, *, keep: int = 3, say: Callable[[str], None] = warn):
        if keep < 1:
            raise ValueError(f"keep_checkpoints must be at least 1; received keep_checkpoints={keep!r}.")
        self.folder = Path(folder)
        self.keep = keep
        self.say = say

    def steps(self) -> list[int]:
        """The steps that have a checkpoint, ascending, without those kept apart."""
        names = (p.name for p in self.folder.iterdir()) if self.folder.is_dir() else ()
        return sorted(int(match[1]) for match in map(_NAME.fullmatch, names) if match)

    def path(self, step: int) -> Path:
        """The folder of a step's checkpoint, whether it exists or not."""
        return self.folder / f"step-{step:08d}"

    def save(self, variables: Mapping[str, tf.Variable], step: int) -> Path:
        """Writes the checkpoint of a step and returns its folder; an existing one of that step is left as it is.

        Raises:
          CheckpointError: if the disk is full or can't be written to; older checkpoints stay as they are.
        """
        if self.path(step).exists():
            return self.path(step)
        temporary = self.folder / f".tmp-step-{step:08d}-{os.getpid()}"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            files.sweep(self.folder)
            self._write(temporary, variables, step)
            files.move(temporary, self.path(step))
        except (OSError, tf.errors.OpError) as error:
            shutil.rmtree(temporary, ignore_errors=True)
            reason = files.reason(error) or error
            needed = sum(v.dtype.size * v.shape.num_elements() for v in variables.values()) >> 20
            raise CheckpointError(
                f"the checkpoint of step {step} could not be written to {self.folder} ({reason}); "
                f"it needs {needed} MB and {files.free_megabytes(self.folder)} MB are free. Older checkpoints are "
                "untouched: make room and repeat the command."
            ) from error
        for old in self.steps()[: -self.keep]:
            shutil.rmtree(self.path(old), ignore_errors=True)
        return self.path(step)

    @staticmethod
    def _write(folder: Path, variables: Mapping[str, tf.Variable], step: int) -> None:
        folder.mkdir()
        tf.train.Checkpoint(variables=dict(variables)).write(str(folder / "state"))
        written = sorted(p for p in folder.iterdir() if p.is_file())
        manifest = {
            "step": step,
            "files": {p.name: {"size": p.stat().st_size, "sha256": files.sha256(p)} for p in written},
            "variables": [[name, list(v.shape), v.dtype.name] for name, v in sorted(variables.items())],
        }
        (folder / _MANIFEST).write_text(json.dumps(manifest, indent=1))
        for p in (*written, folder / _MANIFEST, folder):
            files.flush(p)

    def keep_apart(
        self, step: int, name: str, *, why: str, score: float | None = None, protocol: dict | None = None
    ) -> Path:
        """Keeps a step's checkpoint in the folder `name`, where it isn't pruned, and removes the one kept there before.

        why, score, protocol: are recorded in `kept.json`, which `kept` reads.
        """
        target = self.apart(name).path(step)
        if not target.exists():
            temporary = self.folder / f".tmp-{name}-{os.getpid()}"
            shutil.rmtree(temporary, ignore_errors=True)  # of a crashed process with the same id, as in a container
            files.share(self.path(step), temporary)
            target.parent.mkdir(exist_ok=True)
            files.move(temporary, target)
        kept = {"step": step, "why": why, "score": score, "protocol": protocol}
        files.write_text(target.parent / _KEPT, json.dumps(kept), durable=True)
        for old in set(self.apart(name).steps()) - {step}:
            shutil.rmtree(self.apart(name).path(old))
        return target

    def apart(self, name: str) -> "CheckpointStore":
        """The store of the checkpoint that `keep_apart` keeps under this name."""
        return CheckpointStore(self.folder / name, say=self.say)

    def find(self, step: int) -> Path:
        """The folder of a step's checkpoint, among the newest ones or kept apart."""
        candidates = (self.path(step), *sorted(self.folder.glob(f"*/{self.path(step).name}")))
        return next((path for path in candidates if path.exists()), self.path(step))

    def groups(self, step: int) -> frozenset[str]:
        """What a step's checkpoint holds ("generator", "average", ...); nothing where its manifest can't be read."""
        try:
            variables = json.loads((self.find(step) / _MANIFEST).read_text())["variables"]
            return frozenset(name.partition(".")[0] for name, *_ in variables)
        except _DAMAGE:
            return frozenset()

    def kept(self, name: str) -> Kept | None:
        """Which step is kept apart under this name, and why; None if there is none."""
        path = self.folder / name / _KEPT
        return Kept(**json.loads(path.read_text(encoding="utf-8"))) if path.exists() else None

    def restore(
        self,
        variables: Mapping[str, tf.Variable],
        step: int | None = None,
        *,
        quarantine: bool = False,
        may_lack: Collection[str] = (),
    ) -> int | None:
        """Reads the newest good checkpoint into the variables and returns its step; None if there is no checkpoint.

        step: read the checkpoint of this step instead, which may be kept apart.
        quarantine: whether damaged checkpoints are renamed to `*.bad`; for the process that owns the run.
        may_lack: names of variables that keep their values if the checkpoint doesn't have them.

        A damaged checkpoint is reported, and the one before it is tried.

        Raises:
          CheckpointError: if there are checkpoints but none can be read, if only those that are kept apart are left, if
            there is none of `step`, or if the checkpoint doesn't fit the variables.
        """
        return self._newest_good(lambda path: self._read(path, variables, may_lack), step, quarantine)

    def load(self, groups: Collection[str], step: int | None = None) -> tuple[int, dict[str, np.ndarray]] | None:
        """The step of the newest good checkpoint, and its values by name; None if there is no checkpoint.

        groups: the first parts of the names that are wanted, such as "generator".
        step: as in `restore`.

        Raises:
          CheckpointError: as in `restore`.
        """
        found: dict[str, tf.Variable] = {}

        def read(path: Path) -> None:
            found.clear()
            for name, shape, dtype in json.loads((path / _MANIFEST).read_text())["variables"]:
                if name.partition(".")[0] in groups:
                    found[name] = tf.Variable(tf.zeros(shape, dtype), trainable=False)
            self._read(path, found)

        good = self._newest_good(read, step)
        return None if good is None else (good, {name: variable.numpy() for name, variable in found.items()})

    def _newest_good(self, read: Callable[[Path], None], step: int | None, quarantine: bool = False) -> int | None:
        """Reads the newest checkpoint that `read` doesn't fail on, or that of `step`; its step, None without any."""
        if step is not None and not self.find(step).exists():
            raise CheckpointError(self._no_step(step))
        tried: set[int] = set()
        # Listed again after each failure: training may have removed the checkpoint, and written a newer one.
        while steps := {*(self.steps() if step is None else [step])} - tried:
            path = self.find(candidate := max(steps))
            try:
                read(path)
                return candidate
            except _DAMAGE as error:
                tried.add(candidate)
                if not path.exists():
                    continue
                self.say(f"Checkpoint {path} can't be used: {first_line(error)}")
                if quarantine:
                    self._set_aside(path)
        if step is not None and not self.find(step).exists():
            raise CheckpointError(self._no_step(step))
        apart = self._kept_apart()
        if tried or apart or list(self.folder.glob("*.bad")):
            copy = f"copy {apart[-1]}, which is kept apart, into it" if apart else "restore the folder from a copy"
            raise CheckpointError(
                f"no usable checkpoint is in {self.folder} (damaged ones are set aside as *.bad). To resume, {copy}; "
                "or start a new run in another directory."
            )
        return None

    def _kept_apart(self) -> list[Path]:
        """The checkpoints kept apart under any name, by their steps."""
        paths = (path for path in self.folder.glob("*/step-*") if _NAME.fullmatch(path.name))
        return sorted(paths, key=lambda path: path.name)

    def _no_step(self, step: int) -> str:
        """The message for a step without a checkpoint: it lists the steps that have one, those kept apart included."""
        steps = sorted({int(path.name.removeprefix("step-")) for path in self._kept_apart()} | set(self.steps()))
        if not steps:
            return f"no checkpoint of step {step}; there is none yet in {self.folder}. Train the run first."
        return (
            f"no checkpoint of step {step}; there {'are' if len(steps) > 1 else 'is'} {', '.join(map(str, steps))} in "
            f"{self.folder}. Name one of them, or leave --step out for the newest."
        )

    @staticmethod
    def _set_aside(path: Path) -> None:
        target = path.with_name(path.name + ".bad")
        shutil.rmtree(target, ignore_errors=True)
        os.rename(path, target)

    @staticmethod
    def _read(folder: Path, variables: Mapping[str, tf.Variable], may_lack: Collection[str] = ()) -> None:
        manifest = json.loads((folder / _MANIFEST).read_text())
        for name, expected in manifest["files"].items():
            if (folder / name).stat().st_size != expected["size"] or files.sha256(folder / name) != expected["sha256"]:
                raise ValueError(f"{name} does not match its checksum")
        saved = {name: tuple(shape) for name, shape, _ in manifest["variables"]}
        variables = fitting(folder, saved, variables, may_lack=may_lack)
        with readable_by_tensorflow(folder) as place:
            status = tf.train.Checkpoint(variables=dict(variables)).read(os.path.join(place, "state"))
        status.assert_existing_objects_matched().expect_partial()
        if bad := first_non_finite(variables):
            raise ValueError(f"{bad} holds numbers that are not finite")
