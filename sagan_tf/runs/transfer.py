"""Copies networks from a run's origin: values into the state, a summary for the terminal, and the list for the run."""

import dataclasses
import json
from collections.abc import Mapping, Sequence

from sagan_tf.experiment import Experiment
from sagan_tf.foundation.notes import note
from sagan_tf.foundation.spelling import counted
from sagan_tf.models.transfer import Match, match, rows_by_name, source_of, value
from sagan_tf.runs.origin import RECORD, Origin
from sagan_tf.training.state import GAN

# Steps over which the learning rates rise if D starts from new weights with a trained G: D's, since Adam's first steps
# on new weights are large; G's for longer, so that it is not damaged by a D that has not learned anything yet. Not from
# a paper.
_WARMUP = {"g_warmup": 500, "d_warmup": 100}
_NAMED = 4  # variables and classes that a note names


def warmed_up(settings: Experiment, *, fresh_discriminator: bool) -> Experiment:
    """The settings, with the default warm-up of a run whose D starts from new weights with a trained G."""
    if not fresh_discriminator:
        return settings
    optimizer = settings.optimizer
    chosen = {name: steps for name, steps in _WARMUP.items() if getattr(optimizer, name) is None}
    return dataclasses.replace(settings, optimizer=dataclasses.replace(optimizer, **chosen))


def note_fresh_discriminator(settings: Experiment) -> None:
    """Logs that D starts from new weights. settings: those that `warmed_up` returned."""
    d, g = settings.optimizer.d_warmup, settings.optimizer.g_warmup
    note(
        "The discriminator starts from new weights next to a trained generator, since none was imported. Its learning "
        f"rate rises over the first {d:,} steps and the generator's over {g:,} (TwoTimescaleAdam.d_warmup, .g_warmup)."
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Taken:
    """What became of every variable of the new networks, and of those of the origin.

    record: what init_from.json says. matches: where each variable comes from. conditional: whether both have classes.
    """

    record: dict
    matches: Mapping[str, Match]
    conditional: bool

    def summary(self, most: int | None = _NAMED) -> list[str]:
        """What was taken and what was not, in a few lines. most: how many names each line may list; None: all."""
        record, found = self.record, self.matches
        new = [name for name, how in found.items() if how.how == "new"]
        counts = []
        for network in ("generator", "discriminator"):
            names = [name for name in found if name.startswith(f"{network}.")]
            counts.append(
                f"{sum(found[name].how != 'new' for name in names)} of {len(names)} variables of the {network}"
            )
        average = {"taken": "and the average are", "none kept": "are"}.get(
            record["average"], "and a copy as the average are"
        )
        lines = [f"From {record['path']}, step {record['step']:,}: {', '.join(counts)} {average} taken."]
        if self.conditional:
            same = [name if name == old else f"{name} (from {old})" for name, old in record["classes"].items() if old]
            others = [name for name, old in record["classes"].items() if old is None]
            same, others = _some(same, most), _some(others, most)
            lines += [f"Classes taken by name: {same}; new, starting as the mean of the others': {others}."]
        lines += [f"New: {_some(new, most)}."] if new else []
        lines += [f"Not taken: {_some(record['not_taken'], most)}."] if record["not_taken"] else []
        return lines


def take(gan: GAN, origin: Origin, class_names: Sequence[str]) -> Taken:
    """Copies the matching variables of the origin into the state.

    gan: the fresh state of the new run; the optimizers' slots and the step stay as they are.
    class_names: of the new run's data.

    The average of G is the origin's, or a copy of its weights if it keeps none.

    Raises:
      TransferError: if the networks are of different families.
    """
    groups = {"generator": gan.g_variables, "discriminator": gan.d_variables}
    here = {f"{group}.{name}": variable for group, variables in groups.items() for name, variable in variables.items()}
    n_trained = len(origin.class_names)
    rows = rows_by_name(origin.class_names, class_names, origin.class_map)
    found = match(
        {name: tuple(array.shape) for name, array in origin.values.items()},
        {name: tuple(variable.shape) for name, variable in here.items()},
        spec_there=origin.spec,
        spec_here=gan.spec,
        same_classes=rows == tuple(range(n_trained)),
    )
    average = "average" if any(name.startswith("average.") for name in origin.values) else "generator"
    targets = [(name, variable, name) for name, variable in here.items()]
    targets += [(f"generator.{name}", variable, f"{average}.{name}") for name, variable in gan.shadow.items()]
    for name, variable, source in targets:
        if found[name].how != "new":
            trained = origin.values[source_of(source, found[name])]
            shape = tuple(variable.shape)
            variable.assign(value(found[name], trained, shape=shape, rows=rows, n_trained=n_trained))
    sources = {source_of(name, how) for name, how in found.items() if how.how != "new"}
    names = zip(class_names, rows, strict=True)
    record = {
        **origin.facts(),
        "average": {"average": "taken", "generator": "a copy of the generator"}[average] if gan.shadow else "none kept",
        "classes": {name: None if row is None else origin.class_names[row] for name, row in names},
        "variables": {name: how.how for name, how in found.items()},
        "not_taken": [n for n in origin.values if not n.startswith("average.") and n not in sources],
    }
    conditional = "none" not in (origin.spec.conditioning, gan.spec.conditioning)
    return Taken(record=record, matches=found, conditional=conditional)


def transfer(gan: GAN, origin: Origin, class_names: Sequence[str]) -> str:
    """`take`, with a summary as notes. Returns the text of init_from.json."""
    taken = take(gan, origin, class_names)
    for line in taken.summary():
        note(line)
    note(f"The whole list of {counted(len(taken.matches), 'variable')} is in {RECORD} of the run.")
    return json.dumps(taken.record, indent=1, ensure_ascii=False) + "\n"


def _some(names: Sequence[str], most: int | None) -> str:
    rest = 0 if most is None else max(len(names) - most, 0)
    return (", ".join(names[:most]) or "none") + (f" and {rest} more" if rest else "")
