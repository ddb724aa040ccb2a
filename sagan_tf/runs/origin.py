"""The networks from which a run starts (`train --init_from`): a run or an import, found, checked and read first.

run.json records it. A run that has a checkpoint does not read it again. runs/transfer.py copies the weights.
"""

import dataclasses
import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from sagan_tf.data.class_names import listed
from sagan_tf.experiment import Experiment
from sagan_tf.foundation.home_folder import with_home
from sagan_tf.foundation.spelling import nearest
from sagan_tf.models.spec import GANSpec
from sagan_tf.models.transfer import TransferError, check_same_networks
from sagan_tf.runs.run_directory import RunDirectory, RunError
from sagan_tf.training.workers import Workers

RECORD = "init_from.json"  # in the run: what became of every variable
_STEP = re.compile(r"step-(\d{8})")
_GROUPS = ("generator", "discriminator", "average")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Origin:
    """What a run is started from.

    Attributes:
      path: as it was named, absolute; step: of the checkpoint.
      spec, class_names: of the networks in it.
      values: the checkpoint's variables by name, without the optimizers'.
      weights: the checkpoint's hash. class_map: new class -> class of the origin.
    """

    path: str
    step: int
    spec: GANSpec
    class_names: tuple[str, ...]
    values: Mapping[str, np.ndarray]
    weights: str
    class_map: Mapping[str, str]

    @property
    def has_discriminator(self) -> bool:
        return any(name.startswith("discriminator.") for name in self.values)

    def facts(self) -> dict:
        """What run.json says about it."""
        return {"path": self.path, "step": self.step, "weights": self.weights, "class_map": dict(self.class_map),
                "discriminator": "taken" if self.has_discriminator else "new"}  # fmt: skip


def find_origin(
    run: RunDirectory,
    settings: Experiment,
    named: str | Path | None,
    class_map: Mapping[str, str] | None = None,
    *,
    workers: Workers,
) -> Origin | None:
    """The networks from which the run starts; None for random weights, or if the run has already been started.

    named: a run or an import, or one of its checkpoints, such as "RUN/checkpoints/best". None: as the run has recorded.
    workers: all of them use what the chief has found.

    Raises:
      RunError, TransferError, CheckpointError: if there are no networks at that path or none that fit, if classes are
        mapped that don't exist, or if the run was started from something else.
    """
    found = _find(run, settings, named, class_map) if workers.is_chief else None
    (step,) = workers.from_chief(found.step if found else -1)
    if step >= 0 and found is None:
        found = _find(run, settings, named, class_map, step)
    return found


def _find(
    run: RunDirectory,
    settings: Experiment,
    named: str | Path | None,
    class_map: Mapping | None,
    step: int | None = None,
) -> Origin | None:
    path = None if named is None else str(with_home(named).resolve())
    if path is not None and Path(path).is_relative_to(run.path.resolve()):
        raise RunError(
            f"--init_from must name a run other than --run_dir; received --init_from={named} and --run_dir={run.path}. "
            "Leave --init_from out to resume that run."
        )
    if run.exists:
        recorded = run.facts().get("init_from")
        _refuse_another(run, path, class_map, recorded)
        checkpoints = run.checkpoints()
        if recorded is None or checkpoints.steps() or any(checkpoints.folder.glob("*.bad")):
            return None
        return _again(run, settings, recorded)
    if path is None:
        if class_map:
            raise TransferError(
                "--class_map must be used with --init_from, whose classes it names; received it without --init_from."
            )
        if settings.freeze_discriminator:
            raise TransferError(
                "train.freeze_discriminator must be 0 in a run that starts from fresh weights; received "
                f"train.freeze_discriminator={settings.freeze_discriminator}. Name a trained run by --init_from."
            )
        return None
    return _opened(settings, path, class_map or {}, step)


def _refuse_another(run: RunDirectory, path: str | None, class_map: Mapping | None, recorded: dict | None) -> None:
    """A resumed run keeps its weights: the command must name the networks from which it was started."""
    told = f"started from {recorded['path']}" if recorded else "started from fresh weights"
    if path is not None and (recorded is None or path != recorded["path"]):
        what = f"--init_from={path}"
    elif class_map and (recorded is None or dict(class_map) != recorded["class_map"]):
        what = f"the --class_map {dict(class_map)}"
    else:
        return
    raise RunError(
        f"a run that is resumed must keep its weights; received {what} for the run in {run.path}, which was {told}. "
        "Leave it out to resume the run, or name another --run_dir."
    )


