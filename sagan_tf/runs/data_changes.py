"""What a run records about its data, and how the data of a resumed run differ from that record, in sentences."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from sagan_tf.data.source import Examples
from sagan_tf.runs.run_directory import RunError

_NAMED = 8  # classes that a message names


def data_facts(examples: Examples, before: dict | None = None) -> dict:
    """What run.json says about the data.

    before: what it says about the run already. If a run was started without a fact, it is resumed without it, so that
      its images stay the same.
    """
    facts = {
        "name": examples.name,
        "fingerprint": examples.fingerprint,
        "n_examples": examples.n_examples,
        "class_names": list(examples.class_names),
        "class_digests": list(examples.class_digests),
        "label_kind": examples.label_kind,
        "gray": examples.gray,
    }
    unknown = () if before is None else {"label_kind", "gray"} - set(before)
    return {name: fact for name, fact in facts.items() if name not in unknown}


def refuse_other_classes(run: Path, before: dict, after: dict) -> None:
    """Refuses data whose classes are not the run's: its networks have learned the meaning of each label.

    The order of the names doesn't matter, since labels are matched by name; nor does the name of the only class.

    Raises:
      RunError: with both lists, if names vanished or were added, or if classes have exchanged their contents.
    """
    old, new = before["class_names"], after["class_names"]
    if len(old) == len(new) == 1:
        return
    vanished, added = [n for n in old if n not in set(new)], [n for n in new if n not in set(old)]
    was, now = _digests(before), _digests(after)
    origin = {contents: name for name, contents in was.items()}
    moved = {name: origin[now[name]] for name in now if now[name] in origin and now[name] != was.get(name)}
    swapped = [name for name in moved if name in was]
    if old != new and (vanished or added or Counter(old) != Counter(new) or len(set(old)) < len(old)):
        reason = f"The run's classes without images now: {_some(vanished)}; new ones: {_some(added)}."
    elif swapped:
        reason = "Classes have exchanged their images."
    else:
        return
    hints = [f"{name!r} holds what {former!r} held" for name, former in list(moved.items())[:_NAMED]]
    raise RunError(
        f"the data's classes must be those of the run in {run}, whose labels keep their meaning even with "
        f"--allow_config_change; received others. {reason}\n"
        + "".join(f"  {hint}\n" for hint in hints)
        + f"Classes of the run: {_some(old, 40)}\nClasses of the data: {_some(new, 40)}\n"
        "Give the classes their former names and images, or start a new run in another directory."
    )


def content_changes(before: dict, after: dict, former_fingerprint: str | None) -> list[str]:
    """How the data's content differs from the run's record, a line each; none if it is the same.

    former_fingerprint: of the data now, in the form that was recorded before contents were hashed.
    """
    if before["fingerprint"] in (after["fingerprint"], former_fingerprint):
        return []
    lines = []
    if before["n_examples"] != after["n_examples"]:
        lines.append(f"data: {before['n_examples']} images in the run, {after['n_examples']} now")
    lines += _class_lines(before, after)
    if not lines and former_fingerprint and "content=" not in before["fingerprint"]:
        return [
            "data: names, sizes or modification times of the images differ from those that the run recorded; if only "
            "the times differ, as in a copy, use --allow_config_change"
        ]
    return lines or [f"data fingerprint: {before['fingerprint']!r} in the run, {after['fingerprint']!r} now"]


def _class_lines(before: dict, after: dict) -> list[str]:
    """Which classes differ, and how."""
    was, now = (dict(zip(facts["class_names"], facts.get("class_digests", ()), strict=False))
                for facts in (before, after))  # fmt: skip
    lines = []
    for name in was:
        if name not in now or was[name] == now[name]:
            continue
        (count, names, _), (count_now, names_now, _) = was[name].split(), now[name].split()
        if count != count_now:
            lines.append(f"class {name}: {count} images in the run, {count_now} now")
        elif names != names_now:
            lines.append(f"class {name}: {count} images with other file names or sizes than in the run")
        else:
            lines.append(f"class {name}: the run's file names and sizes with other contents")
    more = [f"and {len(lines) - _NAMED} more classes"] if len(lines) > _NAMED else []
    return [*lines[:_NAMED], *more]


def _digests(facts: dict) -> dict[str, str]:
    """Class name -> digest of its contents, for the classes whose contents no other class has."""
    found = dict(zip(facts["class_names"], facts.get("class_digests", ()), strict=False))
    contents = {name: digest.split()[2] for name, digest in found.items()}
    count = Counter(contents.values())
    return {name: digest for name, digest in contents.items() if count[digest] == 1}


def _some(names: Sequence[str], most: int = _NAMED) -> str:
    shown = ", ".join(names[:most]) or "none"
    return shown + (f" and {len(names) - most} more" if len(names) > most else "")
