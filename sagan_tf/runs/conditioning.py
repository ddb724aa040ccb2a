"""Networks without class tables for data without classes, where the configuration leaves the choice open."""

import re

from sagan_tf import experiment
from sagan_tf.configuration import gin_config
from sagan_tf.data.source import DataError, Examples
from sagan_tf.foundation.notes import note
from sagan_tf.models import families
from sagan_tf.runs.run_directory import RunDirectory

# The bindings for a description that was built in Python. It only has values, so that a choice cannot be distinguished
# from a default.
_UNCONDITIONAL_SPEC = (
    "GANSpec.conditioning = 'none'",
    "GANSpec.head = 'plain'",
    "GANSpec.hierarchical = False",
    "GANSpec.condition_includes_z = False",
)


def fitted(loaded: gin_config.Loaded, examples: Examples, run: RunDirectory) -> gin_config.Loaded:
    """The configuration of a run on these data: with conditioning='none' if they have no classes.

    The binding is added to the configuration's text, so that the run records it like one that the user gave. If there
    already is a binding of `conditioning`, it is kept: data without classes are then trained as one class, with tables
    of one row. The same holds for a run that was started in this way.

    Raises:
      DataError: for a family of networks that needs classes.
    """
    if loaded.value.spec.conditioning == "none":
        if examples.label_kind != "none":
            note(f"The classes of {examples.name} are not used: the networks' conditioning is 'none'.")
        return loaded
    if examples.label_kind != "none" or (run.exists and run.spec().conditioning != "none"):
        return loaded
    scope, family = _family(loaded.text)
    if family == "GANSpec":
        bindings = _UNCONDITIONAL_SPEC
    else:
        name = f"{scope}families.{family}.conditioning"
        if re.search(rf"^(?:{scope})?(?:families\.)?{family}\.conditioning *=", loaded.text, re.MULTILINE):
            note(f"{examples.name} has no classes; as {name} is set, all its images are trained as one class.")
            return loaded
        _refuse_without_choice(family, examples)
        bindings = (f"{name} = 'none'",)
    note(
        f"{examples.name} has no classes: the networks have no class tables and a plain head ({'; '.join(bindings)}). "
        "With class folders, the model would be class-conditional."
    )
    return experiment.with_bindings(loaded, bindings)


def _family(text: str) -> tuple[str, str]:
    """The scope ("big/" or "") and the family of the networks in a configuration's text, also behind a macro."""
    value = re.search(r"^train\.spec = (.*)$", text, re.MULTILINE)[1]
    macro = value[1:] if value.startswith("%") else ""
    if macro:
        value = re.search(rf"^{macro} = (.*)$", text, re.MULTILINE)[1]
    scope, family = re.fullmatch(r"@((?:\w+/)*)(?:families\.)?(\w+)\(\)", value).groups()
    return scope or (f"{macro}/" if macro else ""), family  # gin calls what a macro names in the macro's scope


def _refuse_without_choice(family: str, examples: Examples) -> None:
    options = {name: getattr(function, "__kwdefaults__", None) or {} for name, function in vars(families).items()}
    if "conditioning" not in options[family]:
        choices = [name for name in options if "conditioning" in options[name]]
        raise DataError(
            f"The data must have classes for families.{family}; received {examples.name}, which has none. Sort the "
            "images into class folders, or use networks that need no classes: "
            f"families.{' or families.'.join(choices)}."
        )