def _again(run: RunDirectory, settings: Experiment, recorded: dict) -> Origin:
    """The origin of a run that was recorded, and interrupted before its first checkpoint."""
    origin = _opened(settings, recorded["path"], recorded["class_map"], recorded["step"])
    if origin.weights != recorded["weights"]:
        raise RunError(
            f"{recorded['path']} must hold the weights of step {recorded['step']} from which the run in {run.path} was "
            "started and which it has not saved yet; received others. Start a new run in another directory."
        )
    return origin


def _opened(settings: Experiment, path: str, class_map: Mapping[str, str], step: int | None) -> Origin:
    source, chosen = located(path)
    spec, names = source.spec(), source.class_names
    check_same_networks(spec, settings.sized(), discriminator=False)  # before the checkpoint is read
    _check_class_map(class_map, names, settings)
    loaded = source.checkpoints().load(_GROUPS, chosen if step is None else step)
    if loaded is None:
        raise RunError(
            f"--init_from must name a run that has a checkpoint; received --init_from={path}, which has none yet. "
            "Train it first."
        )
    step, values = loaded
    if not any(name.startswith("generator.") for name in values):
        raise RunError(
            f"--init_from must name networks; received --init_from={path}, whose step {step} has no generator."
        )
    if step == 0 and starts_fresh_discriminator(source.facts()):
        values = {name: array for name, array in values.items() if not name.startswith("discriminator.")}
    origin = Origin(path=path, step=step, spec=spec, class_names=names, values=values,
                    weights=source.weights_hash(step), class_map=class_map)  # fmt: skip
    check_same_networks(spec, settings.sized(), discriminator=origin.has_discriminator)
    if settings.freeze_discriminator and not origin.has_discriminator:
        raise TransferError(
            "train.freeze_discriminator must be 0 if the discriminator starts from new weights; received "
            f"train.freeze_discriminator={settings.freeze_discriminator} and --init_from={path}, which has none."
        )
    return origin


def located(path: str) -> tuple[RunDirectory, int | None]:
    """The run that a path names, and the step of its checkpoint if the path leads to one.

    Raises:
      RunError: for any other path.
    """
    place = Path(path)
    folder = next((p for p in (place, *place.parents) if (p / "run.json").is_file()), None)
    if folder is None:
        reason = "which doesn't exist" if not place.exists() else "which is not a run: it has no run.json"
        raise RunError(
            f"--init_from must name a run's directory, or a checkpoint in it such as RUN/checkpoints/best; received "
            f"--init_from={path}, {reason}. Published weights become a run by import_weights."
        )
    run, inside = RunDirectory(folder), place.relative_to(folder).parts
    if inside in ((), ("checkpoints",)):
        return run, None
    if inside[0] == "checkpoints" and place.is_dir():
        if len(inside) <= 3 and (named := _STEP.fullmatch(inside[-1])):
            return run, int(named[1])
        if len(inside) == 2 and (kept := run.checkpoints().kept(inside[1])):
            return run, kept.step
    raise RunError(
        f"--init_from must name a run, or one of its checkpoints such as {folder / 'checkpoints' / 'best'}; received "
        f"--init_from={path}, which is neither. Checkpoints: {_listed(run)}."
    )


def _listed(run: RunDirectory) -> str:
    folder = run.checkpoints().folder
    names = sorted(p.name for p in folder.iterdir() if p.is_dir() and p.suffix != ".bad") if folder.is_dir() else []
    return ", ".join(names) or "none"


def _check_class_map(class_map: Mapping[str, str], there: tuple[str, ...], settings: Experiment) -> None:
    here = settings.data.class_names() if class_map else ()
    for word, names, whose in (
        *((new, here, "data") for new in class_map),
        *((old, there, "run that is named by --init_from") for old in class_map.values()),
    ):
        if word not in names:
            raise TransferError(
                f"--class_map must map classes of the data to classes of --init_from, NEW=OLD; received {word!r}, "
                f"which is not a class of the {whose}. {nearest(word, names)}Its classes: {listed(names, most=40)}."
            )


def starts_fresh_discriminator(facts: dict) -> bool:
    """Whether a run's D was started from new weights with a trained G, according to its run.json."""
    if "init_from" in facts:
        return facts["init_from"]["discriminator"] == "new"
    return "imported" in facts and facts["imported"]["discriminator"] is None
