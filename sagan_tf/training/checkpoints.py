"""Durable checkpoints: whole or not there, verified before they are believed, the newest good one wins.

A checkpoint is the folder `step-00001000` with TensorFlow's own checkpoint files and `manifest.json` (the step, the
name, shape and type of every variable, size and SHA-256 of every file). It is written beside its place, flushed to
disk, and renamed; a crash leaves at most a `.tmp-*` folder, which the next save removes. What must not be pruned, such
as the best one, lies in a folder of its own, `best/step-00001000`, with `kept.json`, which says why.
"""

import json
import os
import re
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import tensorflow as tf

from sagan_tf.foundation import files
from sagan_tf.training.state_check import first_non_finite

_MANIFEST, _KEPT = "manifest.json", "kept.json"
_NAME = re.compile(r"step-(\d{8})")
# Everything that TensorFlow raises on damaged files.
_DAMAGE = (tf.errors.OpError, IndexError, ValueError, AssertionError, OSError, KeyError)


class CheckpointError(RuntimeError):
    """A checkpoint can't be written, or there are some and none can be used."""


@dataclass(frozen=True, kw_only=True)
class Kept:
    """What is known of a checkpoint that is kept apart."""

    step: int
    why: str
    score: float | None


class CheckpointStore:
    """The checkpoints below one folder, the last `keep` of them kept.

    variables: all state by stable names. `say` is given one line for everything unusual.
    """

    def __init__(self, folder: Path, *, keep: int = 3, say: Callable[[str], None] = print):
        if keep < 1:
            raise ValueError(f"keep_checkpoints must be at least 1; received keep_checkpoints={keep!r}.")
        self.folder = Path(folder)
        self.keep = keep
        self.say = say

    def steps(self) -> list[int]:
        """The steps of all checkpoints, ascending."""
        names = (p.name for p in self.folder.iterdir()) if self.folder.is_dir() else ()
        return sorted(int(match[1]) for match in map(_NAME.fullmatch, names) if match)

    def path(self, step: int) -> Path:
        return self.folder / f"step-{step:08d}"

    def save(self, variables: Mapping[str, tf.Variable], step: int) -> Path:
        """Writes one checkpoint; an existing one of this step is left as it is.

        Raises:
          CheckpointError: if the disk is full or can't be written; older checkpoints stay as they are.
        """
        if self.path(step).exists():
            return self.path(step)
        temporary = self.folder / f".tmp-step-{step:08d}-{os.getpid()}"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._sweep()
            self._write(temporary, variables, step)
            files.move(temporary, self.path(step))
        except (OSError, tf.errors.OpError) as error:
            shutil.rmtree(temporary, ignore_errors=True)
            why = files.reason(error) or error
            needed = sum(v.dtype.size * v.shape.num_elements() for v in variables.values()) >> 20
            raise CheckpointError(
                f"the checkpoint of step {step} could not be written to {self.folder} ({why}); "
                f"it needs {needed} MB and {files.free_megabytes(self.folder)} MB are free. Older checkpoints are "
                "untouched: make room and repeat the command."
            ) from error
        for old in self.steps()[: -self.keep]:
            shutil.rmtree(self.path(old), ignore_errors=True)
        return self.path(step)

    def _sweep(self) -> None:
        files.sweep(self.folder)

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

    def keep_apart(self, step: int, name: str, *, why: str, score: float | None = None) -> Path:
        """Keeps the checkpoint of a step in the folder `name`, where it isn't pruned, in place of the one kept there.

        why, score: for `kept.json`; `kept` reads them.
        """
        target = self.apart(name).path(step)
        if not target.exists():
            temporary = self.folder / f".tmp-{name}-{os.getpid()}"
            files.share(self.path(step), temporary)
            target.parent.mkdir(exist_ok=True)
            files.move(temporary, target)
        files.write_text(target.parent / _KEPT, json.dumps({"step": step, "why": why, "score": score}), durable=True)
        for old in set(self.apart(name).steps()) - {step}:
            shutil.rmtree(self.apart(name).path(old))
        return target

    def apart(self, name: str) -> "CheckpointStore":
        """What `keep_apart` keeps under this name, to be read as any other."""
        return CheckpointStore(self.folder / name, say=self.say)

    def find(self, step: int) -> Path:
        """Where the checkpoint of a step lies: among the last ones, or kept apart."""
        places = (self.path(step), *sorted(self.folder.glob(f"*/{self.path(step).name}")))
        return next((place for place in places if place.exists()), self.path(step))

    def kept(self, name: str) -> Kept | None:
        """Why which step is kept apart; None if there is none."""
        path = self.folder / name / _KEPT
        return Kept(**json.loads(path.read_text(encoding="utf-8"))) if path.exists() else None

    def restore(
        self, variables: Mapping[str, tf.Variable], step: int | None = None, *, quarantine: bool = False
    ) -> int | None:
        """Reads the newest good checkpoint (or the one of `step`, which may be kept apart) and returns its step.

        A damaged one is said aloud (and renamed to `*.bad` by the run's owner, with `quarantine`), and the one before
        it is tried. None if there is none at all.

        Raises:
          CheckpointError: if there are some and none can be read, if there is none of `step`, or if one doesn't fit the
            variables.
        """
        if step is not None and not self.find(step).exists():
            raise CheckpointError(self._no_step(step))
        steps = [step] if step is not None else self.steps()[::-1]
        for candidate in steps:
            path = self.find(candidate)
            try:
                self._read(path, variables)
                return candidate
            except _DAMAGE as error:
                self.say(f"Checkpoint {path} can't be used: {str(error).splitlines()[0][:200]}")
                if quarantine and path.exists():
                    self._set_aside(path)
        if steps or list(self.folder.glob("*.bad")):
            raise CheckpointError(
                f"no usable checkpoint is in {self.folder} (damaged ones are set aside as *.bad). "
                "Restore the folder from a copy, or start a new run in another directory."
            )
        return None

    def _no_step(self, step: int) -> str:
        """What to say of a step that has no checkpoint: those that have one, the ones that are kept apart too."""
        apart = {int(match[1]) for p in self.folder.glob("*/step-*") if (match := _NAME.fullmatch(p.name))}
        there = sorted(apart | set(self.steps()))
        if not there:
            return f"no checkpoint of step {step}; there is none yet in {self.folder}. Train the run first."
        return (
            f"no checkpoint of step {step}; there {'are' if len(there) > 1 else 'is'} {', '.join(map(str, there))} in "
            f"{self.folder}. Name one of them, or leave --step out for the newest."
        )

    @staticmethod
    def _set_aside(path: Path) -> None:
        target = path.with_name(path.name + ".bad")
        shutil.rmtree(target, ignore_errors=True)
        os.rename(path, target)

    @staticmethod
    def _read(folder: Path, variables: Mapping[str, tf.Variable]) -> None:
        manifest = json.loads((folder / _MANIFEST).read_text())
        for name, expected in manifest["files"].items():
            file = folder / name
            if file.stat().st_size != expected["size"] or files.sha256(file) != expected["sha256"]:
                raise ValueError(f"{name} does not match its checksum")
        _check_fit(folder, {name: tuple(shape) for name, shape, _ in manifest["variables"]}, variables)
        status = tf.train.Checkpoint(variables=dict(variables)).read(str(folder / "state"))
        status.assert_existing_objects_matched()
        status.expect_partial()
        if bad := first_non_finite(variables):
            raise ValueError(f"{bad} holds numbers that are not finite")


def _check_fit(folder: Path, saved: dict[str, tuple], variables: Mapping[str, tf.Variable]) -> None:
    """What is asked for must be in the checkpoint with its shape; it may hold more (a sampler reads G only)."""
    for name, variable in variables.items():
        if saved.get(name) != tuple(variable.shape):
            has = f"has shape {saved[name]}" if name in saved else "is missing"
            raise CheckpointError(
                f"checkpoint {folder} doesn't fit this configuration: {name} {has} there and is "
                f"{tuple(variable.shape)} here. Use the configuration that the run was started with."
            )
