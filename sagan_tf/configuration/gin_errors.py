"""Explains errors in gin configurations: one sentence with the location, the error, and the nearest right name."""

import difflib
import inspect
import re
from collections.abc import Callable, Collection, Mapping
from pathlib import Path

from sagan_tf.configuration.binding_types import wrong_kind
from sagan_tf.foundation.spelling import did_you_mean

_WORDS = {"true": "True", "yes": "True", "false": "False", "no": "False", "none": "None", "null": "None"}
_CLOSE = 0.6  # difflib's ratio from which one name counts as a misspelling of another
_OWN, _USED, _SAME = 0.1, 0.05, 0.15  # bonus of a candidate for its owner, for being in use, and for an equal name
_TIED = 0.02


def parameters_of(configurables: Mapping[str, Callable]) -> dict[str, list[str]]:
    """The parameters of each configurable."""
    return {name: list(inspect.signature(target).parameters) for name, target in configurables.items()}


def suggestions(owner: str | None, parameter: str, configurables: Mapping[str, Callable], used: Collection[str]):
    """Full names ("families.sagan.resolution") that `owner.parameter` may mean, at most three, best first.

    Names of the same owner are preferred to those of others, and configurables in use to those that are not.
    """
    scores = {}
    for name, known in parameters_of(configurables).items():
        for candidate in known:
            likeness = difflib.SequenceMatcher(None, parameter, candidate).ratio()
            if likeness >= _CLOSE:
                gain = _OWN * (name == owner) + _USED * (name in used) + _SAME * (candidate == parameter)
                scores[f"{name}.{candidate}"] = likeness + gain
    best = max(scores.values(), default=0.0)
    return sorted((n for n, score in scores.items() if score >= best - _TIED), key=lambda n: -scores[n])[:3]


def full_name(selector: str, configurables: Mapping[str, Callable]) -> str:
    """The full name of a configurable ("families.sagan") for a suffix of it that gin accepts ("sagan")."""
    return next((name for name in configurables if name == selector or name.endswith("." + selector)), selector)


def explain(
    error: Exception, statement: str | None, configurables: Mapping[str, Callable], used: Collection[str]
) -> str:
    """Explains an error of gin in one sentence.

    statement: the binding or file that was being read, if any. used: the configurables in use so far.
    """
    text = re.sub(r"\s*In call to configurable .*", "", str(error), flags=re.DOTALL)
    place, line = _place(text)
    text = " ".join(re.sub(r"\n  In .*", "", text, flags=re.DOTALL).split())
    if match := re.search(r"Configurable '([\w.]+)' doesn't have a parameter named '(\w+)'", text):
        owner = full_name(match[1], configurables)
        near = did_you_mean(suggestions(owner, match[2], configurables, used))
        has = ", ".join(parameters_of(configurables).get(owner, []))
        return f"{place}{owner} has no parameter {match[2]!r}; received {line}. {near}Parameters of {owner}: {has}."
    if match := re.search(r"No configurable matching (?:reference )?'(@?)([\w./]+?)(\(?\)?)'", text):
        return f"{place}{_unknown(match, line, configurables, used)}"
    if "macro()" in text:
        scope = re.search(r"in scope '(\w+)'", str(error))
        return f"a macro must be given a value before it is used; received %{scope[1] if scope else '?'} without one."
    if match := re.search(r"missing \d+ required [\w-]+ arguments?: (.*)", text):
        return _incomplete(str(error), re.findall(r"'(\w+)'", match[1]), configurables)
    if isinstance(error, SyntaxError) or type(error).__name__ == "TokenError":
        return _unreadable(text, statement, configurables)
    if found := re.search(r"Unable to open file: (.+?)\. Searched", text):
        return f"{place}include must name a file that exists; received {found[1]}, read from {statement}."
    if isinstance(error, UnicodeDecodeError):
        return f"a gin file must be text in UTF-8; received {statement} ({text})."
    return f"{place}{_owner(str(error), text, configurables)}{text}"


def _place(text: str) -> tuple[str, str]:
    """ "FILE, line N: " where gin names a file, and the statement that it shows."""
    found = re.search(
        r"\n  In (?:file \"(?P<file>[^\"]*)\", line (?P<line>\d+)|[^\n]*)\n\s*(?P<statement>[^\n]*)", text
    )
    if not found:
        return "", ""
    return (f"{found['file']}, line {found['line']}: " if found["file"] else ""), found["statement"].strip()


