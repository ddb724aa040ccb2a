"""Starting or resuming a run: a command is checked first, and recorded only once it is known to work.

`admit` compares configuration and data with what the run recorded, and writes nothing. `Admission.record` then writes
all of it together; training calls it when the networks are built and the checkpoint is restored, so that a command that
fails earlier leaves no trace. Changes that are always allowed (`experiment.free_on_resume`) are recorded too. The
configuration that a change replaces is kept as `config-STEP.gin`, and run.json's "history" says what changed.
"""

import contextlib
import dataclasses
import datetime
import json
import platform
import shlex
import sys
from pathlib import Path

from sagan_tf import experiment
from sagan_tf.configuration import gin_config
from sagan_tf.data.class_names import relabeled
from sagan_tf.data.source import Examples
from sagan_tf.foundation import files
from sagan_tf.foundation.notes import note
from sagan_tf.foundation.versions import versions
from sagan_tf.models import summary
from sagan_tf.models.transfer import check_same_networks
from sagan_tf.runs.data_changes import content_changes, data_facts, refuse_other_classes
from sagan_tf.runs.origin import RECORD, Origin, starts_fresh_discriminator
from sagan_tf.runs.run_directory import LOCK, RunDirectory, RunError

_OWN = ("config.gin", "config.json", "architecture.txt", RECORD, "run.json")
# The location of the data may change as long as their content is the same.
_PLACES = ("data.path", "data.data_dir")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Admission:
    """A run that may be started or resumed.

    Attributes:
      run, loaded: the run directory and the configuration.
      examples: the training data; labels index the class names that the run has recorded.
      data: what run.json will say about the data.
      is_new: whether the directory holds no run yet.
      changes: what differs from the run's record, one line each; none for a new run.
      origin: the networks from which the weights are still to be copied, see origin.py.
      facts, texts: further content of run.json and of other files for a new run, such as the origin of its networks.
    """

    run: RunDirectory
    loaded: gin_config.Loaded
    examples: Examples
    data: dict
    is_new: bool
    changes: tuple[str, ...] = ()
    origin: Origin | None = None
    facts: dict = dataclasses.field(default_factory=dict)
    texts: dict[str, str] = dataclasses.field(default_factory=dict)

    @property
    def fresh_discriminator(self) -> bool:
        """Whether D starts, or was started, from new weights with a trained G."""
        return starts_fresh_discriminator(self.facts if self.is_new else self.run.facts())

    def record(self, step: int = 0) -> None:
        """Writes configuration, data facts and this command to the run directory, all or nothing.

        step: the run's current step, for the name of the configuration that is replaced.

        Raises:
          RunError: if another process has started the run in the meantime.
          OSError: if the directory can't be written; it is then unchanged.
        """
        folder = self.run.path
        if self.is_new == self.run.exists:
            raise RunError(
                f"the run in {folder} was started or removed by another process in the meantime. Repeat the command."
            )
        if self.is_new:
            _sweep(folder)
        facts = {"data": self.data, "commands": [], **self.facts} if self.is_new else self.run.facts()
        texts = gin_config.texts(self.loaded) | self.texts
        if self.is_new or self.changes:
            spec = self.loaded.value.sized(len(self.examples.class_names))
            texts["architecture.txt"] = summary.table(spec, self.loaded.value.numerics) + "\n"
        if self.changes:
            former = folder / f"config-{step:08d}.gin"
            if not former.exists():
                texts = {former.name: (folder / "config.gin").read_text(encoding="utf-8")} | texts
            facts.setdefault("history", []).append(self._history(facts["data"], step, former.name))
        facts["data"] = self.data
        facts["commands"].append(_command())
        texts["run.json"] = json.dumps(facts, indent=1, ensure_ascii=False) + "\n"
        unchanged = [name for name, text in texts.items() if _holds(folder / name, text)]
        write_together(folder, {name: text for name, text in texts.items() if name not in unchanged})
        for line in self.changes:
            note(f"Recorded: {line}")

    def _history(self, former_data: dict, step: int, former_config: str) -> dict:
        entry = {"time": _now(), "step": step, "changes": list(self.changes), "former_config": former_config}
        return entry | ({"former_data": former_data} if former_data != self.data else {})