def _incomplete(whole: str, names: list[str], configurables: Mapping[str, Callable]) -> str:
    """For a configurable that lacks arguments without a default."""
    found = re.search(r"In call to configurable '([\w.]+)'", whole)
    owner = full_name(found[1], configurables) + "." if found else ""
    them = "it" if len(names) == 1 else "them"
    return (
        f"{' and '.join(owner + name for name in names)} must be given a value; received a configuration without "
        f"{them}. Bind {them}, or include a file that does, such as gin/quickstart.gin."
    )


def _owner(whole: str, text: str, configurables: Mapping[str, Callable]) -> str:
    """ "families.sagan: " for an error of a configurable that does not name itself."""
    found = re.search(r"In call to configurable '([\w.]+)'", whole)
    owner = full_name(found[1], configurables) if found else ""
    return f"{owner}: " if owner and owner not in text else ""


def _unknown(match: re.Match, line: str, configurables: Mapping[str, Callable], used: Collection[str]) -> str:
    sign, word = match[1], match[2]
    near = difflib.get_close_matches(word.lower(), [name.lower() for name in configurables], n=1, cutoff=_CLOSE)
    owners = [name for name in configurables if name.lower() in near]
    parameter = line.partition("=")[0].strip().rpartition(".")[2]
    if sign:
        names = [f"@{name}()" for name in owners]
    elif owners:
        known = parameters_of(configurables)[owners[0]]
        names = (
            [f"{owners[0]}.{parameter}"] if parameter in known else suggestions(None, parameter, configurables, used)
        )
        names = names or owners
    else:
        names = suggestions(None, parameter, configurables, used)
    return (
        f"there is no configurable {word!r}; received {line}. {did_you_mean(names)}"
        f"Known names: {', '.join(configurables)}."
    )


def _unreadable(text: str, statement: str | None, configurables: Mapping[str, Callable]) -> str:
    """For a statement that is no `NAME = VALUE` with a Python literal or a reference."""
    found = re.search(r"\((?:(?P<file>[^,()]+), )?line (?P<line>\d+)\)", text)
    place = f"{found['file']}, line {found['line']}: " if found and found["file"] else ""
    token = re.search(r"Failed to parse token '(.*?)'", text)
    name, value = _split(statement, found)
    if name is None:
        if token is None:
            return f"{place}a configuration must be made of NAME=VALUE; received {statement or text}."
        name, value = "", token[1]
    received = f"received {name}={value}" if name else f"received {value}"
    if not value:
        return f"{place}{name} must be given a value; {received} without one. Write {name}=VALUE."
    right = _right_value(value, configurables)
    owner, _, parameter = name.rpartition(".")
    owner = full_name(owner, configurables)
    known = right == repr(value) and owner in configurables
    if known and (wrong := wrong_kind(owner, parameter, value, configurables)):
        return place + wrong.replace(f"={value!r}", f"={value}", 1)
    must = f"{place}{name or 'a value'} must be a Python literal or a reference; {received}."
    if right is None:
        return f"{must} Check its brackets and quotes."
    write = f"{name}={right}" if name else right
    if right != repr(value):
        return f"{must} Write: {write}"
    shell = f' (in a shell: --gin_bindings="{write}")' if name and not place else ""
    return f"{must} Put quotes around it: {write}{shell}"


def _split(statement: str | None, found: re.Match | None) -> tuple[str | None, str | None]:
    """(name, value) of a binding, or of the line of a file that gin complains about."""
    if statement and found and found["file"]:
        path = Path(statement)
        lines = path.read_text(encoding="utf-8").splitlines() if path.name == found["file"] and path.is_file() else []
        statement = lines[int(found["line"]) - 1] if int(found["line"]) <= len(lines) else None
    if not statement or "=" not in statement:
        return None, None
    name, _, value = statement.partition("=")
    return name.strip(), value.strip()


def _right_value(value: str, configurables: Mapping[str, Callable]) -> str | None:
    """What a value that is no literal probably means: True, None, a reference, or the same text in quotes."""
    if value.lower() in _WORDS:
        return _WORDS[value.lower()]
    bare = value.removeprefix("@").removesuffix("()")
    if (whole := full_name(bare, configurables)) in configurables:
        return f"@{whole}()"
    return repr(value) if not re.search(r"[\[\](){}'\"@%]", value) else None