def admit(
    run: RunDirectory,
    loaded: gin_config.Loaded,
    examples: Examples,
    *,
    allow_change: bool = False,
    origin: Origin | None = None,
) -> Admission:
    """Checks that this is a new run, or the one that the directory holds. Writes nothing.

    allow_change: whether configuration and data may differ from the run's. The meaning of its classes may not.
    origin: the networks from which the weights are to be copied, from `find_origin`.

    Raises:
      RunError: if the folder holds something else, or if configuration or data differ from the run's.
      TransferError: if the networks cannot start from the origin's.
    """
    if origin:
        check_same_networks(origin.spec, loaded.value.sized(len(examples.class_names)),
                            discriminator=origin.has_discriminator)  # fmt: skip
    if not run.exists:
        _refuse_foreign(run.path)
        facts = {"init_from": origin.facts()} if origin else {}
        data = data_facts(examples)
        return Admission(run=run, loaded=loaded, examples=examples, data=data, is_new=True, origin=origin, facts=facts)
    before = run.facts()["data"]
    after = data_facts(examples, before)
    refuse_other_classes(run.path, before, after)
    examples = relabeled(examples, before["class_names"])
    after = data_facts(examples, before)
    content = content_changes(before, after, examples.former_fingerprint)
    free = experiment.free_on_resume(loaded.value)
    refused = [*gin_config.difference(run.path, loaded.value, (*free, *(() if content else _PLACES))), *content]
    if refused and not allow_change:
        raise RunError(
            f"{run.path} holds a run with another configuration:\n  "
            + "\n  ".join(refused)
            + "\nUse another --run_dir for this one, or the old configuration to resume that run; "
            "--allow_config_change resumes it with the changes."
        )
    changes = [*gin_config.difference(run.path, loaded.value, free=()), *content]
    return Admission(
        run=run, loaded=loaded, examples=examples, data=after, is_new=False, changes=tuple(changes), origin=origin
    )


def prepare(run: RunDirectory, loaded: gin_config.Loaded, examples: Examples) -> Admission:
    """`admit` and `record` at once, for a run whose networks are known to fit."""
    admission = admit(run, loaded, examples)
    admission.record()
    return admission


def require(run: RunDirectory) -> None:
    """For the workers other than the chief, which has recorded the run: checks that they can see it too.

    Raises:
      RunError: if not.
    """
    if not run.exists:
        raise RunError(
            f"--run_dir must be on a file system that all workers share; received --run_dir={run.path}, where the "
            "chief's run was not found. Name another directory."
        )


def write_together(folder: Path, texts: dict[str, str]) -> None:
    """Replaces several files: all of them are written to temporary files before the first is replaced.

    They are replaced in order, so that the last one shows that all are complete.

    Raises:
      OSError: if one can't be written; then none is replaced, and a folder that wasn't there isn't either.
    """
    made = [path for path in (folder, *folder.parents) if not path.exists()]
    try:
        with contextlib.ExitStack() as places:  # it ends in reverse order
            for name, text in reversed(texts.items()):
                temporary = places.enter_context(files.replacing(folder / name, durable=True))
                temporary.write_text(text, encoding="utf-8", errors="backslashreplace")  # as files.write_text does
    except BaseException:
        for path in made:
            with contextlib.suppress(OSError):
                path.rmdir()
        raise


def _refuse_foreign(folder: Path) -> None:
    """Refuses a folder with other files than those left behind by a start that was killed."""
    names = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    if any(not _is_own(name) for name in names) or (folder.exists() and not folder.is_dir()):
        raise RunError(
            f"--run_dir must be new, empty or a run of sagan_tf; received --run_dir={folder}, which holds other "
            "files. Name another directory."
        )


def _is_own(name: str) -> bool:
    return name.removesuffix(".partial") in (*_OWN, LOCK) or name.startswith(files.TEMPORARY)


def _sweep(folder: Path) -> None:
    """Removes unfinished files of a start that was killed."""
    files.sweep(folder)
    for left in folder.glob("*.partial"):
        left.unlink(missing_ok=True)


def _holds(path: Path, text: str) -> bool:
    return path.is_file() and path.read_text(encoding="utf-8") == text


def _now() -> str:
    return datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")


def _command() -> dict:
    """How this process was started: by a verb, or by a notebook or program that called `sagan_tf.fit`."""
    program = Path(sys.argv[0])
    is_verb = program.parent.resolve() == Path(experiment.__file__).parent.resolve()
    words = ["-m", f"sagan_tf.{program.stem}"] if is_verb else [str(program)]
    return {
        "time": _now(),
        "command": shlex.join(["python", *words, *sys.argv[1:]]),
        "versions": {**versions(), "python": platform.python_version()},
    }
